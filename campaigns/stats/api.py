"""The stats as JSON: the figures of the pages under the same names, with the same filters.

GET only, for people who may see stats, signed in or by Basic authentication. Every answer tells what
it is about: `as_of`, `from` (null: the first message), `to` and `timezone`.
"""

from collections.abc import Callable, Iterable
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from campaigns.stats import behind, figures, queries, schema, series, tables
from campaigns.stats.filters import Filters, Invalid, parse
from campaigns.stats.schema import LIMIT, MOST
from campaigns.stats.tables import Table
from lib.shown import eyes_of
from providers.models import Provider


class MaySeeStats(BasePermission):
    message = "This needs the permission to see stats."
    permission = "campaigns.view_stats"

    def has_permission(self, request: Request, view: APIView) -> bool:
        user = request.user
        return user is not None and user.is_authenticated and user.has_perm(self.permission)


class StatsView(APIView):
    authentication_classes = (BasicAuthentication, SessionAuthentication)
    permission_classes: tuple[type[BasePermission], ...] = (MaySeeStats,)

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
        return self.answer(filters, columns=columns, rows=table.records(), **({"next": None} | more))


def problem(**errors: str) -> ValidationError:
    return ValidationError({"errors": errors})


class FiguresView(StatsView):
    @extend_schema(operation_id="figures", parameters=schema.FILTERS, responses=schema.FIGURES_ANSWER)
    def get(self, request: Request) -> Response:
        """All figures and rates of a range, and those of the range before (null for all time)."""
        filters = self.filters(request)
        found, previous = queries.totals(filters), filters.previous()
        before = None if previous is None else queries.totals(previous)
        return self.answer(
            filters,
            figures=found.as_dict(),
            rates=figures.rates(found),
            before=before and before.as_dict(),
            rates_before=before and figures.rates(before),
        )


class TrendView(StatsView):
    @extend_schema(
        operation_id="trend", parameters=[*schema.FILTERS, schema.STEP], responses=schema.TABLE_ANSWER
    )
    def get(self, request: Request) -> Response:
        """Figures by minute, hour or day of the time zone."""
        filters = self.filters(request)
        return self.table(filters, trend(request, filters))


def trend(request: Request, filters: Filters) -> Table:
    by = request.query_params.get("by", "")
    step = next((step for step in series.STEPS if step == by), None)
    if by and step is None:
        raise problem(by=f"Expected one of {', '.join(series.STEPS)}.")
    try:
        return tables.trend(filters, step)
    except Invalid as error:
        raise problem(**error.errors) from error


class GroupsView(StatsView):
    dimension: queries.Dimension

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
    dimension: queries.Dimension,
    limit: int | None = None,
    offset: int = 0,
) -> Table:
    order = request.query_params.get("order") or "-accepted"
    search = request.query_params.get("q", "").strip()
    if "\0" in search:
        raise problem(q="Holds a null character.")
    try:
        return tables.by(filters, dimension, order, limit, offset, search)
    except ValueError as error:
        raise problem(order=f"It {error}.") from error


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
        """A campaign's variants, and how far their rates lie from the first one's, with 95 % confidence."""
        filters = self.filters(request)
        found = variants(filters)
        differences = {
            group.variant: {
                name: each and {"value": each.value, "low": each.low, "high": each.high}
                for name, each in figures.compared(found[0].figures, group.figures).items()
            }
            for group in found[1:]
        }
        return self.table(filters, tables.of_groups("variant", found), differences=differences)


def variants(filters: Filters) -> list[queries.Group]:
    if not filters.campaign:
        raise problem(campaign="Choose the campaign whose variants to compare.")
    return queries.variants(filters)


class PlainTableView(StatsView):
    name: str

    def get(self, request: Request) -> Response:
        filters = self.filters(request)
        return self.table(filters, tables.PLAIN[self.name](filters))


@_described("errors", "Failures by kind and code, with advice.")
class ErrorsView(PlainTableView):
    name = "errors"


@_described("urls", "Clicks by page.")
class UrlsView(PlainTableView):
    name = "urls"


@_described("times", "Seconds from accepted to sent, delivered and viewed.")
class TimesView(PlainTableView):
    name = "times"


class MessagesView(StatsView):
    @extend_schema(
        operation_id="messages",
        parameters=[*schema.FILTERS, *schema.BEHIND, schema.AFTER, schema.SIZE],
        responses=schema.TABLE_ANSWER,
    )
    def get(self, request: Request) -> Response:
        """The messages behind a figure, newest first."""
        filters = self.filters(request)
        figure, code, url = asked_for(request)
        after, size = request.query_params.get("after", ""), number(request, "limit", LIMIT, MOST, least=1)
        try:
            page = behind.page(filters, figure, code=code, url=url, after=after, size=size)
        except (ValueError, OverflowError) as error:
            raise problem(after="Expected the `next` of a page before.") from error
        return self.table(filters, messages(request, page.rows), next=page.after or None)


def asked_for(request: Request) -> tuple[str, int | None, str]:
    """The figure whose messages are wanted, and the code or page that narrows it."""
    figure, url = request.query_params.get("figure", ""), request.query_params.get("url", "")
    code = number(request, "code", -1)
    if figure not in behind.FIGURES:
        raise problem(figure=f"Expected one of {', '.join(behind.FIGURES)}.")
    if code >= 0 and figure not in figures.FAILURES:
        raise problem(code=f"Only {', '.join(figures.FAILURES)} have codes.")
    if url and figure not in ("clicked_total", "clicked_unique"):
        raise problem(url="Only clicked_total and clicked_unique have pages.")
    if "\0" in url:
        raise problem(url="Holds a null character.")
    return figure, None if code < 0 else code, url


def messages(request: Request, rows: Iterable[behind.Row]) -> Table:
    providers = dict(Provider.objects.values_list("pk", "nickname"))
    return tables.messages(rows, providers, eyes_of(request.user))


def number(request: Request, name: str, default: int, most: int = 2**31, least: int = 0) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 10 or not least <= int(text) <= most:
        raise problem(**{name: f"Expected a whole number from {least} to {most:,}."})
    return int(text)
