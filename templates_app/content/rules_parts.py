"""The rules for one part of a template: texts and their variables, headers, buttons; and the hints.

Sources and places are those of templates_app.content.rules.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from lib import phone
from templates_app.content.components import BUTTON_KINDS, PLACEHOLDER, variables
from templates_app.content.draft import Button, Card, Draft

LONGEST_HEADER = 60
LONGEST_LABEL = 25
LONGEST_URL = 2000
LONGEST_PHONE = 20
LONGEST_COUPON = 20
MOST_BUTTONS = 10
MOST_OF = {
    "URL": (2, "URL button"),
    "PHONE_NUMBER": (1, "call button"),
    "COPY_CODE": (1, "copy code button"),
}
MOST_QUICK_REPLIES = 6  # CleverTap: five, and the marketing opt-out
CARD_BUTTONS, MOST_CARD_BUTTONS = 2, 3  # Meta's, and what CleverTap's editor names

_VARIABLE_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_ADJACENT = re.compile(r"\{\{\s*\w+\s*\}\}\s*\{\{")
_URL = re.compile(r"https?://[^\s{}]+", re.IGNORECASE)
_CODE = re.compile(r"[A-Za-z0-9]+")

Found = Iterator[tuple[str, str]]


def header(level: Card, at: str = "") -> Found:
    words = level.header.text
    if level.header.format != "TEXT":
        return
    place = f"{at}header.text"
    if not words.strip():
        yield place, "Write the header, or choose none."
    if len(words) > LONGEST_HEADER:
        yield place, too_long(words, LONGEST_HEADER)
    if "\n" in words:
        yield place, "A header is one line."
    if len(variables(words)) > 1:
        yield place, "A header has at most one variable."
    yield from _numbering(words, place)


def body(level: Card, longest: int, place: str, required: bool) -> Found:
    words = level.body.text
    place = f"{place}.text"
    if not words.strip():
        if required:
            yield place, "Write the text; Meta accepts no template without one."
        return
    if len(words) > longest:
        yield place, too_long(words, longest)
    yield from _numbering(words, place)
    stripped = words.strip()
    if stripped.startswith("{{") or stripped.endswith("}}"):
        yield place, "A variable cannot be the first or the last thing in the text."
    if _ADJACENT.search(words):
        yield place, "Two variables cannot stand next to each other; put words between them."


def _numbering(words: str, place: str) -> Found:
    """Variables: well written, all numbers or all names, numbers from 1 without a gap."""
    names = variables(words)
    rest = PLACEHOLDER.sub("", words)
    if "{{" in rest or "}}" in rest:
        yield place, "A variable is written {{1}} or {{first_name}}: two braces, and nothing else inside."
    numbers = [name for name in names if name.isdecimal()]
    if numbers and len(numbers) < len(names):
        yield place, "Variables are all numbers or all names, not both."
    elif missing := [n for n in range(1, len(numbers) + 1) if str(n) not in numbers]:
        yield place, f"Variables are numbered from 1 without a gap; {{{{{missing[0]}}}}} is missing."
    for name in names:
        if not name.isdecimal() and not _VARIABLE_NAME.fullmatch(name):
            yield place, f"{{{{{name}}}}}: a name has only lower-case letters, digits and underscores."


def named(draft: Draft, parameter_format: str) -> Found:
    """Whether variables are written as the parameter format says."""
    texts = [("header.text", draft.header.text), ("body.text", draft.body.text)]
    for number, card in enumerate(draft.cards):
        texts.append((f"cards.{number}.body.text", card.body.text))
    for place, words in texts:
        names = variables(words)
        if parameter_format == "NAMED" and any(name.isdecimal() for name in names):
            yield place, "The parameter format is named: write {{first_name}}, or choose positional."
        if parameter_format != "NAMED" and any(not name.isdecimal() for name in names):
            yield place, "The parameter format is positional: write {{1}}, or choose named."


def buttons(given: Sequence[Button], place: str) -> Found:
    if len(given) > MOST_BUTTONS:
        yield place, f"{len(given)} buttons; Meta allows {MOST_BUTTONS}."
    types = [button.type for button in given]
    for kind, (most, name) in MOST_OF.items():
        if types.count(kind) > most:
            yield place, f"{types.count(kind)} {name}s; Meta allows {most}."
    replies = [kind == "QUICK_REPLY" for kind in types]
    if sum(one != other for one, other in pairwise(replies)) > 1:
        yield place, "Quick replies stand together, before or after all other buttons."
    for index, button in enumerate(given):
        yield from _button(button, f"{place}.{index}")


def _button(button: Button, place: str) -> Found:
    if button.type != "COPY_CODE" and button.type in BUTTON_KINDS:  # the label of a copy code is Meta's
        if not button.text.strip():
            yield f"{place}.text", "Write what the button says."
        if len(button.text) > LONGEST_LABEL:
            yield f"{place}.text", too_long(button.text, LONGEST_LABEL)
        if "{{" in button.text or "\n" in button.text:
            yield f"{place}.text", "A label is one line and has no variables."
    if button.type == "URL":
        yield from _url(button.url, f"{place}.url")
    elif button.type == "PHONE_NUMBER":
        if len(button.phone) > LONGEST_PHONE:
            yield f"{place}.phone", too_long(button.phone, LONGEST_PHONE)
        if not phone.digits(button.phone):
            yield f"{place}.phone", "Write the number with its country code, such as +14155550100."
    elif button.type == "COPY_CODE" and button.example:
        if len(button.example) > LONGEST_COUPON:
            yield f"{place}.example", too_long(button.example, LONGEST_COUPON)
        if not _CODE.fullmatch(button.example):
            yield f"{place}.example", "A code has only letters and digits."


def _url(url: str, place: str) -> Found:
    fixed, variable, rest = url.partition("{{")
    if not _URL.fullmatch(fixed):
        yield place, "Write the whole address, such as https://shop.example/orders/{{1}}."
    if len(url) > LONGEST_URL:
        yield place, too_long(url, LONGEST_URL)
    if variable and PLACEHOLDER.fullmatch(variable + rest) is None:
        yield place, "A URL has one variable at most, {{1}}, at its very end."


def hints(draft: Draft) -> Found:
    for at, level in (("", draft), *((f"cards.{n}.", card) for n, card in enumerate(draft.cards))):
        yield from _level_hints(level, at)
    if sum(button.type == "QUICK_REPLY" for button in draft.buttons) > MOST_QUICK_REPLIES:
        yield "buttons", "CleverTap accepts at most five quick replies and a marketing opt-out."
    elif len(draft.buttons) > 3:
        yield "buttons", "WhatsApp shows the first two and “See all options”."


def _level_hints(level: Card, at: str) -> Found:
    for part, words, examples in (
        ("header", level.header.text if level.header.format == "TEXT" else "", level.header.examples),
        ("body", level.body.text, level.body.examples),
    ):
        names = variables(words)
        for name in names:
            if not examples.get(name):
                yield f"{at}{part}.examples.{name}", "Meta asks for an example of every variable."
        if part == "body" and len(PLACEHOLDER.sub("", words).split()) < len(names):
            yield f"{at}body.text", "Meta may refuse so many variables in so few words."
    if level.header.format in ("IMAGE", "VIDEO", "DOCUMENT") and not level.header.media:
        yield f"{at}header.media", "Meta asks for a sample. Tests are sent with its URL."
    for index, button in enumerate(level.buttons):
        place = f"{at}buttons.{index}"
        if button.type == "URL" and "{{" in button.url and not button.example:
            yield f"{place}.example", "Meta asks for an example of the URL."
        elif button.type == "COPY_CODE" and not button.example:
            yield f"{place}.example", "Meta asks for an example of the code."
    if at and len(level.buttons) > CARD_BUTTONS:
        yield f"{at}buttons", f"Meta allows {CARD_BUTTONS} buttons on a card."


def too_long(words: str, longest: int) -> str:
    return f"{len(words):,} characters; Meta allows {longest:,}."
