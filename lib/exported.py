"""Lists with buttons that write what their search and filters match, as CSV or as a workbook."""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import URLPattern, path
from django.utils import timezone

from lib import phone_masking
from lib.admin import ModelAdmin
from lib.attachment import attachment
from lib.phone_masking import Eyes
from lib.sheets import Row


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
        if phone_masking.eyes().whole:
            self.admin_site.prove(request)
        try:
            found = self.get_changelist_instance(request).get_queryset(request).defer(None)
        except IncorrectLookupParameters as error:
            raise BadRequest("This list has no such filter or page.") from error
        rows = self.admin_site.exported(
            request, self.export_name, self.export_rows(found, phone_masking.eyes())
        )
        return attachment(rows, form, f"{self.export_name}-{timezone.localdate()}", self.export_name)
