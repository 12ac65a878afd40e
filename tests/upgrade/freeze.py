"""Makes the working tree a version whose migrations never change again: `make freeze VERSION=0.2.0`.

Writes the version where it is told, adds the migrations to `frozen.txt`, and stores a database of this
version for SQLite and for PostgreSQL, from which `test_upgrade.py` upgrades ever after. Needs PostgreSQL, at
DATABASE_URL or at 127.0.0.1:5432, and its programs. Commit and tag what it made.
"""

import os
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.processes import ROOT, fresh_environment, manage
from tests.upgrade import frozen, stored

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


def store(version: str) -> None:
    """In a process of its own, which knows the version that was just written."""
    with tempfile.TemporaryDirectory() as directory, fresh_environment(Path(directory)) as env:
        print(stored.make(env, stored.HERE / version))


def main(version: str) -> None:
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        sys.exit("Name the version: make freeze VERSION=0.2.0")
    if complaints := list(frozen.complaints()):
        sys.exit("\n".join(complaints))
    with tempfile.TemporaryDirectory() as directory:  # models without their migration cannot be released
        manage(os.environ | {"DATA_DIR": directory}, "makemigrations", "--check", "--dry-run")
    set_version(version)
    frozen.freeze(version)
    for url in ("", os.environ.get("DATABASE_URL") or POSTGRES):
        argv = [sys.executable, "-m", "tests.upgrade.freeze", "--store", version]
        subprocess.run(argv, env=os.environ | {"DATABASE_URL": url}, cwd=ROOT, check=True)
    print(f"Now: the tests of tests/upgrade on both databases, git add -A, git commit, git tag v{version}.")


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if sys.argv[1:2] == ["--store"]:
        django.setup()
        store(sys.argv[2])
    else:
        main(*sys.argv[1:2] or [""])
