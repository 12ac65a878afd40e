"""The stats pages. What they ask the counts is measured in bench/inside_stats.py."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from campaigns.models import Campaign
from campaigns.stat_models import StatCount
from campaigns.stats import grid, links, panels, queries, series, words
from campaigns.stats.figures import FAILURES
from campaigns.stats.filters import Filters, Invalid
from campaigns.stats.frame import page, text
from campaigns.stats.grid import Grid, Sorting
from campaigns.stats.queries import Dimension, Group

Metric = StatCount.Metric
TOP = 10  # rows of a list that is part of another page
SIZE = 25  # rows of a list that is a page
LAST = 10_000_000  # no list goes beyond


def _step(request: HttpRequest, filters: Filters) -> series.Step:
    by = request.GET.get("by", "")
    if by and by not in series.STEPS:
        raise Invalid({"by": f"Expected one of {', '.join(series.STEPS)}."})
    return by if by else series.fitting(filters)


def _trend(
    request: HttpRequest, filters: Filters, names: tuple[str, ...] = panels.DRAWN, kind: str = "lines"
) -> dict[str, Any]:
    """The trend as chart and table."""
    step = _step(request, filters)
    counted = panels.STEPS if kind == "lines" else names
    files = links.files("trend", filters, by=step)
    try:
        points = series.trend(filters, step)
        table = grid.of_trend(points, counted, filters, files)
    except Invalid as error:
        if request.GET.get("by"):
            raise
        # Too long a range for any trend: all else on the page can be told.
        points, table = [], Grid("trend", [], [], error.errors["by"])
    return {
        "chart": panels.chart(points, step, names, filters, kind),
        "trend": table,
        "step": step,
    }


def _sorting(request: HttpRequest, filters: Filters, name: str) -> Sorting:
    """How the tables of errors and of pages clicked are sorted, on the page of this name."""
    order, by = text(request, "order"), request.GET.get("by", "")
    if order and order.removeprefix("-") not in (*grid.ERROR_ORDERS, *grid.URL_ORDERS):
        raise Invalid({"order": f"It cannot order by {order.removeprefix('-')}. Choose a column's heading."})
    return Sorting(order, name, filters, {"by": by} if by else {})


def _figures(request: HttpRequest, filters: Filters, name: str, *more: Sequence[Metric]) -> dict[str, Any]:
    """What the overview and the pages of one thing begin with; with queries.CLICKS the pages clicked."""
    sorting = _sorting(request, filters, name)
    now, before, details, old = queries.compared(filters, queries.FAILED, queries.TIMES, *more)
    errors_before, urls_before = (old.errors, old.urls) if old else (None, None)
    errors_file, times_file, urls_file = (links.files(each, filters) for each in ("errors", "times", "urls"))
    return {
        "now": now,
        "empty": now.empty,
        "cards": panels.cards(now, before, filters),
        "summary_files": links.files("summary", filters),
        "funnel": panels.funnel(now, filters),
        "errors_grid": grid.of_errors(details.errors, errors_before, filters, errors_file, sorting),
        "times": grid.of_times(details.times, old.times if old else None, filters, times_file),
        "urls": grid.of_urls(details.urls, urls_before, filters, urls_file, sorting) if more else None,
        "lists": [],
    } | _trend(request, filters)


def _grid(
    filters: Filters, dimension: Dimension, found: list[Group], sorting: Sorting | None, **more: str
) -> Grid:
    """Groups beside what they were in the range before."""
    previous = filters.previous()
    before = None if previous is None else queries.known(previous, dimension, found)
    empty = "Nothing was counted in this range." if not more.get("q") else "Nothing has this in its name."
    order = sorting.order if sorting else "-accepted"
    files = links.files(f"{dimension}s", filters, order=order, **more)
    return grid.of_groups(dimension, found, before, filters, sorting, files=files, empty=empty)


def _top(
    filters: Filters, dimension: Dimension, title: str, order: str = "-accepted"
) -> tuple[str, str, Grid]:
    """A list's title, its own page, and its first rows."""
    found = queries.groups(filters, dimension, order=order, limit=TOP)
    where = links.page(f"{dimension}s", filters, order=order)
    return title, where, _grid(filters, dimension, found, Sorting(order))


@page("stats/figures.html", "Overview", "overview", more=("by", "order"))
def overview(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    context = _figures(request, filters, "overview")
    lists = [_top(filters, "provider", "Providers")]
    if filters.traffic != "conversations":
        lists += [_top(filters, "campaign", "Campaigns"), _top(filters, "template", "Templates")]
    return context | {"lists": lists, "lead": "Everything that went through Waypost, as filtered."}


@page(
    "stats/figures.html", "Conversations", "conversations", more=("by", "order"),
    without=("campaign", "variant", "template", "traffic"), fixed={"traffic": "conversations"},
)  # fmt: skip
def conversations(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    lead = "Freeform messages: answers of agents and chat programs, of no campaign and no template."
    return _figures(request, filters, "conversations") | {
        "lists": [_top(filters, "provider", "Providers")],
        "lead": lead,
    }


def _list(request: HttpRequest, filters: Filters, dimension: Dimension) -> dict[str, Any]:
    order, search = text(request, "order") or "-accepted", text(request, "q")
    given = text(request, "offset")
    if given and not (given.isascii() and given.isdigit() and int(given) <= LAST):
        raise Invalid({"offset": "Expected a whole number, as the links to other pages of the list have it."})
    offset = int(given or 0)
    try:
        found = queries.groups(filters, dimension, order=order, limit=SIZE + 1, offset=offset, search=search)
    except ValueError as error:
        raise Invalid({"order": f"It {error}. Choose a column's heading."}) from error
    name, more = f"{dimension}s", {"q": search} if search else {}
    sorting = Sorting(order, name, filters, more)

    def at(first: int) -> str:
        return links.page(name, filters, order=order, offset=str(first) if first else "", **more)

    shown = found[:SIZE]
    return {
        "list": _grid(filters, dimension, shown, sorting, **more),
        "rows_words": f"{offset + 1:,} to {offset + len(shown):,}" if shown else "none",
        "earlier": at(max(offset - SIZE, 0)) if offset else "",
        "later": at(offset + SIZE) if len(found) > SIZE else "",
        "searched": search,
    }


@page("stats/list.html", "Campaigns", "campaigns", more=("q", "order"))
def campaigns(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    return _list(request, filters, "campaign") | {
        "lead": "Campaigns as CleverTap's msgId names them, and those from Waypost. Without one: (none)."
    }


@page("stats/list.html", "Templates", "templates", more=("q", "order"))
def templates(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    return _list(request, filters, "template") | {
        "lead": "Templates by the name CleverTap sends, whatever their language."
    }


@page("stats/list.html", "Providers", "providers", more=("q", "order"))
def providers(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    return _list(request, filters, "provider") | {"lead": "Providers by their nickname."}


def _chosen(filters: Filters, name: str) -> str:
    if value := str(getattr(filters, name)):
        return value
    raise Invalid({name: f"Choose the {name} to look at; the list of {name}s leads here."})


def _known(filters: Filters) -> list[Any]:
    """What is known of the campaign, once for each provider that sent it."""
    rows = Campaign.objects.filter(code=filters.campaign).order_by("provider__nickname")
    if filters.provider_id is not None:
        rows = rows.filter(provider=filters.provider_id)
    return list(rows.values("pk", "code", "name", "first_seen_at", "last_seen_at", "provider__nickname"))


@page("stats/figures.html", "Campaign", "campaign", more=("by", "order"), without=("traffic",))
def campaign(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    code = _chosen(filters, "campaign")
    known = _known(filters)
    name = next((each["name"] for each in known if each["name"]), "")
    context = _figures(request, filters, "campaign", queries.CLICKS)
    variants = queries.variants(filters)
    previous = filters.previous()
    before = None if previous is None else queries.known(previous, "variant", variants)
    files = links.files("variants", filters)
    return context | {
        "keep": urlencode({"campaign": filters.campaign}),
        "title": f"Campaign {name or code}",
        "known": [
            (each, words.clock(each["first_seen_at"], filters), words.clock(each["last_seen_at"], filters))
            for each in known
        ],
        "may_name": request.user.has_perm("campaigns.change_campaign"),
        "variants": grid.of_groups("variant", variants, before, filters, files=files),
        "compared": panels.comparisons(variants),
        "lists": [_top(filters, "template", "Templates of this campaign")],
    }


@page("stats/figures.html", "Template", "template", more=("by", "order"), without=("traffic",))
def template(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    name = _chosen(filters, "template")
    return _figures(request, filters, "template", queries.CLICKS) | {
        "keep": urlencode({"template": filters.template}),
        "title": f"Template {name}",
        "lists": [_top(filters, "campaign", "Campaigns with this template")],
    }


@page("stats/figures.html", "Provider", "provider", more=("by", "order"))
def provider(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    name, may = _chosen(filters, "provider"), request.user.has_perm("providers.view_provider")
    tops = [_top(filters, "campaign", "Campaigns"), _top(filters, "template", "Templates")]
    return _figures(request, filters, "provider", queries.CLICKS) | {
        "keep": urlencode({"provider": filters.provider}),
        "title": f"Provider {name}",
        "about": reverse("admin:providers_provider_change", args=[filters.provider_id]) if may else "",
        "lists": [] if filters.traffic == "conversations" else tops,
    }


@page("stats/errors.html", "Errors", "errors", more=("by", "order"))
def errors(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    now, before, details, old = queries.compared(filters, queries.FAILED)
    errors_before = old.errors if old else None
    names, files = (*FAILURES, "error_rate"), links.files("errors", filters)
    sorting = _sorting(request, filters, "errors")
    lists = [] if filters.traffic == "conversations" else [
        _top(filters, "template", "Templates with the highest error rate", "-error_rate")
    ]  # fmt: skip
    return {
        "empty": not now.errors,
        "total": now.errors,
        "cards": panels.cards(now, before, filters, names),
        "errors_grid": grid.of_errors(details.errors, errors_before, filters, files, sorting),
        "lists": lists,
    } | _trend(request, filters, FAILURES, "bars")
