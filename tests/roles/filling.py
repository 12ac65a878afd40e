"""What a browser would post of a page's form, as it is shown."""

from html.parser import HTMLParser
from typing import Any


class _Fields(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, Any] = {}
        self._select = self._area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = dict(attrs)
        name, value = about.get("name") or "", about.get("value") or ""
        if tag == "input" and name:
            kind = about.get("type") or "text"
            if kind in ("checkbox", "radio") and "checked" not in about:
                return
            if kind not in ("submit", "button", "file"):
                self.found[name] = value or ("on" if kind == "checkbox" else "")
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and ("selected" in about or self._select not in self.found):
            self.found[self._select] = value
        elif tag == "textarea":
            self._area = name
            self.found[name] = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.found[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = ""
        if tag == "select":
            self._select = ""


def filled(page: str, **values: Any) -> dict[str, Any]:
    fields = _Fields()
    fields.feed(page)
    return {name: value for name, value in fields.found.items() if name} | values
