"""What every stats page has around its figures: who may look, the filters, the tabs, "as of".

A page is a function from a request and its filters to the context of its template, which extends
stats/base.html:

    @page("stats/overview.html", "Overview", "overview")
    def overview(request: HttpRequest, filters: Filters) -> dict[str, Any]: ...

With `part=1` it answers only what changes; static/stats/live.js asks for it.
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

from campaigns.stats import choices, words
from campaigns.stats.figures import DEFINITIONS, RATES
from campaigns.stats.filters import PARAMETERS, RANGES, TRAFFIC, Filters, Invalid, parse

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
]
# Parameters that no field shows: what a list is of, and how it is sorted.
UNSEEN = ("figure", "code", "url", "order")
# Of parameters that are not called as their field is.
LABELS = {"tz": "Time zone", "by": "Trend", "q": "Search", "after": "Page", "offset": "Page", "url": "URL"}


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the filter bar. `options` makes it a list to choose from, `suggestions` helps typing."""

    name: str
    label: str
    value: str
    error: str = ""
    options: Sequence[tuple[str, str]] = ()
    suggestions: Sequence[tuple[str, str]] = ()
    hint: str = ""


def page(
    template: str,
    title: str,
    name: str,
    *,
    more: Sequence[str] = (),
    without: Sequence[str] = (),
    fixed: Mapping[str, str] | None = None,
) -> Callable[[Build], View]:
    """Makes a view. `more` are further parameters of the page, `without` filters that nobody sets on it,
    `fixed` those it sets itself."""

    def wrapped(build: Build) -> View:
        @wraps(build)
        def view(request: HttpRequest) -> HttpResponse:
            if not request.user.has_perm(MAY_SEE):
                return _denied(request, title)
            now, part = timezone.now(), bool(request.GET.get("part"))
            context: dict[str, Any] = {"title": title, "name": name, "part": part, "errors": {}}
            try:
                filters = parse(_read(request.GET) | dict(fixed or {}), now, DEFAULT_RANGE)
                context |= _about(request, filters, name) | build(request, filters)
            except Invalid as error:
                context["errors"] = error.errors
            if not part:
                context |= admin.site.each_context(request) | {"title": context["title"]}
                context["fields"] = _fields(request.GET, context["errors"], more, without)
                context["hidden"] = _kept(request.GET, context["errors"], more)
            if context["errors"]:
                context |= _astray(name, context["errors"])
            context["layout"] = "stats/part.html" if part else "admin/base_site.html"
            return TemplateResponse(request, template, context, status=400 if context["errors"] else 200)

        return admin.site.admin_view(view)

    return wrapped


def _astray(name: str, errors: Mapping[str, str]) -> dict[str, Any]:
    """What a page shows whose filters make no sense: which, and ways out of it."""
    pages = [each for each, _ in TABS]
    own = (f"stats:{name}", f"stats:{name}s", f"{name}:page")
    anew = next((each for each in own if each in pages), pages[0])
    return {
        "wrong": [(LABELS.get(each, each.capitalize()), why) for each, why in errors.items()],
        "anew": reverse(anew),
        "tabs": [(title, reverse(each), each == anew) for each, title in TABS],
    }


def text(request: HttpRequest, name: str) -> str:
    """A parameter that the database may be asked for. Raises Invalid."""
    value = request.GET.get(name, "").strip()
    if "\0" in value:
        raise Invalid({name: "Holds a null character."})
    return value[:200]


def _read(given: Mapping[str, str]) -> dict[str, str]:
    """A range that was chosen by name is meant, whatever the fields of the other way still hold."""
    read = {name: given.get(name, "") for name in PARAMETERS}
    return read | {"from": "", "to": ""} if read["range"] else read


def _about(request: HttpRequest, filters: Filters, name: str) -> dict[str, Any]:
    zone, previous = filters.zone, filters.previous()
    # A tab leads to the same range and provider; what only one page knows is left behind.
    kept = filters.query(campaign="", variant="", template="", traffic="")
    return {
        "filters": filters,
        "tabs": [
            (title, f"{reverse(each)}?{kept}", each in (f"stats:{name}", f"stats:{name}s", f"{name}:page"))
            for each, title in TABS
        ],
        "as_of": f"{filters.now.astimezone(zone):%H:%M:%S} {zone.key}",
        "range_words": words.stretch(filters.start, filters.end, filters),
        "before_words": words.stretch(previous.start, previous.end, filters) if previous else "",
        "definitions": [*DEFINITIONS, *RATES],
        "may_export": request.user.has_perm(MAY_EXPORT),
        "refreshes": filters.end is None or filters.end > filters.now,
    }


def _fields(
    given: Mapping[str, str], errors: Mapping[str, str], more: Sequence[str], without: Sequence[str]
) -> list[Field]:
    read = _read(given)
    named = read["range"] or ("" if read["from"] or read["to"] else DEFAULT_RANGE)
    day = "2026-01-31T18:30"  # the time may be left out

    def field(name: str, label: str, value: str = "", **values: Any) -> Field:
        return Field(name, label, value or given.get(name, ""), errors.get(name, ""), **values)

    fields = [
        field("range", "Range", named, options=[*RANGES.items(), ("", "From … to …")]),
        field("from", "From", read["from"], hint=day),
        field("to", "To", read["to"], hint=day),
        field("tz", "Time zone", hint=timezone.get_default_timezone_name()),
        field("provider", "Provider", options=[("", "All"), *choices.providers()]),
        field("campaign", "Campaign", suggestions=choices.campaigns(), hint="Campaign id"),
        field("variant", "Variant", hint="Of the campaign"),
        field("template", "Template", suggestions=choices.templates(), hint="Template name"),
        field("traffic", "Traffic", options=list(TRAFFIC.items())),
    ]
    if "by" in more:
        steps = [("", "Automatic"), ("minute", "By minute"), ("hour", "By hour"), ("day", "By day")]
        fields.append(field("by", "Trend", options=steps))
    if "q" in more:
        fields.append(field("q", "Search", hint="Part of an id or name"))
    return [each for each in fields if each.name not in without]


def _kept(given: Mapping[str, str], errors: Mapping[str, str], more: Sequence[str]) -> list[tuple[str, str]]:
    """What has no field in the filter bar and stays when the filters change."""
    names = [each for each in UNSEEN if each in more and each not in errors]
    return [(name, given[name]) for name in names if given.get(name)]


def _denied(request: HttpRequest, title: str) -> HttpResponse:
    context = admin.site.each_context(request) | {"title": title}
    return TemplateResponse(request, "stats/denied.html", context, status=403)
