"""Template lists in Meta's form, which most BSPs hand on: `{data: [template], paging: {cursors, next}}`.

Source: Meta, WhatsApp Business Management API, "Message templates". Items are read tolerantly: component
types come in either case, and an item that cannot be read does not affect the others.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lib.http import HttpResponse
from lib.reading import at, first, number, text
from providers.dialects.placeholders import parameter_format
from providers.messages import ListedTemplate, Malformed, TemplatePage
from providers.outcomes import EXCERPT, json_object

_LONGEST_OFFSET = 9  # digits
# The keys of a listing that have a field of their own. Meta adds others every year.
_READ = frozenset(
    {"name", "language", "category", "status", "components", "id", "parameter_format", "quality_score",
     "rejected_reason", "message_send_ttl_seconds", "previous_category"}
)  # fmt: skip


def read_page(response: HttpResponse, cursor: str, key: str = "data") -> TemplatePage:
    """The page whose items lie under `key`. Raises Malformed when there is no such list.

    Meta tells `cursors.after` on the last page too, and leaves out `next` there. Others tell `next` on every
    page and end with a page without items. A cursor that stays the same is passed on: the import then notices
    that the list does not end.
    """
    payload = json_object(response.body)
    items = at(payload, key)
    if not isinstance(items, list):
        raise Malformed(no_list(payload, key))
    following = text(payload, "paging", "next")
    after = first(text(payload, "paging", "cursors", "after"), _after(following))
    if following and items and not after:
        raise Malformed("paging.next names no cursor, so the next page cannot be asked for")
    return page_of(items, after if following and items else "")


def no_list(payload: object, key: str) -> str:
    """What is wrong with an answer that holds no list: its own error, where it names one."""
    error = first(text(payload, "error", "message"), text(payload, "error"), text(payload, "message"))
    return error[:EXCERPT] or f"a JSON object with a list {key!r} was expected"


def listed(item: object) -> ListedTemplate | None:
    """One item in Meta's form; None when it lacks its name or its language."""
    name, language = text(item, "name"), first(text(item, "language"), text(item, "language", "code"))
    if not isinstance(item, dict) or not name or not language:
        return None
    found = item.get("components", [])
    parts = components(found) if isinstance(found, list) else None
    named = text(item, "parameter_format").upper() == "NAMED" or parameter_format(parts or ()) == "NAMED"
    return ListedTemplate(
        name,
        language,
        category=text(item, "category").upper(),
        status=text(item, "status").upper(),
        components=tuple(parts) if parts is not None else None,
        bsp_id=text(item, "id"),
        parameter_format="NAMED" if named else "POSITIONAL",
        quality=first(text(item, "quality_score", "score"), text(item, "quality_score")).upper(),
        reason="" if text(item, "rejected_reason") == "NONE" else text(item, "rejected_reason"),
        ttl_seconds=int(number(item, "message_send_ttl_seconds") or 0),
        previous_category=text(item, "previous_category").upper(),
        extra=unread(item, _READ),
    )


def unread(found: object, read: Collection[str]) -> dict[str, Any]:
    """The keys of an object that a dialect does not read. They are kept: BSPs add some every year."""
    return {key: value for key, value in found.items() if key not in read} if isinstance(found, dict) else {}


def page_of(
    items: Sequence[object], following: str, read: Callable[[object], ListedTemplate | None] = listed
) -> TemplatePage:
    """A page of items, each read by `read`: as one in Meta's form unless told otherwise. `following` is
    the cursor of the next page."""
    found = [(item, read(item)) for item in items]
    unreadable = tuple(_complaint(item) for item, template in found if template is None)
    return TemplatePage(tuple(one for _, one in found if one is not None), following, unreadable)


def offset(cursor: str) -> int:
    """How many items, or pages, come before this one, where the cursor counts them."""
    counts = cursor.isascii() and cursor.isdecimal() and len(cursor) <= _LONGEST_OFFSET
    return int(cursor) if counts else 0


def components(parts: Sequence[object]) -> list[dict[str, Any]]:
    """The components with every key that they have, and their types in capitals."""
    return [{**part, "type": text(part, "type").upper()} for part in parts if isinstance(part, dict)]


def _after(url: str) -> str:
    """The `after` of a next page's URL. The URL itself is never called: it may lead anywhere."""
    try:
        return parse_qs(urlsplit(url).query).get("after", [""])[0]
    except ValueError:
        return ""


def _complaint(item: object) -> str:
    name = text(item, "name")
    return f"{name}: no language" if name else "a template without a name"
