"""Makes the working tree a version whose migrations never change again: `make freeze VERSION=0.2.0`.

Writes the version where it is told, adds the migrations to `frozen.txt`, and stores a database of this
version for SQLite and for PostgreSQL, from which `test_upgrade.py` upgrades ever after. Needs PostgreSQL, at
DATABASE_URL or at 127.0.0.1:5432, and its programs. Commit and tag what it made.
"""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.processes import ROOT, manage
from tests.upgrade import frozen

POSTGRES = "postgres://postgres@127.0.0.1:5432/postgres"
TOLD = {
    "lib/version.py": r'^(VERSION = ")[^"]+',
    "pyproject.toml": r'^(version = ")[^"]+',
    "docs/deployment.md": r'("version": "|\$IMAGE:)[\d.]+\d',
}


def set_version(version: str, project: Path = ROOT) -> None:
    """Writes it where it is told, and ends the changelog's part of what is unreleased."""
    for name, pattern in TOLD.items():
        file = project / name
        text, found = re.subn(pattern, rf"\g<1>{version}", file.read_text(), flags=re.MULTILINE)
        assert found, name
        file.write_text(text)
    file = project / "CHANGELOG.md"
    title = f"## [Unreleased]\n\n## [{version}] - {datetime.now(UTC):%Y-%m-%d}\n"
    text = re.sub(r"\nThis becomes [\d.]+\.\n", "", file.read_text())
    assert f"[{version}]" not in text, f"CHANGELOG.md has {version} already"
    file.write_text(text.replace("## [Unreleased]\n", title, 1))


@contextmanager
def kept_if_it_fails(*files: Path) -> Iterator[None]:
    """Puts the files back as they were if the block fails: a tree is a release, or is not touched."""
    before = {file: file.read_bytes() if file.exists() else None for file in files}
    try:
        yield
    except BaseException:
        for file, content in before.items():
            if content is None:
                file.unlink(missing_ok=True)
            else:
                file.write_bytes(content)
        raise


def store(directory: Path, env: Mapping[str, str]) -> str:
    """In a process of its own, which knows the version that was just written."""
    call = f"from tests.upgrade import stored; stored.store({str(directory)!r})"
    return manage(env, "shell", "--no-imports", "--command", call)


def main(version: str) -> None:
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        sys.exit("Name the version: make freeze VERSION=0.2.0")
    if complaints := list(frozen.complaints()):
        sys.exit("\n".join(complaints))
    stored = frozen.LIST.parent / version
    if stored.exists():
        sys.exit(f"{version} is frozen already: {stored} has its databases.")
    written = [ROOT / name for name in (*TOLD, "CHANGELOG.md")]
    with tempfile.TemporaryDirectory() as directory, kept_if_it_fails(*written, frozen.LIST):
        env = os.environ | {"DATA_DIR": directory, "DATABASE_URL": ""}
        # Models without their migration cannot be released.
        manage(env, "makemigrations", "--check", "--dry-run")
        set_version(version)
        frozen.freeze(version)
        made = Path(directory) / version
        for url in (os.environ.get("DATABASE_URL") or POSTGRES, ""):
            print(store(made, env | {"DATABASE_URL": url}), end="")
        shutil.copytree(made, stored)
    print(f"Now: the tests of tests/upgrade on both databases, git add -A, git commit, git tag v{version}.")


if __name__ == "__main__":
    main(*sys.argv[1:2] or [""])
