"""Lists with buttons that write what their search and filters match, as CSV or as a workbook."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import URLPattern, path
from django.utils import timezone

from lib import shown
from lib.admin import ModelAdmin
from lib.sheets import Row, write_csv, write_xlsx
from lib.shown import Eyes

TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class ExportedAdmin(ModelAdmin):
    change_list_template = "waypost/exported_list.html"
    export_name = ""
    export_permission = ""  # beside that to view

    def export_rows(self, found: QuerySet[Any], eyes: Eyes) -> Iterator[Row]:
        """The heading, then the rows. They are read while they are written."""
        raise NotImplementedError

    def has_export_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) and request.user.has_perm(self.export_permission)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        may = {"may_export": self.has_export_permission(request)}
        return super().changelist_view(request, may | (extra_context or {}))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        return [
            path("export/", view, {"form": "csv"}, name=name),
            path("export/xlsx/", view, {"form": "xlsx"}, name=f"{name}_xlsx"),
            *super().get_urls(),
        ]

    def export_view(self, request: HttpRequest, form: str) -> StreamingHttpResponse:
        if not self.has_export_permission(request):
            raise PermissionDenied
        found = self.get_changelist_instance(request).get_queryset(request).defer(None)
        rows = self.export_rows(found, shown.eyes())
        name = f"{self.export_name}-{timezone.localdate()}.{form}"
        content: Iterable[str | bytes] = (
            write_csv(rows) if form == "csv" else write_xlsx(rows, self.export_name)
        )
        response = StreamingHttpResponse(content, content_type=TYPES[form])
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response
