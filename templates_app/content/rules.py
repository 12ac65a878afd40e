"""What Meta and CleverTap allow in a template, checked before it is saved.

Sources: Meta, "Template components", "Media card carousel templates", "Limited-time offer
templates" and "Supported languages"; CleverTap, "WhatsApp Message Templates".

Places are named as the editor names them: `name`, `header.text`, `body.text`, `buttons.0.url`,
`cards.1.body.text`. A place has at most one problem. A hint is about something that may still be correct.
"""

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct

from templates_app.content import draft as drafts
from templates_app.content import rules_parts as parts
from templates_app.content.components import LONGEST_CODE, Component, unsupported
from templates_app.content.draft import Draft
from templates_app.content.languages import LANGUAGES
from templates_app.content.rules_parts import Found, too_long

LONGEST_NAME = 512
LONGEST_BODY = 1024
LONGEST_OFFER_BODY = 600
LONGEST_CARD_BODY = 160
LONGEST_FOOTER = 60
LONGEST_OFFER = 16
FEWEST_CARDS, MOST_CARDS = 2, 10
# Seconds, by category. -1 stands for 30 days where Meta has it.
LIFETIMES = {"AUTHENTICATION": (30, 900), "UTILITY": (30, 43_200), "MARKETING": (43_200, 2_592_000)}

NAME = re.compile(r"[a-z0-9_]+")


class Checked(Struct, frozen=True):
    """Place → what is wrong there, and place → what is unusual there."""

    problems: dict[str, str]
    hints: dict[str, str]


def check(
    components: Sequence[Component],
    *,
    name: str,
    language: str,
    category: str,
    parameter_format: str = "POSITIONAL",
    ttl_seconds: int | None = None,
) -> Checked:
    draft = drafts.read(components)
    found = [*_outside(name, language, category, ttl_seconds), *_content(draft, category)]
    found += parts.named(draft, parameter_format)
    hints = [*parts.hints(draft)]
    if why := unsupported(category, components):
        hints.append(
            (
                "category",
                f"CleverTap cannot use {why}, so CleverTap's template list leaves this template out.",
            )
        )
    return Checked(_first(found), _first(hints))


def label(place: str) -> str:
    """A place in words: `cards.1.buttons.0.url` is `card 2, button 1, URL`."""
    words = []
    steps = iter(place.split("."))
    for step in steps:
        if step in ("cards", "buttons", "examples"):
            number = next(steps, "")
            singular = {"cards": "card", "buttons": "button", "examples": "example of"}[step]
            shown = f"{{{{{number}}}}}" if step == "examples" else str(int(number or 0) + 1)
            words.append(f"{singular} {shown}" if number else step)
        elif step != "text" or (words and words[-1].startswith("button")):
            words.append({"url": "URL", "ttl_seconds": "time to live", "media": "sample"}.get(step, step))
    return ", ".join(words)


def _first(found: Iterable[tuple[str, str]]) -> dict[str, str]:
    places: dict[str, str] = {}
    for place, words in found:
        places.setdefault(place, words)
    return places


def _outside(name: str, language: str, category: str, ttl_seconds: int | None) -> Found:
    if len(name) > LONGEST_NAME:
        yield "name", too_long(name, LONGEST_NAME)
    if not NAME.fullmatch(name):
        yield "name", "Meta allows only the letters a to z, digits and underscores."
    if language not in LANGUAGES:
        yield (
            "language",
            f"{language or 'Nothing'} is not one of Meta's language codes, such as en, en_GB or hi.",
        )
    if ttl_seconds is not None and category in LIFETIMES:
        least, most = LIFETIMES[category]
        if not least <= ttl_seconds <= most and not (ttl_seconds == -1 and category != "MARKETING"):
            yield "ttl_seconds", f"For {category.lower()} Meta allows {least:,} to {most:,} seconds."


def _content(draft: Draft, category: str) -> Found:
    """What the kind of template asks for."""
    yield from parts.header(draft)
    longest = LONGEST_OFFER_BODY if draft.kind == "limited-time offer" else LONGEST_BODY
    yield from parts.body(draft, longest, "body", category != "AUTHENTICATION")
    if len(draft.footer) > LONGEST_FOOTER:
        yield "footer", too_long(draft.footer, LONGEST_FOOTER)
    if "{{" in draft.footer:
        yield "footer", "A footer has no variables."
    yield from parts.buttons(draft.buttons, "buttons")
    if draft.kind != "basic" and category != "MARKETING":
        yield "category", f"The category of a {draft.kind} is always marketing."
    if draft.kind == "limited-time offer":
        yield from _offer(draft)
    elif draft.kind == "carousel":
        yield from _carousel(draft)


def _offer(draft: Draft) -> Found:
    if draft.header.format not in ("", "IMAGE", "VIDEO"):
        yield "header", "A limited-time offer has an image, a video or no header."
    if not draft.offer.strip():
        yield "offer", "Write the offer's heading."
    if len(draft.offer) > LONGEST_OFFER:
        yield "offer", too_long(draft.offer, LONGEST_OFFER)
    if draft.footer:
        yield "footer", "A limited-time offer has no footer."
    types = [button.type for button in draft.buttons]
    if "URL" not in types:
        yield "buttons", "A limited-time offer needs a URL button."
    if "COPY_CODE" in types[1:]:
        yield "buttons", "The copy code button comes first."
    for index, button in enumerate(draft.buttons):
        if button.type == "COPY_CODE" and len(button.example) > LONGEST_CODE:
            yield f"buttons.{index}.example", too_long(button.example, LONGEST_CODE)


def _carousel(draft: Draft) -> Found:
    for place, there in (
        ("header", draft.header.format),
        ("footer", draft.footer),
        ("buttons", draft.buttons),
    ):
        if there:
            yield place, "Only the cards of a carousel have it, not the template itself."
    cards = draft.cards
    if not FEWEST_CARDS <= len(cards) <= MOST_CARDS:
        count = f"{len(cards)} card{'' if len(cards) == 1 else 's'}"
        yield "cards", f"{count}; a carousel has {FEWEST_CARDS} to {MOST_CARDS}."
    bodies = any(card.body.text.strip() for card in cards)
    for number, card in enumerate(cards):
        at = f"cards.{number}."
        if card.header.format not in ("IMAGE", "VIDEO"):
            yield f"{at}header", "A card needs an image or a video."
        elif card.header.format != cards[0].header.format:
            yield f"{at}header", "All cards have the same kind of header as the first."
        if bodies and not card.body.text.strip():
            yield f"{at}body.text", "Either all cards have a text, or no card has one."
        yield from parts.body(card, LONGEST_CARD_BODY, f"{at}body", required=False)
        types = [button.type for button in card.buttons]
        if not types or len(types) > parts.MOST_CARD_BUTTONS:
            yield f"{at}buttons", f"A card has one or {parts.CARD_BUTTONS} buttons."
        elif "COPY_CODE" in types:
            yield f"{at}buttons", "A card has only quick replies, URL and call buttons."
        elif types != [button.type for button in cards[0].buttons]:
            yield f"{at}buttons", "All cards have the same types of buttons, in the same order, as the first."
        yield from parts.buttons(card.buttons, f"{at}buttons")
