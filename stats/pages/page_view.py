"""What every stats page has around its figures: who may look, the filters, the tabs, "as of".

A page is a function from a request and its filters to the context of its template, which extends
stats/base.html:

    @stats_view("stats/figures.html", "Overview", "overview")
    def overview(request: HttpRequest, filters: Filters) -> dict[str, Any]: ...

With `part=1` the answer has only the part that changes. htmx asks for it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from providers.models import Provider
from stats.query import asked
from stats.query.figures import DEFINITIONS, RATES
from stats.query.filters import PARAMETERS, RANGES, TRAFFIC, Filters, Invalid, parse
from stats.tables import formatting

MAY_SEE = "campaigns.view_stats"
MAY_EXPORT = "campaigns.export_stats"
DEFAULT_RANGE = "7d"

Build = Callable[[HttpRequest, Filters], dict[str, Any]]
View = Callable[[HttpRequest], HttpResponse]

# The tabs: URL name and title.
TABS = [
    ("stats:overview", "Overview"),
    ("stats:campaigns", "Campaigns"),
    ("stats:templates", "Templates"),
    ("stats:providers", "Providers"),
    ("stats:errors", "Errors"),
    ("stats:conversations", "Conversations"),
    ("reconciliation:page", "Reconciliation"),
    ("stats:views", "Saved views"),
]
# The pages that can be saved with their filters: URL name and title.
SAVED = [
    *((name.removeprefix("stats:"), title) for name, title in TABS[:6]),
    ("campaign", "One campaign"),
    ("template", "One template"),
    ("provider", "One provider"),
    ("error", "One error"),
]
# Parameters without a field: what a list is about, and how it is sorted.
UNSEEN = (*asked.PARAMETERS, "order")
# The labels of parameters whose field has another name.
LABELS = {
    "tz": "Time zone", "by": "Trend", "q": "Search", "after": "Page", "offset": "Page", "url": "URL",
    "bsp_code": "BSP’s code",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the filter bar. `options` makes it a list to choose from; where it is `searched`,
    static/stats/filters.js offers what exists while somebody types."""

    name: str
    label: str
    value: str
    error: str = ""
    options: Sequence[tuple[str, str]] = ()
    searched: bool = False
    hint: str = ""


def stats_view(
    template: str,
    title: str,
    name: str,
    *,
    more: Sequence[str] = (),
    without: Sequence[str] = (),
    fixed: Mapping[str, str] | None = None,
) -> Callable[[Build], View]:
    """Makes a view. `more` are further parameters of the page. `without` are the filters that the page does
    not offer, `fixed` those that the page sets itself."""

    def wrapped(build: Build) -> View:
        @wraps(build)
        def view(request: HttpRequest) -> HttpResponse:
            if not request.user.has_perm(MAY_SEE):
                return _denied(request, title)
            now, part = timezone.now(), bool(request.GET.get("part"))
            context: dict[str, Any] = {"title": title, "name": name, "part": part, "errors": {}}
            try:
                zone = timezone.get_current_timezone_name()
                filters = parse(_read(request.GET) | dict(fixed or {}), now, DEFAULT_RANGE, zone)
                context |= _about(request, filters, name) | build(request, filters)
            except Invalid as error:
                context["errors"] = error.errors
            if not part:
                context |= admin.site.each_context(request) | {"title": context["title"]}
                context["fields"] = _fields(request.GET, context["errors"], more, without)
                context["saved_as"] = name if name in dict(SAVED) else ""
                context["hidden"] = _kept(request.GET, context["errors"], more)
            if context["errors"]:
                context |= _astray(name, context["errors"])
            context["part_url"] = _part_url(request)
            context["layout"] = "waypost/part.html" if part else "admin/base_site.html"
            return TemplateResponse(request, template, context, status=400 if context["errors"] else 200)

        return admin.site.admin_view(view)

    return wrapped


def _part_url(request: HttpRequest) -> str:
    """The URL of the part that changes, with the same filters."""
    query = request.GET.copy()
    query["part"] = "1"
    return f"{request.path}?{query.urlencode()}"


def _astray(name: str, errors: Mapping[str, str]) -> dict[str, Any]:
    """The page for wrong filters: it names them, and has links to continue."""
    pages = [each for each, _ in TABS]
    own = (f"stats:{name}", f"stats:{name}s", f"{name}:page")
    anew = next((each for each in own if each in pages), pages[0])
    return {
        "wrong": [(LABELS.get(each, each.capitalize()), why) for each, why in errors.items()],
        "anew": reverse(anew),
        "tabs": [(title, reverse(each), each == anew) for each, title in TABS],
    }


def text(request: HttpRequest, name: str) -> str:
    """The text of a parameter, safe for a database query. Raises Invalid."""
    value = request.GET.get(name, "").strip()
    if "\0" in value:
        raise Invalid({name: "A null character is not allowed here."})
    return value[:200]


def _read(given: Mapping[str, str]) -> dict[str, str]:
    """The filters of the request. A range chosen by name overrides dates that remain in their fields."""
    read = {name: given.get(name, "") for name in PARAMETERS}
    return read | {"from": "", "to": ""} if read["range"] else read


def _about(request: HttpRequest, filters: Filters, name: str) -> dict[str, Any]:
    zone, previous = filters.zone, filters.previous()
    # A tab leads to the same range and provider, without the filters that only this page has.
    kept = filters.query(campaign="", variant="", template="", traffic="")
    return {
        "filters": filters,
        "zone": zone.key,
        "tabs": [
            (title, f"{reverse(each)}?{kept}", each in (f"stats:{name}", f"stats:{name}s", f"{name}:page"))
            for each, title in TABS
        ],
        "as_of": f"{filters.now.astimezone(zone):%H:%M:%S} {zone.key}",
        "range_text": formatting.time_range(filters.start, filters.end, filters),
        "before_text": formatting.time_range(previous.start, previous.end, filters) if previous else "",
        "definitions": [*DEFINITIONS, *RATES],
        "may_export": request.user.has_perm(MAY_EXPORT),
        "refreshes": filters.end is None or filters.end > filters.now,
    }


def _fields(
    given: Mapping[str, str], errors: Mapping[str, str], more: Sequence[str], without: Sequence[str]
) -> list[Field]:
    read = _read(given)
    named = read["range"] or ("" if read["from"] or read["to"] else DEFAULT_RANGE)
    day = "2026-01-31 18:30"  # the time may be left out

    def field(name: str, label: str, value: str = "", **values: Any) -> Field:
        return Field(name, label, value or given.get(name, ""), errors.get(name, ""), **values)

    fields = [
        field("range", "Range", named, options=[*RANGES.items(), ("", "From … to …")]),
        field("from", "From", read["from"].replace("T", " "), hint=day),
        field("to", "To", read["to"].replace("T", " "), hint=day),
        field("tz", "Time zone", searched=True, hint=timezone.get_current_timezone_name()),
        field("provider", "Provider", options=[("", "All"), *_providers()]),
        field("campaign", "Campaign", searched=True, hint="Campaign id"),
        field("variant", "Variant", searched=True, hint="Of the campaign"),
        field("template", "Template", searched=True, hint="Template name"),
        field("traffic", "Traffic", options=list(TRAFFIC.items())),
    ]
    if "by" in more:
        steps = [("", "Automatic"), ("minute", "By minute"), ("hour", "By hour"), ("day", "By day")]
        fields.append(field("by", "Trend", options=steps))
    if "q" in more:
        fields.append(field("q", "Search", hint="Part of an id or name"))
    return [each for each in fields if each.name not in without]


def _providers() -> list[tuple[str, str]]:
    names = Provider.in_use().order_by("nickname").values_list("nickname", flat=True)
    return [(name, name) for name in names]


def _kept(given: Mapping[str, str], errors: Mapping[str, str], more: Sequence[str]) -> list[tuple[str, str]]:
    """Parameters without a field in the filter bar. They stay when the filters change."""
    names = [each for each in UNSEEN if each in more and each not in errors]
    return [(name, given[name]) for name in names if given.get(name)]


def _denied(request: HttpRequest, title: str) -> HttpResponse:
    context = admin.site.each_context(request) | {"title": title}
    return TemplateResponse(request, "stats/denied.html", context, status=403)
