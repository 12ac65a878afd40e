"""The runs of the acceptance kit: each with its progress, its report, and the report as a file."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from lib.admin import LogAdmin, Tone, badge, choice_filter, column, moment
from operations.acceptance import report, runs
from operations.models import AcceptanceRun
from providers.list_filters import ProviderFilter


@admin.register(AcceptanceRun)
class AcceptanceRunAdmin(LogAdmin):
    list_display = ("asked_for", "provider", "verdict_badge", "by")
    list_select_related = ("provider",)
    list_filter = (ProviderFilter, choice_filter("state", AcceptanceRun.State.choices))
    progress_template = "operations/acceptance.html"
    empty_title = "The acceptance kit has not been run yet"
    empty_text = (
        "It does with a provider what CleverTap's integration team does with a new partner. Start it on the "
        "provider's page."
    )

    @column(description="asked for")
    def asked_for(self, run: AcceptanceRun) -> SafeString | None:
        return moment(run.created_at)

    @column(description="verdict")
    def verdict_badge(self, run: AcceptanceRun) -> SafeString:
        found = report.summary(run, runs.rows_of(run))
        tone: Tone = "success" if found.passed else "info" if run.state in AcceptanceRun.OPEN else "danger"
        return badge(found.verdict, tone)

    def page_context(self, request: HttpRequest, obj: AcceptanceRun) -> dict[str, Any]:
        return report.context(obj)

    def get_urls(self) -> list[URLPattern]:
        view, name = self.admin_site.admin_view(self.report_view), "operations_acceptancerun_report"
        return [path("<path:object_id>/report/", view, name=name), *super().get_urls()]

    def report_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        run: AcceptanceRun = self.row(request, object_id)
        name = f'attachment; filename="acceptance-{run.pk}.html"'
        return HttpResponse(report.html(run), headers={"Content-Disposition": name})
