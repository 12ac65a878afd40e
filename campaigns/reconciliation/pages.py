"""The reconciliation page, and the way a report gets there."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Max, Min
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Report
from campaigns.reconciliation import columns, matching, reading, shown, storage, tables
from campaigns.reconciliation.forms import AboutForm, ColumnsForm, FileForm
from campaigns.reconciliation.matching import Asked, Result
from campaigns.stats import frame
from campaigns.stats.filters import Filters, Invalid, parse
from lib import sheets
from lib.csv_files import Unreadable
from providers.models import Provider

MAY_UPLOAD = "campaigns.add_report"
MAY_DELETE = "campaigns.delete_report"
SHOWN = 200  # rows of a table; all of them are in the files
REPORTS = 30
SAMPLE = 5
TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def page(request: HttpRequest) -> HttpResponse:
    """Without a range, that of the report uploaded last."""
    if not any(request.GET.get(name) for name in ("range", "from", "to")):
        newest = Report.objects.filter(draft=False).annotate(first=Min("lines__day"), last=Max("lines__day"))
        if report := newest.order_by("-created_at").first():
            days = {"from": report.first.isoformat(), "to": report.last.isoformat()}
            return redirect(f"{reverse('reconciliation:page')}?{urlencode(request.GET.dict() | days)}")
    return _page(request)


@frame.page(
    "reconciliation/page.html",
    "Reconciliation with CleverTap",
    "reconciliation",
    without=("tz", "variant", "template", "traffic"),
)
def _page(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    causes = bool(request.GET.get("causes"))
    result = matching.stored(_asked(filters, causes))
    providers = dict(Provider.objects.values_list("pk", "nickname"))
    titles = matching.titles(result.rows)
    differing = [row for row in result.rows if not row.agrees]
    agreeing = [row for row in result.rows if row.agrees]
    lines = shown.Lines(filters, providers, titles, _zones(result))
    query = filters.query()
    return {
        "verdict": result.verdict,
        "differing": [lines.row(row) for row in differing[:SHOWN]],
        "differing_more": max(len(differing) - SHOWN, 0),
        "agreeing": [lines.row(row) for row in agreeing[:SHOWN]],
        "agreeing_count": len(agreeing),
        "agreeing_more": max(len(agreeing) - SHOWN, 0),
        "causes": [(cause, count, shown.where(cause)) for cause, count in result.verdict.causes],
        "left": result.left,
        "left_urls": shown.left(filters),
        "hints": result.hints,
        "unseen": result.unseen,
        "explain_url": f"{request.path}?{filters.query(causes='yes')}",
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


def _asked(filters: Filters, causes: bool = True) -> Asked:
    def day(moment: datetime | None, end: bool = False) -> date | None:
        return (moment - timedelta(seconds=end)).astimezone(filters.zone).date() if moment else None

    return Asked(day(filters.start), day(filters.end, True), filters.campaign, filters.provider_id, causes)


def _zones(result: Result) -> dict[int, str]:
    """The time zone of each report, by which its days lead to our messages."""
    ids = {row.report for row in result.rows}
    return dict(Report.objects.filter(pk__in=ids).values_list("pk", "zone"))


def _reports() -> list[Any]:
    found = Report.objects.annotate(n=Count("lines"), first=Min("lines__day"), last=Max("lines__day"))
    return list(found.select_related("provider").order_by("-created_at")[:REPORTS])


def export(request: HttpRequest, form: str) -> HttpResponse | StreamingHttpResponse:
    """The comparison as a file, under the same filters."""
    if not (request.user.has_perm(frame.MAY_SEE) and request.user.has_perm(frame.MAY_EXPORT)):
        raise PermissionDenied
    if form not in TYPES:
        raise Http404
    try:
        filters = parse(request.GET.dict(), timezone.now())
    except Invalid as error:
        return HttpResponse(str(error), status=400, content_type="text/plain; charset=utf-8")
    result = matching.stored(_asked(filters))
    providers: Mapping[int, str] = dict(Provider.objects.values_list("pk", "nickname"))
    rows = tables.cells(result, providers, matching.titles(result.rows))
    content = sheets.write_csv(rows) if form == "csv" else sheets.write_xlsx(rows, "reconciliation")
    response = StreamingHttpResponse(content, content_type=TYPES[form])
    name = f"waypost-reconciliation-{timezone.localdate():%Y-%m-%d}.{form}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


# Uploading


def upload(request: HttpRequest) -> HttpResponse:
    """Takes a report. One whose columns are all known counts at once, else they are asked for."""
    _may_upload(request)
    form = FileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            report = storage.draft(file.name, file.file, by=request.user.get_username(), **_about(form))
        except Unreadable as error:
            form.add_error("file", str(error))
        else:
            if columns.problems(report.mapping, report.day is not None):
                return redirect("reconciliation:columns", report.pk)
            return _load(request, report) or redirect("reconciliation:columns", report.pk)
    context = admin.site.each_context(request) | {
        "title": "Upload CleverTap’s campaign report",
        "form": form,
        "headings": _headings(),
    }
    return TemplateResponse(request, "reconciliation/upload.html", context)


def choose_columns(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks which column of a draft is what."""
    _may_upload(request)
    report = get_object_or_404(Report, pk=pk, draft=True)
    form = ColumnsForm(report, request.POST or None)
    if request.method == "POST" and form.is_valid():
        report.mapping = form.mapped
        for name, value in _about(form).items():
            setattr(report, name, value)
        report.save()
        if not columns.problems(report.mapping, report.day is not None) and (done := _load(request, report)):
            return done
    with report.file.open("rb") as file:
        sample = reading.sample(file.file, storage.facts_of(report), SAMPLE)
    known = {position: columns.TARGETS[target] for target, position in report.mapping.items()}
    context = admin.site.each_context(request) | {
        "title": f"Columns of {report.name}",
        "report": report,
        "form": form,
        "problems": columns.problems(report.mapping, report.day is not None),
        "heads": [(heading, known.get(n, "")) for n, heading in enumerate(report.header)],
        "sample": sample,
    }
    return TemplateResponse(request, "reconciliation/columns.html", context)


def discard(request: HttpRequest, pk: int) -> HttpResponse:
    """Takes back a report; a draft by whoever may upload one."""
    report = get_object_or_404(Report, pk=pk)
    allowed = request.user.has_perm(MAY_DELETE) or (report.draft and request.user.has_perm(MAY_UPLOAD))
    if request.method != "POST" or not allowed:
        raise PermissionDenied
    storage.discard(report)
    messages.success(request, f"{report.name} is taken back; its figures count no more.")
    return redirect("reconciliation:page")


def _load(request: HttpRequest, report: Report) -> HttpResponse | None:
    """The way to the comparison; None when the file cannot be used as it stands."""
    try:
        storage.load(report)
    except Unreadable as error:
        messages.error(request, str(error))
        return None
    messages.success(request, f"{report.name}: {report.lines.count():,} lines by day and campaign.")
    for note in report.notes:
        messages.info(request, note)
    return redirect("reconciliation:page")


def _about(form: AboutForm) -> dict[str, Any]:
    names = ("zone", "exported_at", "provider", "month_first", "day", "complete")
    return {name: form.cleaned_data[name] for name in names}


def _headings() -> list[tuple[str, str]]:
    """The documented heading of each, for the page that asks for the file."""
    return [
        ("Day", "Run Date"), ("Campaign", "Campaign ID, or Campaign Name"), ("Sent", "Total Sent (events)"),
        ("Delivered", "Total Delivered (Events)"), ("Viewed", "Total Viewed (events)"), ("Errors", "Errors"),
        ("Provider", "Provider Name, or WABA number"),
    ]  # fmt: skip


def _may_upload(request: HttpRequest) -> None:
    if not (request.user.has_perm(frame.MAY_SEE) and request.user.has_perm(MAY_UPLOAD)):
        raise PermissionDenied
