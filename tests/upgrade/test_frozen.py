"""What is released stays as it is: its migrations, and a database of it to upgrade from."""

import re
import shutil
from pathlib import Path

import pytest

from lib.version import VERSION
from tests.processes import ROOT
from tests.upgrade import freeze, frozen, stored

FIRST = (0, 2, 0)  # the first version whose tables are kept


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def released() -> list[str]:
    """The versions that the changelog names, and this one."""
    named = re.findall(r"^## \[([\d.]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    return [each for each in {*named, VERSION} if numbers(each) >= FIRST]


def test_no_released_migration_has_changed() -> None:
    assert list(frozen.complaints()) == []


@pytest.mark.parametrize("kept", ["sqlite.sql.gz", "sqlite.json", "postgresql.sql.gz", "postgresql.json"])
def test_of_each_release_there_is_a_database(kept: str) -> None:
    """`make freeze VERSION=…` makes them."""
    missing = [each for each in released() if not (stored.HERE / each / kept).exists()]
    assert missing == []


def test_each_release_froze_its_migrations() -> None:
    assert bool(frozen.listed()) == bool(released())


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The migrations, and what tells the version."""
    for path in (*frozen.migrations(), *freeze.TOLD, "CHANGELOG.md"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    return tmp_path


def test_a_frozen_migration_may_get_company_and_nothing_else(project: Path) -> None:
    file = project / "frozen.txt"
    assert list(frozen.complaints(file, project)) == [], "nothing is frozen before the first freeze"
    frozen.freeze("9.0.0", file, project)
    assert {path: digest for path, (_, digest) in frozen.listed(file).items()} == frozen.migrations(project)

    added = project / "campaigns/migrations/0002_example.py"
    added.write_text("# another\n")
    assert list(frozen.complaints(file, project)) == []
    frozen.freeze("9.1.0", file, project)
    assert frozen.listed(file)["campaigns/migrations/0002_example.py"][0] == "9.1.0"
    assert frozen.listed(file)["config/migrations/0001_roles.py"][0] == "9.0.0"

    added.unlink()
    first = project / "campaigns/migrations/0001_initial.py"
    first.write_text(first.read_text().replace("null=True", "null=False", 1))
    said = sorted(frozen.complaints(file, project))
    assert len(said) == 2
    assert said[0].startswith("campaigns/migrations/0001_initial.py was released with 9.0.0 and is changed")
    assert "git checkout v9.0.0 -- campaigns/migrations/0001_initial.py" in said[0]
    assert "0002_example.py was released with 9.1.0 and is gone" in said[1]


def test_the_version_is_written_where_it_is_told(project: Path) -> None:
    freeze.set_version("9.0.0", project)
    assert 'VERSION = "9.0.0"' in (project / "lib/version.py").read_text()
    assert 'version = "9.0.0"' in (project / "pyproject.toml").read_text()
    page = (project / "docs/deployment.md").read_text()
    assert '{"status": "ready", "version": "9.0.0",' in page
    assert "docker push $IMAGE:9.0.0" in page
    assert not re.search(rf'["/:v]{re.escape(VERSION)}', page), "it is told somewhere else, too"
    changes = (project / "CHANGELOG.md").read_text()
    assert re.search(r"^## \[Unreleased\]\n\n## \[9\.0\.0\] - [\d-]{10}\n", changes, re.MULTILINE)
    with pytest.raises(AssertionError, match=r"has 9\.0\.0 already"):
        freeze.set_version("9.0.0", project)
