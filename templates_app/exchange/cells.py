"""What the cells of a file of templates say, read into what a template holds."""

import json
from typing import Any

from import_export.widgets import Widget

from lib.reading import text
from templates_app.content.components import Component, cards


class Native(Widget):  # type: ignore[misc]
    """Values as they are; the formats know how to write them. What cannot be read is a ValueError."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        return value


class Word(Native):
    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if value is not None and not isinstance(value, str | int | float):
            raise ValueError("Expected a text.")
        word = str("" if value is None else value).strip()
        if not word or "\0" in word:
            raise ValueError("Empty. Fill it in." if not word else "A null character is not allowed here.")
        return word


class Choice(Word):
    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str:
        return super().clean(value).upper()


class Seconds(Native):
    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> int | None:
        if value is None or value == "":
            return None
        try:
            seconds = float(value)
            if seconds.is_integer() and -1 <= seconds < 2**31:
                return int(seconds)
        except (TypeError, ValueError):
            pass
        raise ValueError(f"{short(value)} is not a whole number of seconds.")


class Paths(Native):
    """A list, its JSON, or words between commas: `button.0, card.1.button.0`."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> list[str]:
        if isinstance(value, str):
            value = parsed(value) if value.lstrip().startswith("[") else value.replace(",", " ").split()
        if not isinstance(value or [], list) or not all(isinstance(each, str) for each in value or []):
            raise ValueError("Expected a list of buttons: button.0, card.1.button.0.")
        return list(dict.fromkeys(value or []))


class Components(Native):
    """Meta's list of components, or its JSON."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> list[Component]:
        if value is None or value == "":
            raise ValueError("Empty. A template needs at least a body.")
        found = parsed(value) if isinstance(value, str) else value
        _check_components(found, "")
        for number, card in enumerate(cards(found)):
            _check_components(card, f"card {number + 1}, ")
        if not _storable(found):
            raise ValueError("It has characters that are not text: null, or half of a surrogate pair.")
        return list(found)


class Extra(Native):
    """The further keys of the BSP's listing: an object, or its JSON."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> dict[str, Any]:
        found = parsed(value) if isinstance(value, str) and value else value or {}
        if not isinstance(found, dict):
            raise ValueError("Write an object with further keys: {“optimization_spec”: …}.")
        if not _storable(found):
            raise ValueError("It has characters that are not text: null, or half of a surrogate pair.")
        return found


def _storable(found: Any) -> bool:
    try:
        return "\\u0000" not in json.dumps(found, ensure_ascii=False).encode().decode()
    except (UnicodeEncodeError, RecursionError):
        return False


def _check_components(found: Any, where: str) -> None:
    if not isinstance(found, list) or not found:
        raise ValueError(f"Expected {where or 'Meta’s '}list of components: [{{“type”: “BODY”, “text”: …}}].")
    for number, each in enumerate(found, 1):
        if not isinstance(each, dict) or not text(each, "type"):
            raise ValueError(f"{where}component {number} has no “type”.".capitalize())


def parsed(value: str) -> Any:
    try:
        return json.loads(value, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        near = value[max(error.pos - 20, 0) : error.pos + 20]
        raise ValueError(f"Broken JSON at character {error.pos + 1}: {error.msg}, near “{near}”.") from error
    except RecursionError as error:
        raise ValueError("JSON that is nested too deeply.") from error


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is not a number of JSON.")


def short(value: Any) -> str:
    return f"“{str(value)[:60]}”"
