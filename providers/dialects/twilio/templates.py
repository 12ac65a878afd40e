"""Twilio's content templates as Meta's components, and where each of their variables goes.

Source: Twilio, Content API: "ContentAndApprovals", "Content types overview".

Twilio numbers the variables of a whole template, Meta those of each part. The components carry
Meta's numbers; `details` keeps Twilio's, by the part that a message brings the value in:

    {"slots": {
        "header": ["1"],          the variables of a text, in the order of Meta's numbers
        "body": ["3", "4"],
        "media": {"variable": "5", "start": "https://host/", "end": ""},
        "button.0": {"variable": "6", "start": "", "end": ""},
        "card.0.body": […], "card.0.media": {…}, "card.0.button.1": {…}
    }}

`start` and `end` are what Twilio's template has around the variable. Without a variable the whole
is fixed, and stands in `start`. A quick reply's slot has its label as `default`.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from lib.http import HttpResponse
from lib.reading import at, first, objects, text
from providers.dialects.template_list import unread
from providers.messages import ListedTemplate, Malformed, TemplatePage
from providers.outcomes import json_object

PAGE_SIZE = 500
_WAITING = {"RECEIVED", "UNSUBMITTED"}  # not with Meta yet
# Types without an approval by Meta, or whose parts CleverTap has no form for, are not among them.
TYPES = (
    "whatsapp/card", "twilio/carousel", "twilio/card", "twilio/call-to-action", "twilio/quick-reply",
    "twilio/media", "twilio/text",
)  # fmt: skip
_READ = frozenset({"approval_requests", "language", "sid", "types", "variables"})
_READ_OF_APPROVAL = frozenset({"name", "status", "category", "rejection_reason", "content_type"})
_READ_IN_CONTENT = frozenset(
    {"header_text", "media", "title", "body", "footer", "subtitle", "actions", "cards"}
)
_READ_IN_ACTION = frozenset({"type", "title", "url", "phone", "code", "id"})
_PAGING = ("PageSize", "Page", "PageToken")
_VARIABLE = re.compile(r"\{\{\s*(\w{1,32})\s*\}\}")
_FORMATS = dict.fromkeys(("jpg", "jpeg", "png", "webp", "gif"), "IMAGE") | dict.fromkeys(
    ("mp4", "3gp", "3gpp", "mov"), "VIDEO"
)

Component = dict[str, Any]
Slots = dict[str, Any]
Samples = dict[str, str]


class _Unreadable(Exception):
    """Why a template cannot be listed."""


def page_query(cursor: str) -> str:
    """The query for the page after `cursor`, from which nothing but Twilio's paging is taken."""
    given = dict(parse_qsl(cursor))
    return urlencode({"PageSize": str(PAGE_SIZE)} | {name: given[name] for name in _PAGING if name in given})


def read_page(response: HttpResponse) -> TemplatePage:
    """The page `{contents: […], meta: {next_page_url}}`. Raises Malformed if it is anything else.

    Contents that were never handed in to WhatsApp are no templates, and left out.
    """
    payload = json_object(response.body)
    contents = at(payload, "contents")
    if not isinstance(contents, list):
        raise Malformed("a JSON object with a list 'contents' was expected")
    following = text(payload, "meta", "next_page_url")
    cursor = _cursor(following)
    if following and not cursor:
        raise Malformed("next_page_url leads to no page")
    templates, unreadable = [], []
    for item in contents:
        try:
            if template := _listed(item):
                templates.append(template)
        except _Unreadable as error:
            name = first(text(item, "approval_requests", "name"), text(item, "sid"), "a template")
            unreadable.append(f"{name}: {error}")
    return TemplatePage(tuple(templates), cursor, tuple(unreadable))


def _cursor(url: str) -> str:
    """The paging in a URL that is never called itself: it may lead anywhere."""
    try:
        query = dict(parse_qsl(urlsplit(url).query))
    except ValueError:
        return ""
    return urlencode({name: query[name] for name in _PAGING if name in query})


def _listed(item: object) -> ListedTemplate | None:
    if not isinstance(item, dict):
        raise _Unreadable("no object")
    name, language = text(item, "approval_requests", "name"), text(item, "language")
    if not name:
        return None
    if not language or not text(item, "sid"):
        raise _Unreadable("no language" if not language else "no sid")
    kind, content = _content(item)
    given = at(item, "variables")
    samples = {str(number): text(one) for number, one in given.items()} if isinstance(given, dict) else {}
    slots: Slots = {}
    parts = list(_components(content, samples, slots, ""))
    status = text(item, "approval_requests", "status").upper()
    return ListedTemplate(
        name,
        language,
        category=text(item, "approval_requests", "category").upper(),
        status="PENDING" if status in _WAITING else status,
        components=tuple(parts),
        bsp_id=text(item, "sid"),
        reason=text(item, "approval_requests", "rejection_reason"),
        details={"slots": slots},
        extra=_extra(item, kind, content),
    )


def _extra(item: dict[str, Any], kind: str, content: object) -> dict[str, Any]:
    """What is not read: of the item, of its approval, of its content, and its contents of other types."""
    approval = unread(at(item, "approval_requests"), _READ_OF_APPROVAL)
    types = unread(at(item, "types"), {kind}) | {kind: unread(content, _READ_IN_CONTENT)}
    rest = {name: each for name, each in types.items() if each}
    return {
        **unread(item, _READ),
        **({"approval_requests": approval} if approval else {}),
        **({"types": rest} if rest else {}),
    }


def _content(item: object) -> tuple[str, dict[str, Any]]:
    """The type that Meta approved, or would be sent, and its content."""
    types = at(item, "types")
    kinds = list(types) if isinstance(types, dict) else []
    approved = text(item, "approval_requests", "content_type")
    kind = approved if approved in kinds else next((one for one in TYPES if one in kinds), "")
    content = at(types, kind)
    if kind not in TYPES or not isinstance(content, dict):
        raise _Unreadable(f"{first(kind, *kinds, 'no content')} is not a type CleverTap could fill")
    return kind, content


def _components(content: object, samples: Samples, slots: Slots, path: str) -> Iterator[Component]:
    """Those of a template, or of a card. The types differ in what they have, not in its names."""
    if words := text(content, "header_text"):
        shown, found = _numbered(words, samples, slots, f"{path}header")
        example = {"example": {"header_text": found}} if found else {}
        yield {"type": "HEADER", "format": "TEXT", "text": shown, **example}
    if media := first(text(content, "media", 0), text(content, "media")):
        slots[f"{path}media"] = _single(media, "media")
        sample = _filled(media, samples)
        yield {"type": "HEADER", "format": _format(sample), "example": {"header_handle": [sample]}}
    if words := "\n".join(filter(None, (text(content, "title"), text(content, "body")))):
        shown, found = _numbered(words, samples, slots, f"{path}body")
        yield {"type": "BODY", "text": shown, **({"example": {"body_text": [found]}} if found else {})}
    if footer := first(text(content, "footer"), text(content, "subtitle")):
        yield {"type": "FOOTER", "text": _fixed(footer, "the footer")}
    if actions := objects(content, "actions"):
        buttons = [_button(one, samples, slots, f"{path}button.{n}") for n, one in enumerate(actions)]
        yield {"type": "BUTTONS", "buttons": buttons}
    if found_cards := objects(content, "cards"):
        cards = [
            unread(one, _READ_IN_CONTENT)
            | {"components": list(_components(one, samples, slots, f"card.{n}."))}
            for n, one in enumerate(found_cards)
        ]
        yield {"type": "CAROUSEL", "cards": cards}


def _button(action: Component, samples: Samples, slots: Slots, path: str) -> Component:
    kind, label = text(action, "type").upper() or "QUICK_REPLY", _fixed(text(action, "title"), "a label")
    found: Component = unread(action, _READ_IN_ACTION) | {"type": kind, "text": label}
    if kind == "URL":
        url = text(action, "url")
        slot = _single(url, "a URL")
        if slot["variable"]:
            # A message brings what replaces the variable, as everywhere.
            slots[path] = slot | {"start": "", "end": ""}
            found["example"] = [_filled(url, samples)]
        found["url"] = _VARIABLE.sub("{{1}}", url)
    elif kind == "PHONE_NUMBER":
        found["phone_number"] = _fixed(text(action, "phone"), "a phone number")
    elif kind == "COPY_CODE":
        code = text(action, "code")
        slots[path] = _single(code, "a code")
        found["example"] = [_filled(code, samples)]
    elif kind == "QUICK_REPLY":
        # Without an id WhatsApp sends the label back.
        slots[path] = _single(first(text(action, "id"), label), "a payload") | {"default": label}
    return found


def variables(slot: object) -> list[str]:
    """Which of Twilio's variables a slot of `details` fills."""
    if isinstance(slot, list):
        return [text(one) for one in slot]
    return list(filter(None, [text(slot, "variable")]))


def _single(words: str, what: str) -> dict[str, str]:
    """The slot of words with one variable, or none."""
    start, *more = _VARIABLE.split(words)
    if len(more) > 2:
        raise _Unreadable(f"{what} holds several variables")
    variable, end = more or ("", "")
    return {"variable": variable, "start": start, "end": end}


def _fixed(words: str, what: str) -> str:
    """Words in which a message could set nothing, so Twilio would show its sample."""
    if _VARIABLE.search(words):
        raise _Unreadable(f"{what} holds a variable, and WhatsApp takes none there")
    return words


def _numbered(words: str, samples: Samples, slots: Slots, path: str) -> tuple[str, list[str]]:
    """The text with Meta's numbers, and a sample for each. Their order stays Twilio's."""
    found = dict.fromkeys(_VARIABLE.findall(words))
    order = sorted(found, key=int) if all(name.isdecimal() for name in found) else list(found)
    if order:
        slots[path] = order
    numbers = {name: f"{{{{{position}}}}}" for position, name in enumerate(order, 1)}
    shown = _VARIABLE.sub(lambda variable: numbers[variable[1]], words)
    return shown, [samples.get(name, "") for name in order]


def _filled(words: str, samples: Samples) -> str:
    return _VARIABLE.sub(lambda variable: samples.get(variable[1], ""), words)


def _format(url: str) -> str:
    """The header's format, which Meta takes from the sample: Twilio demands a file type in it."""
    name = url.partition("?")[0].rpartition("/")[2]
    return _FORMATS.get(name.rpartition(".")[2].lower(), "DOCUMENT") if "." in name else "IMAGE"
