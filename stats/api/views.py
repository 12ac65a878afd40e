"""The stats as JSON: the figures of the pages under the same names, with the same filters.

GET only, for people who may see stats, and for their tokens with `stats:read`. Every answer says what it is
about: `as_of`, `from` (null: the first message), `to` and `timezone`.
"""

from collections.abc import Callable, Iterable
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import api
from providers.models import Provider
from stats.api import schema
from stats.api.schema import LIMIT, MOST
from stats.query import asked, breakdowns, figures, messages_behind, series
from stats.query.error_codes import Reason
from stats.query.filters import Filters, Invalid, parse
from stats.query.messages_behind import Only
from stats.tables import contents, export_tables
from stats.tables.contents import Table


class Readable(api.Guarded):
    scope = "stats:read"
    permissions: tuple[str, ...] = ("campaigns.view_stats",)
    lacking = "This needs the permission to see stats."


class StatsView(Readable):
    def filters(self, request: Request) -> Filters:
        try:
            return parse(request.query_params, timezone.now())
        except Invalid as error:
            raise problem(**error.errors) from error

    def answer(self, filters: Filters, **content: Any) -> Response:
        about = {
            "as_of": filters.now,
            "from": filters.start,
            "to": filters.until,
            "timezone": filters.zone.key,
        }
        return Response(about | content)

    def table(self, filters: Filters, table: Table, **more: Any) -> Response:
        columns = [
            {"name": column.name, "label": column.label, "kind": column.kind} for column in table.columns
        ]
        return self.answer(
            filters, columns=columns, rows=export_tables.records(table), **({"next": None} | more)
        )


def problem(**errors: str) -> ValidationError:
    return ValidationError({"errors": errors})


class FiguresView(StatsView):
    @extend_schema(operation_id="figures", parameters=schema.FILTERS, responses=schema.FIGURES_ANSWER)
    def get(self, request: Request) -> Response:
        """All figures and rates of a range, and those of the range before (null for all time)."""
        filters = self.filters(request)
        found, previous = breakdowns.totals(filters), filters.previous()
        before = None if previous is None else breakdowns.totals(previous)
        return self.answer(
            filters,
            figures=found.as_dict(),
            rates=figures.rates(found),
            before=before and before.as_dict(),
            rates_before=before and figures.rates(before),
        )


class TrendView(StatsView):
    @extend_schema(
        operation_id="trend",
        parameters=[*schema.FILTERS, schema.STEP, *schema.REASON],
        responses=schema.TABLE_ANSWER,
    )
    def get(self, request: Request) -> Response:
        """Figures by minute, hour or day of the time zone; of one error where its `code` is given."""
        filters = self.filters(request)
        return self.table(filters, trend(request, filters))


def trend(request: Request, filters: Filters) -> Table:
    by = request.query_params.get("by", "")
    step = next((step for step in series.STEPS if step == by), None)
    if by and step is None:
        raise problem(by=f"Expected one of {', '.join(series.STEPS)}.")
    try:
        return export_tables.trend(filters, step, reason(request) if "code" in request.query_params else None)
    except Invalid as error:
        raise problem(**error.errors) from error


class GroupsView(StatsView):
    dimension: breakdowns.Dimension

    def get(self, request: Request) -> Response:
        filters = self.filters(request)
        limit, offset = number(request, "limit", LIMIT, MOST, least=1), number(request, "offset", 0)
        table = groups(request, filters, self.dimension, limit + 1, offset)
        rows = list(table.rows)
        following = str(offset + limit) if len(rows) > limit else None
        return self.table(filters, Table(table.name, table.columns, rows[:limit]), next=following)


def groups(
    request: Request,
    filters: Filters,
    dimension: breakdowns.Dimension,
    limit: int | None = None,
    offset: int = 0,
) -> Table:
    order = request.query_params.get("order") or "-accepted"
    search = request.query_params.get("q", "").strip()
    if "\0" in search:
        raise problem(q="A null character is not allowed here.")
    try:
        return export_tables.groups(filters, dimension, order, limit, offset, search)
    except ValueError as error:
        raise problem(order=f"The list {error}.") from error


def _described(operation: str, text: str, *parameters: Any) -> Callable[[type[APIView]], type[APIView]]:
    return extend_schema_view(
        get=extend_schema(
            operation_id=operation,
            description=text,
            parameters=[*schema.FILTERS, *parameters],
            responses=schema.TABLE_ANSWER,
        )
    )


_PAGING = (schema.SEARCH, schema.ORDER, schema.SIZE, schema.OFFSET)


@_described("campaigns", "Figures by campaign.", *_PAGING)
class CampaignsView(GroupsView):
    dimension = "campaign"


@_described("templates", "Figures by template.", *_PAGING)
class TemplatesView(GroupsView):
    dimension = "template"


@_described("providers", "Figures by provider.", *_PAGING)
class ProvidersView(GroupsView):
    dimension = "provider"


class VariantsView(StatsView):
    @extend_schema(operation_id="variants", parameters=schema.FILTERS, responses=schema.VARIANTS_ANSWER)
    def get(self, request: Request) -> Response:
        """A campaign's variants, and how much their rates differ from the first one's, with 95 %
        confidence."""
        filters = self.filters(request)
        found = variants(filters)
        differences = {
            group.variant: {
                name: each and {"value": each.value, "low": each.low, "high": each.high}
                for name, each in figures.compared(found[0].figures, group.figures).items()
            }
            for group in found[1:]
        }
        return self.table(filters, contents.groups("variant", found), differences=differences)


def variants(filters: Filters) -> list[breakdowns.Group]:
    if not filters.campaign:
        raise problem(campaign="Choose the campaign whose variants to compare.")
    return breakdowns.variants(filters)


class ConcernedView(StatsView):
    dimension: breakdowns.Dimension

    def get(self, request: Request) -> Response:
        filters = self.filters(request)
        return self.table(filters, export_tables.concerned(filters, reason(request), self.dimension))


@_described("error_campaigns", "The campaigns whose messages failed for one reason.", *schema.REASON)
class ErrorCampaignsView(ConcernedView):
    dimension = "campaign"


@_described("error_templates", "The templates whose messages failed for one reason.", *schema.REASON)
class ErrorTemplatesView(ConcernedView):
    dimension = "template"


def reason(request: Request) -> Reason:
    """The error that is asked for."""
    figure, only = asked_for(request)
    if only.code is None:
        raise problem(code="Give the code of the error, as 1002.")
    return Reason(figure, only.code, only.bsp_code)


class PlainTableView(StatsView):
    name: str

    def get(self, request: Request) -> Response:
        filters = self.filters(request)
        return self.table(filters, export_tables.PLAIN[self.name](filters))


@_described("errors", "Failures by kind and code, with advice.")
class ErrorsView(PlainTableView):
    name = "errors"


@_described(
    "error_codes", "Failures by the BSP's own code under CleverTap's, when first and last, with advice."
)
class ErrorCodesView(PlainTableView):
    name = "error_codes"


@_described("urls", "Clicks by page.")
class UrlsView(PlainTableView):
    name = "urls"


@_described("times", "Seconds from accepted to sent, delivered and viewed.")
class TimesView(PlainTableView):
    name = "times"


@_described("pricing", "Messages by the category and type that WhatsApp charges them by.")
class PricingView(PlainTableView):
    name = "pricing"


class MessagesView(StatsView):
    @extend_schema(
        operation_id="messages",
        parameters=[*schema.FILTERS, *schema.BEHIND, schema.AFTER, schema.SIZE],
        responses=schema.TABLE_ANSWER,
    )
    def get(self, request: Request) -> Response:
        """The messages behind a figure, newest first."""
        filters = self.filters(request)
        if api.eyes(request).whole:
            api.prove(request)
        figure, only = asked_for(request)
        after, size = request.query_params.get("after", ""), number(request, "limit", LIMIT, MOST, least=1)
        try:
            page = messages_behind.page(filters, figure, only, after=after, size=size)
        except (ValueError, OverflowError) as error:
            raise problem(after="Expected the `next` of a page before.") from error
        return self.table(filters, messages(request, page.rows), next=page.after or None)


def asked_for(request: Request) -> tuple[str, Only]:
    """The figure whose messages are wanted, and which of them."""
    try:
        return asked.asked(request.query_params)
    except Invalid as error:
        raise problem(**error.errors) from error


def messages(request: Request, rows: Iterable[messages_behind.Row]) -> Table:
    providers = dict(Provider.objects.values_list("pk", "nickname"))
    return contents.messages(rows, providers, api.eyes(request))


def number(request: Request, name: str, default: int, most: int = 2**31, least: int = 0) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 10 or not least <= int(text) <= most:
        raise problem(**{name: f"Expected a whole number from {least} to {most:,}."})
    return int(text)
