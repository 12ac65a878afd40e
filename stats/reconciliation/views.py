"""The reconciliation page, and the comparison as a file."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.db.models import Count, Max, Min
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from accounts import trail
from lib.attachment import TYPES, attachment
from providers.models import Provider
from stats.models import Report
from stats.pages import page_view
from stats.query.filters import Filters, Invalid, parse
from stats.reconciliation import columns, display, export_tables, facts, hints, matching, storage
from stats.reconciliation.matching import Asked, Result
from stats.reconciliation.storage import Days
from stats.reconciliation.upload_views import MAY_DELETE, MAY_UPLOAD

SHOWN = 200  # rows of a table; all of them are in the files
REPORTS = 30


def page(request: HttpRequest) -> HttpResponse:
    """The comparison. Without a range in its address, that of the newest report is taken."""
    if not any(request.GET.get(name) for name in ("range", "from", "to")):
        newest = Report.objects.annotate(first=Min("lines__day"), last=Max("lines__day"))
        if report := newest.exclude(first=None).order_by("-created_at").first():
            days = {"from": report.first.isoformat(), "to": report.last.isoformat()}
            return redirect(f"{reverse('reconciliation:page')}?{urlencode(request.GET.dict() | days)}")
    return _page(request)


@page_view.stats_view(
    "reconciliation/page.html",
    "Reconciliation with CleverTap",
    "reconciliation",
    without=("tz", "variant", "template", "traffic"),
)
def _page(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    causes = bool(request.GET.get("causes"))
    asked, pages = _page_of(request, _asked(filters, causes))
    only = display.Only.read(request.GET.get("only", ""))
    kept = {name: request.GET.get(name, "") for name in ("causes", "page")}
    result = matching.stored(asked)
    providers = dict(Provider.objects.values_list("pk", "nickname"))
    titles = matching.titles(result.rows)
    differing = [row for row in result.rows if not row.agrees and (only is None or only.has(row))]
    agreeing = [row for row in result.rows if row.agrees]
    zones = _zones(result)
    lines = display.Lines(filters, providers, titles, zones)
    query = filters.query()
    return {
        "verdict": result.verdict,
        "totals": display.totals(filters, result, zones, kept),
        "only": only,
        "all_url": f"?{filters.query(**kept)}#differing",
        "differing": [lines.row(row) for row in differing[:SHOWN]],
        "differing_more": max(len(differing) - SHOWN, 0),
        "agreeing": [lines.row(row) for row in agreeing[:SHOWN]],
        "agreeing_count": len(agreeing),
        "agreeing_more": max(len(agreeing) - SHOWN, 0),
        "causes": [(cause, count, display.where(cause)) for cause, count in result.verdict.causes],
        "left": result.left,
        "left_urls": display.left(filters),
        "hints": result.hints,
        "unseen": result.unseen,
        "explain_url": f"{request.path}?{filters.query(causes='yes', page=request.GET.get('page', ''))}",
        "pages": [(days, f"{request.path}?{filters.query(page=str(n))}") for n, days in enumerate(pages, 1)],
        "this_page": (asked.first, asked.last),
        "most_lines": storage.LINES_A_PAGE,
        "cache": hints.hours(facts.cache()),
        "reports": _reports(),
        "may_upload": request.user.has_perm(MAY_UPLOAD),
        "may_delete": request.user.has_perm(MAY_DELETE),
        "files": {
            form: reverse("reconciliation:export", args=[form]) + (f"?{query}" if query else "")
            for form in TYPES
        },
        "refreshes": False,
        "headings": columns.TARGETS,
    }


def _page_of(request: HttpRequest, asked: Asked) -> tuple[Asked, list[Days]]:
    """What is compared on this page, and the days of every page where there are several."""
    pages = storage.pages(asked.first, asked.last)
    if len(pages) < 2:
        return asked, []
    number = request.GET.get("page", "")
    place = int(number) if number.isdecimal() and len(number) < 6 else 1
    days = pages[min(max(place, 1), len(pages)) - 1]
    return replace(asked, first=days.first, last=days.last), pages


def _asked(filters: Filters, causes: bool = True) -> Asked:
    def day(moment: datetime | None, end: bool = False) -> date | None:
        return (moment - timedelta(seconds=end)).astimezone(filters.zone).date() if moment else None

    return Asked(day(filters.start), day(filters.end, True), filters.campaign, filters.provider_id, causes)


def _zones(result: Result) -> dict[int, str]:
    """The time zone of each report: links to our messages need it to know when a day begins."""
    ids = {row.report for row in result.rows}
    return dict(Report.objects.filter(pk__in=ids).values_list("pk", "zone"))


def _reports() -> list[Any]:
    found = Report.objects.annotate(n=Count("lines"), first=Min("lines__day"), last=Max("lines__day"))
    return list(found.select_related("provider").order_by("-created_at")[:REPORTS])


def export(request: HttpRequest, form: str) -> HttpResponse | StreamingHttpResponse:
    """The comparison as a file, under the same filters."""
    if not (request.user.has_perm(page_view.MAY_SEE) and request.user.has_perm(page_view.MAY_EXPORT)):
        raise PermissionDenied
    if form not in TYPES:
        raise Http404
    try:
        filters = parse(request.GET.dict(), timezone.now())
    except Invalid as error:
        return HttpResponse(str(error), status=400, content_type="text/plain; charset=utf-8")
    result = matching.stored(_asked(filters))
    providers: Mapping[int, str] = dict(Provider.objects.values_list("pk", "nickname"))
    rows = export_tables.cells(result, providers, matching.titles(result.rows))
    rows = trail.exported(request, "reconciliation", rows)
    return attachment(rows, form, f"waypost-reconciliation-{timezone.localdate():%Y-%m-%d}", "reconciliation")
