"""Any table of the stats, and the messages behind a figure, as a file written while it is sent."""

from django.http import Http404, StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from accounts import api, trail
from lib.attachment import TYPES, attachment
from stats.api import schema, views
from stats.query import breakdowns, messages_behind
from stats.query.filters import Filters
from stats.tables import contents, export_tables
from stats.tables.contents import Table

_DIMENSIONS: dict[str, breakdowns.Dimension] = {
    "campaigns": "campaign",
    "templates": "template",
    "providers": "provider",
}
_CONCERNED: dict[str, breakdowns.Dimension] = {"error_campaigns": "campaign", "error_templates": "template"}
TABLES = (*export_tables.PLAIN, *_DIMENSIONS, *_CONCERNED, "variants", "trend", "messages")


class ExportView(views.StatsView):
    permissions = (*views.StatsView.permissions, "campaigns.export_stats")
    lacking = "This needs the permission to export stats."

    @extend_schema(
        operation_id="export",
        parameters=[
            schema.choice("table", "Which table.", TABLES, location="path"),
            schema.choice("form", "Which kind of file.", TYPES, location="path"),
            *schema.FILTERS,
            schema.SEARCH,
            schema.ORDER,
            schema.STEP,
            schema.choice(
                "figure",
                "The figure, for the table `messages` and those of one error.",
                messages_behind.FIGURES,
            ),
            *schema.BEHIND[1:],
        ],
        responses={
            (200, "text/csv"): bytes,
            (200, TYPES["xlsx"]): bytes,
            **schema.REFUSED,
            404: schema.NO_SUCH_FILE,
        },
    )
    def get(self, request: Request, table: str, form: str) -> StreamingHttpResponse:
        """Any table, or the messages behind a figure, as a file."""
        if table not in TABLES or form not in TYPES:
            raise Http404
        filters = self.filters(request)
        if table == "messages" and api.eyes(request).whole:
            api.prove(request)
        rows = export_tables.cells(self._table(request, filters, table), filters)
        rows = trail.exported(request, table, rows)
        day = timezone.localtime(filters.now, filters.zone)
        return attachment(rows, form, f"waypost-{table}-{day:%Y-%m-%d}", table)

    def _table(self, request: Request, filters: Filters, name: str) -> Table:
        if name in export_tables.PLAIN:
            return export_tables.PLAIN[name](filters)
        if name in _DIMENSIONS:
            return views.groups(request, filters, _DIMENSIONS[name])
        if name == "variants":
            return contents.groups("variant", views.variants(filters))
        if name == "trend":
            return views.trend(request, filters)
        if name in _CONCERNED:
            return export_tables.concerned(filters, views.reason(request), _CONCERNED[name])
        figure, only = views.asked_for(request)
        return views.messages(request, messages_behind.rows(filters, figure, only))
