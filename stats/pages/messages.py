"""The page behind every number: the messages it counts, newest first."""

import re
from typing import Any

from django.apps import apps
from django.http import HttpRequest
from django.urls import reverse

from lib.admin import copied, list_url, page_url
from lib.phone_masking import eyes_of
from providers.models import Provider
from stats.pages import links
from stats.pages.html_tables import Cell, HtmlTable, render
from stats.pages.page_view import stats_view, text
from stats.query import asked, count_sql, messages_behind
from stats.query.error_codes import Reason
from stats.query.errors import advice
from stats.query.figures import LABELS, TEXTS
from stats.query.filters import Filters, Invalid
from stats.query.messages_behind import Only
from stats.tables import contents, formatting

SIZE = 50
_COLUMNS = ("at", "to", "campaign", "variant", "template", "provider", "status", "text", "msg_id")


@stats_view("stats/messages.html", "Messages", "messages", more=asked.PARAMETERS)
def messages(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    figure, only = asked.asked(request.GET, more=("control_group",))
    if figure == "control_group":
        return _control_group(request, filters)
    after = text(request, "after")
    try:
        found = messages_behind.page(filters, figure, only, after=after, size=SIZE)
    except (ValueError, OverflowError) as error:
        raise Invalid(
            {"after": "Expected the value of the link to the next page. Begin with the first page."}
        ) from error
    more = links.narrowing(figure, only)
    return {
        "title": f"{LABELS[figure]}: the messages",
        "figure": figure,
        "what": _what(figure, only),
        "definition": TEXTS[figure],
        "narrowed": [
            (name, value)
            for name in ("campaign", "variant", "template", "provider", "traffic")
            if (value := str(getattr(filters, name))) and value != "all"
        ],
        "count": formatting.count(messages_behind.count(filters, figure, only)),
        "list": _table(request, filters, found.rows, links.files("messages", filters, **more)),
        "first": links.page("messages", filters, **more) if after else "",
        "later": links.page("messages", filters, **more, after=found.after) if found.after else "",
        "error": links.error(filters, Reason(figure, only.code, only.bsp_code)) if only.code else "",
        "refreshes": not after,
        "keep": f"figure={figure}",
    }


def _what(figure: str, only: Only) -> str:
    if only.code is not None:
        own = f", the BSP’s {only.bsp_code.partition('/')[2] or only.bsp_code}" if only.bsp_code else ""
        return f"{LABELS[figure]}, code {only.code}: {advice(only.code).title}{own}"
    if only.took:
        return f"{LABELS[figure]} after {formatting.took(only.took)} or more"
    return f"{LABELS[figure]} on {only.url}" if only.url else LABELS[figure]


def _table(
    request: HttpRequest, filters: Filters, found: list[messages_behind.Row], files: links.Files
) -> HtmlTable:
    names = dict(Provider.objects.values_list("pk", "nickname"))
    may = {name: request.user.has_perm(f"campaigns.view_{name}") for name in ("message", "refusal")}
    table = contents.messages(found, names, eyes_of(request.user))
    rows = []
    for row in table.rows:
        model = "refusal" if row["status"] == contents.REFUSED else "message"
        link = page_url(f"campaigns_{model}", row["id"]) if may[model] else ""
        unnamed = formatting.NOTHING if row["campaign"] else "Freeform"
        texts = {
            "to": row["to"],
            "campaign": row["campaign"] or formatting.NOTHING,
            "variant": row["variant"] or formatting.NOTHING,
            "template": row["template"] or unnamed,
            "provider": row["provider"],
            "status": row["status"].capitalize(),
            "text": f"{row['code'] or ''} {row['text']}".strip(),
            "msg_id": copied(f"msgid-{row['id']}", row["msg_id"]) if row["msg_id"] else formatting.NOTHING,
        }
        cells = {name: Cell(text) for name, text in texts.items()}
        rows.append(cells | {"at": Cell(formatting.local(row["at"], filters), link)})
    empty = "No message is behind this figure in this range."
    return render(table, rows, _COLUMNS, empty=empty, files=files)


def _control_group(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    """Nothing was sent to these people. They are recipients of broadcasts."""
    # An app above this one; the registry leads to it without an import.
    recipient = apps.get_model("broadcasts", "Recipient")
    where = ""
    if request.user.has_perm("broadcasts.view_recipient"):
        wanted = {"state": recipient.State.CONTROL.value}
        # Their campaign ids end with the number of the broadcast.
        if number := re.search(r"[0-9]{1,18}$", filters.campaign):
            wanted["broadcast"] = int(number[0])
        where = list_url("broadcasts_recipient", **wanted)
    ((count,),) = count_sql.figures(filters, columns=("control_group",))
    return {
        "title": "Control group",
        "control_group": True,
        "people": formatting.count(count or 0),
        "definition": TEXTS["control_group"],
        "where": where,
        "overview": reverse("stats:overview"),
    }
