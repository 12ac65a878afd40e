"""What is installed is what was tested: the .lock files have every package with the hashes of its files."""

import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)


def wanted(name: str) -> dict[str, str]:
    """Version by package, of a file that people write."""
    lines = re.findall(r"^([\w-]+)(?:\[[\w,-]+\])?==(\S+)$", (ROOT / name).read_text(), re.MULTILINE)
    return {package.lower(): version for package, version in lines}


def locked(name: str) -> dict[str, str]:
    """Version by package, of a file that `make pin` writes. Fails for one without a hash."""
    text = re.sub(r"^#.*\n", "", (ROOT / name).read_text(), flags=re.MULTILINE)
    found = {}
    for entry in re.split(r"\n(?=\S)", text.strip()):
        match = re.fullmatch(
            r"([\w-]+)==([\w.]+)(?: ; [^\\\n]+)?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)", entry
        )
        assert match, f"{entry[:100]!r} has no version, or no hash"
        found[match[1]] = match[2]
    return found


@pytest.mark.parametrize(
    ("lock", "names"),
    [
        ("requirements.lock", ["requirements.txt"]),
        ("requirements-dev.lock", ["requirements.txt", "requirements-dev.txt"]),
    ],
)
def test_every_package_is_locked_with_its_hashes(lock: str, names: list[str]) -> None:
    found = locked(lock)
    for package, version in {each: v for name in names for each, v in wanted(name).items()}.items():
        assert found.get(package) == version, f"{package}: run `make pin`"


def test_what_is_tested_is_what_production_gets() -> None:
    production = locked("requirements.lock")
    assert len(production) > len(wanted("requirements.txt"))  # what those need in turn, too
    assert production.items() <= locked("requirements-dev.lock").items()


def test_every_way_to_install_asks_for_the_hashes() -> None:
    ways = ("Makefile", "Dockerfile", "README.md", "docs/deployment.md")
    texts = [(ROOT / way).read_text().replace("\\\n", "") for way in ways]
    installs = [line for text in texts for line in re.findall(r"pip install .*", text)]
    assert len(installs) >= 6
    assert [line for line in installs if "--require-hashes" not in line] == []
