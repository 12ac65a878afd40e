"""Wordings that pages, documents, docstrings and comments had once, and that readers did not understand."""

import re

import pytest

from tests.setup.prose import ROOMS, ROOT

OLD = (
    "In our queue or further",
    "Taken by the BSP",
    "became messages",
    "nobody could read",
    "tries once more",
    "Import by itself",
    "Save and go on",
    "chance could not make",
    "is missing or is none",
    "Apart in all rows",
    "Measured and safe",
    "keeping two apart that would miss each other",
    "the clock of whoever told it",
    "cost nobody a message",
    "who comes twice is one",
    "given up",
    "Our own fault",
    "for the account's sake",
    "a number that is none",
    "makes nothing of",
)
FILES = [
    path
    for room in (*ROOMS, "docs")
    for path in sorted((ROOT / room).rglob("*"))
    if path.suffix in (".py", ".html", ".js", ".md", ".txt") and "node_modules" not in path.parts
] + [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]


def test_there_are_files_to_look_at() -> None:
    assert {".py", ".html", ".md", ".txt"} <= {path.suffix for path in FILES}


@pytest.mark.parametrize("words", OLD)
def test_they_are_gone(words: str) -> None:
    """Also where a line ends within them."""
    spread = re.compile(r"(?:\s|#)+".join(map(re.escape, words.split())), re.IGNORECASE)
    assert [str(path.relative_to(ROOT)) for path in FILES if spread.search(path.read_text())] == []
