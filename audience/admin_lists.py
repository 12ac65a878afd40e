"""What the audience's lists share: a search by phone number, an export of what the list shows."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import URLPattern, path
from django.utils import timezone

from lib import phone, shown
from lib.admin import LogAdmin
from lib.sheets import Row, write_csv
from lib.shown import Eyes


class ExportedAdmin(LogAdmin):
    """A list with a button that writes what its search and filters match as CSV."""

    change_list_template = "audience/exported_list.html"
    export_name = ""

    def export_rows(self, found: QuerySet[Any], eyes: Eyes) -> Iterator[Row]:
        raise NotImplementedError

    def has_export_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("audience.export_contact")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        return [path("export/", view, name=name), *super().get_urls()]

    def export_view(self, request: HttpRequest) -> StreamingHttpResponse:
        if not self.has_export_permission(request):
            raise PermissionDenied
        found = self.get_changelist_instance(request).get_queryset(request).defer(None)
        rows = write_csv(self.export_rows(found, shown.eyes()))
        response = StreamingHttpResponse(rows, content_type="text/csv; charset=utf-8")
        name = f"{self.export_name}-{timezone.localdate()}.csv"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response


class ByPhoneAdmin(LogAdmin):
    """A list that is searched by the column `phone`."""

    search_fields = ("phone",)  # shows the box
    search_help_text = "Phone or its beginning"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term.strip():
            return queryset, False
        digits = phone.typed(search_term)
        return queryset.filter(shown.found("phone", digits) if digits else Q(pk=None)), False
