"""The steps of an upload: choosing the file, naming its columns, watching how it is read."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Max, Min
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from accounts import trail
from accounts.trail import What
from lib.csv_files import Unreadable
from stats.models import Report
from stats.pages import page_view
from stats.reconciliation import columns, facts, hints, loading, reading, storage
from stats.reconciliation.forms import AboutForm, ColumnsForm, FileForm

MAY_UPLOAD = "stats.add_report"
MAY_DELETE = "stats.delete_report"
SAMPLE = 5  # rows


def upload(request: HttpRequest) -> HttpResponse:
    """Takes a report. Where all its columns are known, its reading begins. Else a page asks for them."""
    _may_upload(request)
    form = FileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            report = storage.draft(file.name, file.file, by=request.user.get_username(), **_about(form))
        except Unreadable as error:
            form.add_error("file", str(error))
        else:
            trail.note(request, What.ADDED, report, file=report.name, rows=report.rows or "not counted yet")
            if columns.problems(report.mapping, report.day is not None):
                return redirect("reconciliation:columns", report.pk)
            return _begin(request, report)
    context = admin.site.each_context(request) | {
        "title": "Upload CleverTap’s campaign report",
        "form": form,
        "headings": _headings(),
        "cache": hints.hours(facts.cache()),
    }
    return TemplateResponse(request, "reconciliation/upload.html", context)


def choose_columns(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks which column of a report is what, until it is read."""
    _may_upload(request)
    report = get_object_or_404(Report, pk=pk, state__in=Report.UNREAD)
    form = ColumnsForm(report, request.POST or None)
    if request.method == "POST" and form.is_valid():
        told = _about(form) | {"mapping": form.mapped}
        for name, value in told.items():
            setattr(report, name, value)
        report.save(update_fields=list(told))
        trail.note(request, What.CHANGED, report, changes=trail.changes(form))
        if not columns.problems(report.mapping, report.day is not None):
            return _begin(request, report)
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


def _begin(request: HttpRequest, report: Report) -> HttpResponse:
    """Starts the reading, and leads to the comparison. A file that cannot be used as it stands leads to its
    columns, and a long one to the page with its progress."""
    loading.start(report)
    if report.state == Report.State.FAILED:
        messages.error(request, report.error)
        return redirect("reconciliation:columns", report.pk)
    if report.state != Report.State.DONE:
        return redirect("reconciliation:report", report.pk)
    messages.success(request, f"{report.name}: {report.lines.count():,} lines by day and campaign.")
    for note in report.notes:
        messages.info(request, note)
    return redirect("reconciliation:page")


def report_page(request: HttpRequest, pk: int) -> HttpResponse:
    """How many rows of a report are read, and how the reading ended. With `part`, only what refreshes."""
    if not request.user.has_perm(page_view.MAY_SEE):
        raise PermissionDenied
    report = get_object_or_404(Report, pk=pk)
    days = report.lines.aggregate(first=Min("day"), last=Max("day"), n=Count("pk"))
    context = {
        "title": f"Reading {report.name}",
        "report": report,
        "open": report.state in Report.OPEN,
        "unread": report.state in Report.UNREAD,
        "percent": 100 * report.done // report.rows if report.rows else 0,
        "days": days,
        "comparison": f"{reverse('reconciliation:page')}?from={days['first']}&to={days['last']}",
        "may_upload": request.user.has_perm(MAY_UPLOAD),
    }
    if request.GET.get("part"):
        return TemplateResponse(request, "reconciliation/progress.html", context)
    return TemplateResponse(request, "reconciliation/report.html", admin.site.each_context(request) | context)


def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Stops the reading of a report."""
    _may_upload(request)
    report = get_object_or_404(Report, pk=pk)
    if request.method != "POST":
        raise PermissionDenied
    loading.cancel(report)
    trail.note(request, What.STOPPED, report)
    return redirect("reconciliation:report", report.pk)


def discard(request: HttpRequest, pk: int) -> HttpResponse:
    """Takes back a report. Whoever may upload reports may take back one that has not been read."""
    report = get_object_or_404(Report, pk=pk)
    own = report.state != Report.State.DONE and request.user.has_perm(MAY_UPLOAD)
    if request.method != "POST" or not (own or request.user.has_perm(MAY_DELETE)):
        raise PermissionDenied
    trail.note(request, What.DELETED, report, file=report.name)
    storage.discard(report)
    messages.success(request, f"{report.name} is removed. Its figures no longer count.")
    return redirect("reconciliation:page")


def _about(form: AboutForm) -> dict[str, Any]:
    names = ("zone", "exported_at", "provider", "month_first", "day", "complete")
    return {name: form.cleaned_data[name] for name in names}


def _headings() -> list[tuple[str, str]]:
    """The documented heading of each, for the page that asks for the file."""
    return [
        ("Day", "Run Date"),
        ("Campaign", "Campaign ID, or Campaign Name"),
        ("Sent", "Total Sent (events)"),
        ("Delivered", "Total Delivered (Events)"),
        ("Viewed", "Total Viewed (events)"),
        ("Errors", "Errors"),
        ("Provider", "Provider Name, or WABA number"),
    ]


def _may_upload(request: HttpRequest) -> None:
    if not (request.user.has_perm(page_view.MAY_SEE) and request.user.has_perm(MAY_UPLOAD)):
        raise PermissionDenied
