"""Exotel's template list: Meta's templates in an envelope of Exotel's.

Source: Exotel, developer.exotel.com, "WhatsApp API > Templates".
"""

from lib.http import HttpResponse
from lib.reading import at, first, text
from providers.dialects.template_list import page_of
from providers.messages import Malformed, TemplatePage
from providers.outcomes import json_object

SIZE = 400


def read_page(response: HttpResponse, cursor: str) -> TemplatePage:
    """The page in `{response: {whatsapp: {templates: [{data: template}]}}}`. Raises Malformed."""
    payload = json_object(response.body)
    rows = at(payload, "response", "whatsapp", "templates")
    if not isinstance(rows, list):
        raise Malformed("a JSON object with a list response.whatsapp.templates was expected")
    return page_of([_listed(row) for row in rows], _following(payload, len(rows)))


def _listed(row: object) -> object:
    """The template as Meta has it, which some rows call its components `containers`."""
    template = at(row, "data")
    if not isinstance(template, dict) or "containers" not in template:
        return template
    parts = template["containers"]
    return {"components": parts} | {key: value for key, value in template.items() if key != "containers"}


def _following(payload: object, rows: int) -> str:
    """The next page's cursor. Exotel documents `after` and not where it is told, hence the three places.

    The list ends with a page that is short and names no next one. A cursor that stays the same is passed on,
    so that the import fails and does not treat a part as the whole list.
    """
    places = (("response", "whatsapp", "paging"), ("metadata", "paging"), ("paging",))
    paging = next((found for place in places if isinstance(found := at(payload, *place), dict)), None)
    after = first(text(paging, "cursors", "after"), text(paging, "after"))
    more = rows >= SIZE or (rows > 0 and text(paging, "next"))
    return after if more else ""
