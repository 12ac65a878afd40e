"""Which migrations were released, and what was in them.

`frozen.txt` beside this module has a line for each: the version that froze it, its path, the SHA-256 of the
file. A frozen one has run on databases of others, so it never changes; new ones come after it.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from tests.processes import ROOT

LIST = Path(__file__).with_name("frozen.txt")


def migrations(project: Path = ROOT) -> dict[str, str]:
    """Path → SHA-256 of every migration of ours."""
    found = sorted(project.glob("*/migrations/[0-9]*.py"))
    return {
        file.relative_to(project).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in found
    }


def listed(file: Path = LIST) -> dict[str, tuple[str, str]]:
    """Path → (version, SHA-256), as they were frozen. Empty before the first freeze."""
    lines = file.read_text().splitlines() if file.exists() else []
    return {path: (version, digest) for version, path, digest in map(str.split, lines)}


def freeze(version: str, file: Path = LIST, project: Path = ROOT) -> None:
    """Adds the migrations that no earlier version froze."""
    known = listed(file)
    new = {path: (version, digest) for path, digest in migrations(project).items() if path not in known}
    lines = (f"{version} {path} {digest}\n" for path, (version, digest) in (known | new).items())
    file.write_text("".join(lines))


def complaints(file: Path = LIST, project: Path = ROOT) -> Iterator[str]:
    """What is wrong with the released migrations, and what to do."""
    found = migrations(project)
    for path, (version, digest) in listed(file).items():
        if found.get(path) != digest:
            done = "changed" if path in found else "gone"
            yield (
                f"{path} was released with {version} and is {done}: databases that ran it would keep other"
                f" tables than new ones. Take it back as it was (git checkout v{version} -- {path}), and make"
                " the change as a migration of its own: manage.py makemigrations."
            )
