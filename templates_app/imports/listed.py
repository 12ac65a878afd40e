"""The templates of a list while it is read, kept in a file."""

import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import msgspec

from providers.messages import ListedTemplate, TemplatePage

CHUNK = 500

Key = tuple[str, str]  # name and language


class Listed:
    """The templates of a list, kept in a file, so that tens of thousands need no memory.

    With a name, keeps only those with exactly this name: some BSPs return all whose name contains it.
    """

    def __init__(self, name: str = "") -> None:
        self._name = name
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._last: frozenset[object] = frozenset()
        self.keys: set[Key] = set()
        self.unreadable: list[str] = []

    @property
    def count(self) -> int:
        return len(self.keys)

    def repeats(self, page: TemplatePage) -> bool:
        """Whether the page has exactly the items of the page before, readable or not."""
        held = _held(page)
        return bool(held) and held == self._last

    def add(self, page: TemplatePage) -> None:
        """Takes a page in. When a template comes twice, the first one counts."""
        self._last = _held(page) or self._last
        self.unreadable += page.unreadable
        for template in page.templates:
            key = (template.name, template.language)
            if key not in self.keys and self._name in ("", template.name):
                self.keys.add(key)
                self._file.write(msgspec.json.encode(template) + b"\n")

    def chunks(self) -> Iterator[list[ListedTemplate]]:
        self._file.seek(0)
        chunk: list[ListedTemplate] = []
        for line in self._file:
            chunk.append(msgspec.json.decode(line, type=ListedTemplate))
            if len(chunk) == CHUNK:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _held(page: TemplatePage) -> frozenset[object]:
    """What identifies a page: its templates, or the problems of a page without readable ones."""
    return frozenset((one.name, one.language) for one in page.templates) or frozenset(page.unreadable)
