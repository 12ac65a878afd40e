"""Template lists in Meta's form, which most BSPs hand on: `{data: [template], paging: {cursors, next}}`.

Source: Meta, WhatsApp Business Management API, "Message templates". Items are read tolerantly:
keys and component types come in either case, and one that cannot be read is named, not fatal.
"""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lib.http import HttpResponse
from lib.reading import at, first, number, text
from providers.messages import ListedTemplate, Malformed, TemplatePage
from providers.outcomes import EXCERPT, json_object

KINDS = frozenset({"HEADER", "BODY", "FOOTER", "BUTTONS", "LIMITED_TIME_OFFER", "CAROUSEL"})
_LONGEST_OFFSET = 9  # digits


def read_page(response: HttpResponse, cursor: str, key: str = "data") -> TemplatePage:
    """The page whose items lie under `key`. Raises Malformed when there is no such list.

    Meta repeats `cursors.after` on the last page and leaves out `next` there; others do it the
    other way round, so a page without items ends the list too.
    """
    payload = json_object(response.body)
    items = at(payload, key)
    if not isinstance(items, list):
        raise Malformed(no_list(payload, key))
    following = text(payload, "paging", "next")
    after = first(text(payload, "paging", "cursors", "after"), _after(following))
    return page(items, after if following and items and after != cursor else "")


def no_list(payload: object, key: str) -> str:
    """What is wrong with an answer that holds no list: its own error, where it names one."""
    error = first(text(payload, "error", "message"), text(payload, "error"), text(payload, "message"))
    return error[:EXCERPT] or f"a JSON object with a list {key!r} was expected"


def listed(item: object) -> ListedTemplate | None:
    """One item in Meta's form; None when it lacks its name or its language."""
    name, language = text(item, "name"), first(text(item, "language"), text(item, "language", "code"))
    if not name or not language:
        return None
    found = at(item, "components")
    parts = tuple(components(found if isinstance(found, list) else []))
    named = text(item, "parameter_format").upper() == "NAMED"
    return ListedTemplate(
        name,
        language,
        category=text(item, "category").upper(),
        status=text(item, "status").upper(),
        components=parts,
        bsp_id=text(item, "id"),
        parameter_format="NAMED" if named else "POSITIONAL",
        quality=first(text(item, "quality_score", "score"), text(item, "quality_score")).upper(),
        reason="" if text(item, "rejected_reason") == "NONE" else text(item, "rejected_reason"),
        ttl_seconds=int(number(item, "message_send_ttl_seconds") or 0),
        previous_category=text(item, "previous_category").upper(),
    )


def page(
    items: Sequence[object], following: str, read: Callable[[object], ListedTemplate | None] = listed
) -> TemplatePage:
    """A page from items that `read` reads, Meta-shaped ones unless told; `following` is the next cursor."""
    found = [(item, read(item)) for item in items]
    unreadable = tuple(_complaint(item) for item, template in found if template is None)
    return TemplatePage(tuple(one for _, one in found if one is not None), following, unreadable)


def offset(cursor: str) -> int:
    """How many items, or pages, come before this one, where the cursor counts them."""
    counts = cursor.isascii() and cursor.isdecimal() and len(cursor) <= _LONGEST_OFFSET
    return int(cursor) if counts else 0


def components(parts: Sequence[object]) -> list[dict[str, Any]]:
    """The components with their types in capitals; what is no component is left out."""
    return [
        {**part, "type": text(part, "type").upper()}
        for part in parts
        if isinstance(part, dict) and text(part, "type").upper() in KINDS
    ]


def _after(url: str) -> str:
    """The `after` of a next page's URL. The URL itself is never called: it may lead anywhere."""
    try:
        return parse_qs(urlsplit(url).query).get("after", [""])[0]
    except ValueError:
        return ""


def _complaint(item: object) -> str:
    name = text(item, "name")
    return f"{name}: no language" if name else "a template without a name"
