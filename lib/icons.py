"""Icons are hidden from screen readers, which would read the words that they are made of.

An icon is a word in a font that draws it: `search` in a span of the class material-symbols-outlined. Whatever
template is loaded, Unfold's own included, has its icons hidden.
"""

import re

from django.template.loaders import app_directories, filesystem

_ICON = re.compile(r"<(span|div|i)\b(?=[^<>]*\bmaterial-symbols-outlined\b)(?![^<>]*\baria-hidden)")


def hidden(source: str) -> str:
    """The template's source with its icons hidden."""
    return _ICON.sub(r'<\1 aria-hidden="true"', source)


class Filesystem(filesystem.Loader):
    def get_contents(self, origin: object) -> str:
        return hidden(super().get_contents(origin))  # type: ignore[arg-type]


class AppDirectories(app_directories.Loader):
    def get_contents(self, origin: object) -> str:
        return hidden(super().get_contents(origin))  # type: ignore[arg-type]
