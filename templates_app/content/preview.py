"""A template as its recipient sees it: components and values in, a WhatsApp bubble out, safe to show."""

import re
from collections.abc import Mapping, Sequence

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from msgspec import Struct

from lib.reading import text
from templates_app.content.components import (
    MEDIA,
    PLACEHOLDER,
    Component,
    buttons,
    cards,
    kind_of,
    part,
    slots,
)

# WhatsApp's formatting: the mark touches the words and stands at a word's edge. Code comes first: nothing
# inside it is formatted.
_FORMATS = (
    (re.compile(r"```(.+?)```", re.DOTALL), "code"),
    (re.compile(r"`([^`\n]+)`"), "code"),
    (re.compile(r"(?<![\w*])\*(?=\S)([^*\n]*?\S)\*(?![\w*])"), "strong"),
    (re.compile(r"(?<![\w_])_(?=\S)([^_\n]*?\S)_(?![\w_])"), "em"),
    (re.compile(r"(?<![\w~])~(?=\S)([^~\n]*?\S)~(?![\w~])"), "s"),
)
_KEPT = re.compile("\ue000(\\d+)\ue001")  # stands for code taken out; private characters, escaped by nobody
_ICONS = {
    "URL": "open_in_new",
    "PHONE_NUMBER": "call",
    "COPY_CODE": "content_copy",
    "QUICK_REPLY": "reply",
}
_HEADER_ICONS = {
    "image": "image",
    "video": "play_circle",
    "document": "description",
    "location": "location_on",
}


class Pressed(Struct, frozen=True):
    """A button: what it says, its symbol, and where it leads or what it brings."""

    text: str
    icon: str
    leads: str = ""


class Bubble(Struct, frozen=True):
    """One bubble, or one card. `kind` is the header's: empty, text, image, video, document or location.

    `source` is the header's media, or its place in words; `code` a limited-time offer's code.
    """

    kind: str = ""
    header: SafeString = mark_safe("")
    source: str = ""
    icon: str = ""
    offer: str = ""
    expires: str = ""
    code: str = ""
    body: SafeString = mark_safe("")
    footer: str = ""
    buttons: tuple[Pressed, ...] = ()
    more: int = 0  # buttons behind “See all options”
    cards: tuple["Bubble", ...] = ()


def bubble(components: Sequence[Component], values: Mapping[str, str] | None = None) -> Bubble:
    """The bubble with the values by slot (`body.1`, `button.0`, …); else the template's examples."""
    shown = {slot.path: slot.example for slot in slots(components) if slot.example}
    shown |= {path: value for path, value in (values or {}).items() if value}
    return _level(components, shown, "")


def _level(components: Sequence[Component], values: Mapping[str, str], at: str) -> Bubble:
    header, offer = part(components, "HEADER"), part(components, "LIMITED_TIME_OFFER")
    form = text(header, "format").upper() or ("TEXT" if header else "")
    kind = MEDIA.get(form, form.lower())
    pressed = tuple(
        _pressed(each, values.get(f"{at}button.{n}", "")) for n, each in enumerate(buttons(components))
    )
    shown = pressed if len(pressed) <= 3 else pressed[:2]
    code = next((each.leads for each in pressed if each.icon == _ICONS["COPY_CODE"]), "")
    return Bubble(
        kind=kind,
        header=_filled(text(header, "text"), values, f"{at}header."),
        source=values.get(f"{at}header", ""),
        icon=_HEADER_ICONS.get(kind, "widgets"),
        offer=text(offer, "limited_time_offer", "text"),
        expires=values.get(f"{at}offer", ""),
        code=code if offer else "",
        body=formatted(text(part(components, "BODY"), "text"), values, f"{at}body."),
        footer=text(part(components, "FOOTER"), "text"),
        buttons=shown,
        more=len(pressed) - len(shown),
        cards=tuple(_level(card, values, f"card.{n}.") for n, card in enumerate(cards(components)))
        if kind_of(components) == "carousel"
        else (),
    )


def _pressed(button: Component, value: str) -> Pressed:
    kind = text(button, "type").upper()
    words = text(button, "text")
    if kind == "COPY_CODE":
        return Pressed(words or "Copy offer code", _ICONS[kind], value)
    if kind == "URL":
        url = text(button, "url")
        whole = value if value.startswith(("http://", "https://")) else PLACEHOLDER.sub(lambda _: value, url)
        return Pressed(words, _ICONS[kind], whole if value else url)
    leads = text(button, "phone_number") if kind == "PHONE_NUMBER" else ""
    return Pressed(words or kind.replace("_", " ").capitalize(), _ICONS.get(kind, "smart_button"), leads)


def formatted(words: str, values: Mapping[str, str] | None = None, at: str = "") -> SafeString:
    """A text with WhatsApp's *bold*, _italic_, ~struck~ and `code`, its variables filled in and marked."""
    html = str(escape(words))
    codes: list[str] = []

    def keep(found: re.Match[str]) -> str:
        codes.append(f"<code>{found[1]}</code>")
        return f"\ue000{len(codes) - 1}\ue001"

    for pattern, tag in _FORMATS:
        html = pattern.sub(keep, html) if tag == "code" else pattern.sub(rf"<{tag}>\1</{tag}>", html)
    html = _KEPT.sub(lambda found: codes[int(found[1])] if int(found[1]) < len(codes) else "", html)
    return _fill(html, values or {}, at)


def _filled(words: str, values: Mapping[str, str], at: str) -> SafeString:
    return _fill(str(escape(words)), values, at)


def _fill(html: str, values: Mapping[str, str], at: str) -> SafeString:
    """Escaped text with each variable as a marked value."""

    def variable(found: re.Match[str]) -> str:
        value = values.get(f"{at}{found[1]}", "")
        return format_html('<span class="wp-variable" title="{}">{}</span>', found[0], value or found[0])

    return mark_safe(PLACEHOLDER.sub(variable, html))  # noqa: S308 - escaped before, values by format_html
