"""The stats pages. What they ask the counts is measured in bench/inside_stats.py."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from campaigns.models import Campaign, StatCount
from stats.pages import cards_and_charts, error_tables, html_tables, links
from stats.pages.html_tables import HtmlTable, Sorting
from stats.pages.page_view import stats_view, text
from stats.query import breakdowns, error_codes, series
from stats.query.breakdowns import Dimension, Group, Providers
from stats.query.details import CLICKS, FAILED, TIMES
from stats.query.error_codes import Reason
from stats.query.filters import Filters, Invalid
from stats.query.messages_behind import ALL, Only
from stats.tables import formatting

Metric = StatCount.Metric
TOP = 10  # rows of a list that is part of another page
SIZE = 25  # rows of a list that is a page
LAST = 10_000_000  # no list goes beyond


def _step(request: HttpRequest, filters: Filters) -> series.Step:
    by = request.GET.get("by", "")
    if by and by not in series.STEPS:
        raise Invalid({"by": f"Expected one of {', '.join(series.STEPS)}."})
    return by if by else series.fitting(filters)


def trend(
    request: HttpRequest,
    filters: Filters,
    names: tuple[str, ...] = cards_and_charts.DRAWN,
    kind: str = "lines",
    reason: Reason | None = None,
) -> dict[str, Any]:
    """The trend as chart and table: of everything, or of one error."""
    step = _step(request, filters)
    columns = cards_and_charts.STEPS if kind == "lines" else names
    only = Only(reason.code, reason.bsp_code) if reason else ALL
    narrowed = links.narrowing(reason.kind, only) if reason else {}
    files = links.files("trend", filters, by=step, **narrowed)
    try:
        points, past = _trends(filters, step, kind == "lines", reason)
        table = html_tables.trend(points, columns, filters, files, only)
    except Invalid as error:
        if request.GET.get("by"):
            raise
        # The range is too long for a trend. The page shows everything else.
        points, past, table = [], [], HtmlTable("trend", [], [], error.errors["by"])
    return {
        "chart": cards_and_charts.chart(points, step, names, filters, kind, past),
        "trend": table,
        "step": step,
    }


def _trends(
    filters: Filters, step: series.Step, compared: bool, reason: Reason | None
) -> tuple[list[series.Point], list[series.Point]]:
    """The range and the one before, where that has these steps: minutes are kept for a while only."""
    if reason:
        return error_codes.trend(filters, reason, step), []
    if compared and (previous := filters.previous()):
        with suppress(Invalid):
            points, past = series.trends([filters, previous], step)
            return points, past
    return series.trend(filters, step), []


def sorting(request: HttpRequest, filters: Filters, name: str) -> Sorting:
    """How the tables of errors and of pages clicked are sorted, on the page of this name."""
    order, by = text(request, "order"), request.GET.get("by", "")
    if order and order.removeprefix("-") not in (*error_tables.ORDERS, *html_tables.URL_ORDERS):
        raise Invalid(
            {"order": f"The list cannot be sorted by {order.removeprefix('-')}. Choose a column's heading."}
        )
    return Sorting(order, name, filters, {"by": by} if by else {})


def _figures(request: HttpRequest, filters: Filters, name: str, *more: Sequence[Metric]) -> dict[str, Any]:
    """What the overview and the pages of one thing begin with; with `CLICKS` the pages clicked too."""
    order = sorting(request, filters, name)
    now, before, details, old = breakdowns.compared(filters, FAILED, TIMES, *more)
    errors_before, urls_before = (old.errors, old.urls) if old else (None, None)
    errors_file, times_file, urls_file = (links.files(each, filters) for each in ("errors", "times", "urls"))
    return {
        "now": now,
        "empty": now.empty,
        "cards": cards_and_charts.cards(now, before, filters),
        "summary_files": links.files("summary", filters),
        "funnel": cards_and_charts.funnel(now, filters),
        "errors_table": error_tables.errors(details.errors, errors_before, filters, errors_file, order),
        "times": html_tables.times(details.times, old.times if old else None, filters, times_file),
        "urls": html_tables.urls(details.urls, urls_before, filters, urls_file, order) if more else None,
        "lists": [],
    } | trend(request, filters)


def _table(
    filters: Filters, dimension: Dimension, found: list[Group], sorting: Sorting, **more: str
) -> HtmlTable:
    """Groups beside what they were in the range before."""
    previous = filters.previous()
    before = None if previous is None else breakdowns.known(previous, dimension, found)
    empty = "Nothing was counted in this range." if not more.get("q") else "No name contains this text."
    files = links.files(f"{dimension}s", filters, order=sorting.order, **more)
    return html_tables.groups(dimension, found, before, filters, sorting, files=files, empty=empty)


def top(
    filters: Filters,
    dimension: Dimension,
    title: str,
    order: str = "-accepted",
    known_as: Providers | None = None,
) -> tuple[str, str, HtmlTable]:
    """The first rows of a list, with its title and the link to all of it."""
    found = breakdowns.groups(filters, dimension, order=order, limit=TOP, known_as=known_as)
    where = links.page(f"{dimension}s", filters, order=order)
    return title, where, _table(filters, dimension, found, Sorting(order))


@stats_view("stats/figures.html", "Overview", "overview", more=("by", "order"))
def overview(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    context = _figures(request, filters, "overview")
    dimensions: list[tuple[Dimension, str]] = [("provider", "Providers")]
    if filters.traffic != "conversations":
        dimensions += [("campaign", "Campaigns"), ("template", "Templates")]
    known_as = breakdowns.providers()
    lists = [top(filters, *each, known_as=known_as) for each in dimensions]
    return context | {"lists": lists, "lead": "Everything that went through Waypost, as filtered."}


@stats_view(
    "stats/figures.html",
    "Stats of conversations",
    "conversations",
    more=("by", "order"),
    without=("campaign", "variant", "template", "traffic"),
    fixed={"traffic": "conversations"},
)
def conversations(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    lead = "Freeform messages, without a campaign and a template: answers of agents and chat programs."
    return _figures(request, filters, "conversations") | {
        "lists": [top(filters, "provider", "Providers")],
        "lead": lead,
    }


def _list(request: HttpRequest, filters: Filters, dimension: Dimension) -> dict[str, Any]:
    order, search = text(request, "order") or "-accepted", text(request, "q")
    given = text(request, "offset")
    if given and not (given.isascii() and given.isdigit() and len(given) < 9 and int(given) <= LAST):
        raise Invalid({"offset": "Expected a whole number, as in the links to other pages of the list."})
    offset = int(given or 0)
    try:
        found = breakdowns.groups(
            filters, dimension, order=order, limit=SIZE + 1, offset=offset, search=search
        )
    except ValueError as error:
        raise Invalid({"order": f"The list {error}. Choose a column's heading."}) from error
    name, more = f"{dimension}s", {"q": search} if search else {}
    sorting = Sorting(order, name, filters, more)

    def at(first: int) -> str:
        return links.page(name, filters, order=order, offset=str(first) if first else "", **more)

    shown = found[:SIZE]
    return {
        "list": _table(filters, dimension, shown, sorting, **more),
        "rows_text": f"{offset + 1:,} to {offset + len(shown):,}" if shown else "none",
        "earlier": at(max(offset - SIZE, 0)) if offset else "",
        "later": at(offset + SIZE) if len(found) > SIZE else "",
        "searched": search,
    }


@stats_view("stats/list.html", "Campaigns", "campaigns", more=("q", "order"))
def campaigns(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    return _list(request, filters, "campaign") | {
        "lead": "Campaigns by the id in CleverTap's msgId, and Waypost's broadcasts. Messages "
        "without a campaign: (none)."
    }


@stats_view("stats/list.html", "Stats by template", "templates", more=("q", "order"))
def templates(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    return _list(request, filters, "template") | {
        "lead": "Templates by the name CleverTap sends, whatever their language."
    }


@stats_view("stats/list.html", "Stats by provider", "providers", more=("q", "order"))
def providers(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    return _list(request, filters, "provider") | {"lead": "Providers by their nickname."}


def _chosen(filters: Filters, name: str) -> str:
    if value := str(getattr(filters, name)):
        return value
    raise Invalid({name: f"Choose the {name} to look at; the list of {name}s leads here."})


def _known(filters: Filters) -> list[Any]:
    """The known facts about the campaign, once for each provider that sent it."""
    rows = Campaign.objects.filter(code=filters.campaign).order_by("provider__nickname")
    if filters.provider_id is not None:
        rows = rows.filter(provider=filters.provider_id)
    return list(rows.values("pk", "code", "name", "first_seen_at", "last_seen_at", "provider__nickname"))


@stats_view("stats/figures.html", "Campaign", "campaign", more=("by", "order"), without=("traffic",))
def campaign(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    code = _chosen(filters, "campaign")
    known = _known(filters)
    name = next((each["name"] for each in known if each["name"]), "")
    context = _figures(request, filters, "campaign", CLICKS)
    variants = breakdowns.variants(filters)
    previous = filters.previous()
    before = None if previous is None else breakdowns.known(previous, "variant", variants)
    files = links.files("variants", filters)
    return context | {
        "keep": urlencode({"campaign": filters.campaign}),
        "title": f"Campaign {name or code}",
        "known": [
            (
                each,
                formatting.clock(each["first_seen_at"], filters),
                formatting.clock(each["last_seen_at"], filters),
            )
            for each in known
        ],
        "may_name": request.user.has_perm("campaigns.change_campaign"),
        "variants": html_tables.groups("variant", variants, before, filters, files=files),
        "compared": cards_and_charts.comparisons(variants),
        "lists": [top(filters, "template", "Templates of this campaign")],
    }


@stats_view("stats/figures.html", "Template", "template", more=("by", "order"), without=("traffic",))
def template(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    name = _chosen(filters, "template")
    return _figures(request, filters, "template", CLICKS) | {
        "keep": urlencode({"template": filters.template}),
        "title": f"Template {name}",
        "lists": [top(filters, "campaign", "Campaigns with this template")],
    }


@stats_view("stats/figures.html", "Provider", "provider", more=("by", "order"))
def provider(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    name, may = _chosen(filters, "provider"), request.user.has_perm("providers.view_provider")
    tops = [top(filters, "campaign", "Campaigns"), top(filters, "template", "Templates")]
    return _figures(request, filters, "provider", CLICKS) | {
        "keep": urlencode({"provider": filters.provider}),
        "title": f"Provider {name}",
        "about": reverse("admin:providers_provider_change", args=[filters.provider_id]) if may else "",
        "lists": [] if filters.traffic == "conversations" else tops,
    }
