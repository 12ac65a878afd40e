"""Kaleyra's template list in API V2, which is Meta's, as it is or within another `data`.

Source: Kaleyra, "WhatsApp API V2".
"""

from lib.http import HttpResponse
from lib.reading import at, text
from providers.dialects.kaleyra.codes import send_result
from providers.dialects.template_list import page_of
from providers.messages import Malformed, TemplatePage
from providers.outcomes import json_object


def read_page(response: HttpResponse, cursor: str) -> TemplatePage:
    """Meta's page, or one that lies in `data`. Raises Malformed.

    Meta's `paging.next` holds a token, so it may be left out: the cursor alone leads on. Where `next` is
    there and the cursor stays the same, the cursor is handed on, and the import fails.
    """
    payload = json_object(response.body)
    inner = at(payload, "data")
    found = inner if isinstance(inner, dict) else payload
    items = at(found, "data")
    if not isinstance(items, list):
        raise Malformed(f"no list of templates: {send_result(response).text}")
    after = text(found, "paging", "cursors", "after")
    more = items and (after != cursor or text(found, "paging", "next"))
    return page_of(items, after if more else "")
