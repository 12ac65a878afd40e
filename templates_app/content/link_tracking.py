"""Which URL buttons get a short link of ours, and the values that are put in for them.

WhatsApp opens the template's registered URL with the suffix put in. So a button can be tracked by us only
where that URL is `https://HOST/l/{{1}}` and the host leads to Waypost: PUBLIC_BASE_URL's, or the provider's
click-tracking domain. CleverTap tracks its own domains itself ("WhatsApp Stats": ct1.io, ct3.io, …), so these
stay unchanged.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from msgspec.structs import replace

from lib.reading import text
from providers.messages import AnswerCode, Button, Content, Refused, TemplateContent
from templates_app.content.components import levels

PATH = "/l/"
LONGEST = 2000  # characters; as Meta limits a button's URL, and as any proxy passes in a header
TOKEN = "A" * 16  # stands for a token where none is made yet

_CLEVERTAP = re.compile(r"ct\d+\.io")
_VARIABLE = re.compile(r"\{\{\s*\w+\s*\}\}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def prefixes(components: Sequence[dict[str, Any]], base_url: str, click_domain: str) -> dict[str, str]:
    """Path of each button that a short link fits (button.0, card.1.button.0) → what precedes the token.

    `base_url` is an address of ours with its scheme, `click_domain` a bare host or empty.
    """
    ours = urlsplit(base_url.lower() + PATH)
    places = {(ours.netloc, ours.path)}
    if click_domain and not _CLEVERTAP.fullmatch(click_domain.lower()):
        places.add((click_domain.lower(), PATH))
    found = {}
    for at, buttons in levels(components):
        for index, button in enumerate(buttons):
            before, *after = _VARIABLE.split(text(button, "url").strip())
            try:
                url = urlsplit(before)
            except ValueError:
                continue
            here = (url.netloc.lower(), url.path)
            if after == [""] and here in places and url.scheme in ("http", "https"):
                found[f"{at}button.{index}"] = before
    return found


def wanted(content: TemplateContent, links: Mapping[str, str], test: bool) -> Iterator[tuple[str, str]]:
    """Path and destination of each button to be tracked. `links` is keyed by path.

    The content's URLs are cut already. Raises Refused for a value that names no destination, unless
    it is one of the numbers that CleverTap fills in (`test`) when a template is saved there.
    """
    for path, button in _buttons(content):
        value = button.value.strip()
        if path not in links or button.kind != "dynamic_url" or (test and value.isdecimal()):
            continue
        if problem := _problem(value):
            raise Refused(AnswerCode.TEMPLATE, f"{_name(path, button)}: clicks are tracked, so {problem}")
        yield path, value


def put_in(content: Content, tokens: Mapping[str, str]) -> Content:
    """The content with tokens for the values of the buttons at these paths."""
    if not tokens or not isinstance(content, TemplateContent):
        return content
    cards = tuple(
        replace(card, buttons=_replaced(card.buttons, tokens, f"card.{number}."))
        for number, card in enumerate(content.cards)
    )
    return replace(content, buttons=_replaced(content.buttons, tokens, ""), cards=cards)


def _name(path: str, button: Button) -> str:
    """As refusals name it: `card 1, button 0 (Open)`."""
    place = ", ".join(" ".join(pair) for pair in re.findall(r"(card|button)\.(\d+)", path))
    return f"{place} ({button.text})" if button.text else place


def _buttons(content: TemplateContent) -> Iterator[tuple[str, Button]]:
    for button in content.buttons:
        yield f"button.{button.index}", button
    for number, card in enumerate(content.cards):
        for button in card.buttons:
            yield f"card.{number}.button.{button.index}", button


def _replaced(buttons: Sequence[Button], tokens: Mapping[str, str], at: str) -> tuple[Button, ...]:
    return tuple(
        replace(button, value=tokens[path])
        if (path := f"{at}button.{button.index}") in tokens and button.kind == "dynamic_url"
        else button
        for button in buttons
    )


def _problem(value: str) -> str:
    """Why a short link cannot lead there; empty when it can."""
    try:
        url = urlsplit(value)
        whole = url.scheme.lower() in ("http", "https") and bool(url.hostname)
    except ValueError:
        whole = False
    if not whole:
        shown = value if len(value) <= 60 else value[:60] + "…"
        return f"send the whole URL it leads to, with https://, instead of “{shown}”"
    if _CONTROL.search(value):
        return "its URL must hold no line breaks or control characters"
    return f"its URL must be no longer than {LONGEST} characters" if len(value) > LONGEST else ""
