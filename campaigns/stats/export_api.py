"""Any table of the stats, and the messages behind a figure, as a file written while it is sent."""

from collections.abc import Iterable

from django.http import Http404, StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from campaigns.stats import api, behind, queries, schema, tables
from campaigns.stats.filters import Filters
from campaigns.stats.tables import Table
from lib import sheets

_DIMENSIONS: dict[str, queries.Dimension] = {
    "campaigns": "campaign",
    "templates": "template",
    "providers": "provider",
}
TABLES = (*tables.PLAIN, *_DIMENSIONS, "variants", "trend", "messages")
TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class MayExportStats(api.MaySeeStats):
    message = "This needs the permission to export stats."
    permission = "campaigns.export_stats"


class ExportView(api.StatsView):
    permission_classes = (api.MaySeeStats, MayExportStats)

    @extend_schema(
        operation_id="export",
        parameters=[
            schema.choice("table", "Which table.", TABLES, location="path"),
            schema.choice("form", "Which kind of file.", TYPES, location="path"),
            *schema.FILTERS,
            schema.SEARCH,
            schema.ORDER,
            schema.STEP,
            schema.choice("figure", "Of the table “messages”: whose.", behind.FIGURES),
            *schema.BEHIND[1:],
        ],
        responses={(200, "text/csv"): bytes, (200, TYPES["xlsx"]): bytes, 400: schema.PROBLEMS},
    )
    def get(self, request: Request, table: str, form: str) -> StreamingHttpResponse:
        """Any table, or the messages behind a figure, as a file."""
        if table not in TABLES or form not in TYPES:
            raise Http404
        filters = self.filters(request)
        rows = self._table(request, filters, table).cells(filters)
        content: Iterable[str | bytes] = (
            sheets.write_csv(rows) if form == "csv" else sheets.write_xlsx(rows, table)
        )
        response = StreamingHttpResponse(content, content_type=TYPES[form])
        name = f"waypost-{table}-{timezone.localtime(filters.now, filters.zone):%Y-%m-%d}.{form}"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    def _table(self, request: Request, filters: Filters, name: str) -> Table:
        if name in tables.PLAIN:
            return tables.PLAIN[name](filters)
        if name in _DIMENSIONS:
            return api.groups(request, filters, _DIMENSIONS[name])
        if name == "variants":
            return tables.of_groups("variant", api.variants(filters))
        if name == "trend":
            return api.trend(request, filters)
        figure, code, url = api.asked_for(request)
        return api.messages(request, behind.rows(filters, figure, code=code, url=url))
