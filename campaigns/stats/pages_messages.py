"""The page behind every number: the messages it counts, newest first."""

import re
from typing import Any

from django.apps import apps
from django.http import HttpRequest
from django.urls import reverse

from campaigns.models import Status
from campaigns.stats import behind, counted, links, queries, words
from campaigns.stats.errors import advice
from campaigns.stats.figures import FAILURES
from campaigns.stats.filters import Filters, Invalid
from campaigns.stats.frame import page, text
from campaigns.stats.grid import KIND, LABEL, TEXT, Cell, Grid, Head
from lib.admin import list_url, page_url
from lib.shown import eyes_of
from providers.models import Provider

SIZE = 50
_CLICKS = ("clicked_total", "clicked_unique")
_HEADS = ("At", "To", "Campaign", "Variant", "Template", "Provider", "Status", "Reason", "msgId")


@page("stats/messages.html", "Messages", "messages", more=("figure", "code", "url"))
def messages(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    figure, code, url = _asked(request)
    if figure == "control_group":
        return _control_group(request, filters)
    after = text(request, "after")
    try:
        found = behind.page(filters, figure, code=code, url=url, after=after, size=SIZE)
    except (ValueError, OverflowError) as error:
        raise Invalid(
            {"after": "Expected what the link to the next page has. Begin with the first."}
        ) from error
    more = {"figure": figure, "code": "" if code is None else str(code), "url": url}
    return {
        "title": f"{LABEL[figure]}: the messages",
        "figure": figure,
        "what": _what(figure, code, url),
        "definition": TEXT[figure],
        "narrowed": [
            (name, value)
            for name in ("campaign", "variant", "template", "provider", "traffic")
            if (value := str(getattr(filters, name))) and value != "all"
        ],
        "count": words.count(_count(filters, figure, code, url)),
        "list": _grid(request, filters, found.rows, links.files("messages", filters, **more)),
        "first": links.page("messages", filters, **more) if after else "",
        "later": links.page("messages", filters, **more, after=found.after) if found.after else "",
        "refreshes": not after,
        "keep": f"figure={figure}",
    }


def _asked(request: HttpRequest) -> tuple[str, int | None, str]:
    figure, code, url = text(request, "figure"), text(request, "code"), text(request, "url")
    if figure not in LABEL or figure not in (*behind.FIGURES, "control_group"):
        raise Invalid({"figure": f"Expected one of {', '.join(behind.FIGURES)}. Every number links here."})
    if code and not (code.isascii() and code.isdigit() and len(code) < 5):
        raise Invalid({"code": "Expected one of CleverTap's error codes, as 1002."})
    if code and figure not in FAILURES:
        raise Invalid({"code": f"Only {', '.join(FAILURES)} have codes."})
    if url and figure not in _CLICKS:
        raise Invalid({"url": f"Only {', '.join(_CLICKS)} have pages."})
    return figure, int(code) if code else None, url


def _what(figure: str, code: int | None, url: str) -> str:
    if code is not None:
        return f"{KIND[figure]}, code {code}: {advice(code).title}"
    return f"{LABEL[figure]} on {url}" if url else LABEL[figure]


def _count(filters: Filters, figure: str, code: int | None, url: str) -> int:
    """How many the counts know."""
    if code is not None:
        found = (each for each in queries.errors(filters) if (each.kind, each.code) == (figure, code))
        return sum(each.count for each in found)
    if url:
        pages = (each for each in queries.urls(filters) if each.url == url)
        return sum(each.total if figure == "clicked_total" else each.unique for each in pages)
    ((count,),) = counted.figures(filters, columns=(figure,))
    return count or 0


def _grid(request: HttpRequest, filters: Filters, rows: list[behind.Row], files: links.Files) -> Grid:
    eyes = eyes_of(request.user)
    names = dict(Provider.objects.values_list("pk", "nickname"))
    may = {name: request.user.has_perm(f"campaigns.view_{name}") for name in ("message", "refusal")}
    cells = []
    for row in rows:
        model = "refusal" if row.status is None else "message"
        link = page_url(f"campaigns_{model}", row.pk) if may[model] else ""
        reason = " ".join(filter(None, (str(row.code or ""), row.text)))
        cells.append([
            Cell(words.local(row.at, filters), link),
            Cell(eyes.number(row.to)),
            Cell(row.campaign or words.NOTHING),
            Cell(row.variant or words.NOTHING),
            Cell(row.template or ("Freeform" if not row.campaign else words.NOTHING)),
            Cell(names.get(row.provider_id, "")),
            Cell("Refused" if row.status is None else Status(row.status).label),
            Cell(eyes.text(reason)),
            Cell(row.msg_id),
        ])  # fmt: skip
    empty = "No message is behind this figure in this range."
    return Grid("messages", [Head(label) for label in _HEADS], cells, empty, files)


def _control_group(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    """People in it were sent nothing; who they are is known to the recipients of Waypost's campaigns."""
    # An app above this one; the registry leads to it without an import.
    recipient = apps.get_model("broadcasts", "Recipient")
    where = ""
    if request.user.has_perm("broadcasts.view_recipient"):
        wanted = {"state": recipient.State.CONTROL.value}
        # Their campaign ids end with the number of the campaign.
        if number := re.search(r"[0-9]{1,18}$", filters.campaign):
            wanted["broadcast"] = int(number[0])
        where = list_url("broadcasts_recipient", **wanted)
    ((count,),) = counted.figures(filters, columns=("control_group",))
    return {
        "title": "Control group",
        "control_group": True,
        "people": words.count(count or 0),
        "definition": TEXT["control_group"],
        "where": where,
        "overview": reverse("stats:overview"),
    }
