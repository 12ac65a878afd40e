"""What the OpenAPI description of the stats API says about parameters and answers."""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, inline_serializer
from rest_framework import serializers

from campaigns.counting.buckets import BOUNDS
from stats.query import figures, messages_behind, series
from stats.query.filters import NONE, RANGES, TRAFFIC

LIMIT, MOST = 100, 1000  # rows of a page
Fields = dict[str, serializers.Field[Any, Any, Any, Any]]


def choice(name: str, text: str, values: Iterable[str], **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, str, description=text, enum=list(values), **more)


FILTERS = [
    choice("range", "A range by name. Or give `from` and `to`.", RANGES),
    OpenApiParameter("from", str, description="A day, or a day with a time, in the time zone: 2026-01-31."),
    OpenApiParameter("to", str, description="As `from`. The whole day is included."),
    OpenApiParameter("tz", str, description="The time zone of the days, such as Asia/Kolkata."),
    OpenApiParameter("campaign", str, description="The campaign id in CleverTap's msgId."),
    OpenApiParameter("variant", str, description="A variant of the campaign."),
    OpenApiParameter("template", str, description="The template's name."),
    OpenApiParameter("provider", str, description="The provider's nickname."),
    choice("traffic", "Conversations are freeform messages, without a campaign.", TRAFFIC),
]
STEP = choice("by", "The step. Without it, Waypost chooses one that fits.", series.STEPS)
ORDER = OpenApiParameter(
    "order", str, description="A figure or rate to sort by. With “-” the largest comes first: -delivered."
)
SEARCH = OpenApiParameter("q", str, description="Part of the name or id; case does not matter.")
SIZE = OpenApiParameter("limit", int, description=f"At most {MOST}. Default: {LIMIT}")
OFFSET = OpenApiParameter("offset", int)
AFTER = OpenApiParameter("after", str, description="The `next` of the page before.")
_CODES = [
    OpenApiParameter(
        "code", int, description="A CleverTap error code; only for refused, not_sent and undelivered."
    ),
    OpenApiParameter(
        "bsp_code",
        str,
        description=f"The BSP's own code under that code, such as meta/131026; {NONE} for those without one.",
    ),
]
BEHIND = [
    choice("figure", "Whose messages.", messages_behind.FIGURES, required=True),
    *_CODES,
    OpenApiParameter(
        "url", str, description="A page that was clicked; only for clicked_total and clicked_unique."
    ),
    OpenApiParameter(
        "took",
        int,
        description="Only messages that took so many seconds or more; only for sent, delivered and viewed.",
        enum=BOUNDS,
    ),
]
REASON = [choice("figure", "The kind of failure.", figures.FAILURES), *_CODES]

_range: Fields = {
    "as_of": serializers.DateTimeField(),
    "from": serializers.DateTimeField(allow_null=True),
    "to": serializers.DateTimeField(),
    "timezone": serializers.CharField(),
}
_counts: Fields = {each.name: serializers.IntegerField(help_text=each.text) for each in figures.DEFINITIONS}
_codes: Fields = {"errors_by_code": serializers.DictField(child=serializers.IntegerField())}
_shares: Fields = {
    each.name: serializers.FloatField(allow_null=True, help_text=each.text) for each in figures.RATES
}
_column: Fields = {name: serializers.CharField() for name in ("name", "label", "kind")}
_interval: Fields = {name: serializers.FloatField() for name in ("value", "low", "high")}


_Figures = type(inline_serializer("Figures", _counts | _codes))
_Rates = type(inline_serializer("Rates", _shares))
_table: Fields = {
    **_range,
    "columns": inline_serializer("Column", _column, many=True),
    "rows": serializers.ListField(child=serializers.DictField()),
}
_figures_answer: Fields = {
    **_range,
    "figures": _Figures(),
    "rates": _Rates(),
    "before": _Figures(allow_null=True),
    "rates_before": _Rates(allow_null=True),
}
_next: Fields = {
    "next": serializers.CharField(allow_null=True, help_text="The `offset` or `after` of the next page.")
}
_differences: Fields = {
    "differences": serializers.DictField(
        child=serializers.DictField(child=inline_serializer("Difference", _interval)),
        help_text="For each variant and rate: the difference to the first variant, and its interval.",
    )
}
_problems: Fields = {"errors": serializers.DictField(child=serializers.CharField())}

_Refused = type(inline_serializer("Refused", {"detail": serializers.CharField()}))

REFUSED = {
    400: OpenApiResponse(
        inline_serializer("Problems", _problems), description="What is wrong with each parameter."
    ),
    401: OpenApiResponse(_Refused(), description="No token, or one that is unknown, expired or revoked."),
    403: OpenApiResponse(_Refused(), description="A scope or a permission is missing."),
    429: OpenApiResponse(_Refused(), description="Too many calls; `Retry-After` has the seconds to wait."),
}
NO_SUCH_FILE = OpenApiResponse(description="There is no such table, or no such kind of file.")
FIGURES_ANSWER = {200: inline_serializer("Stats", _figures_answer), **REFUSED}
TABLE_ANSWER = {200: inline_serializer("Table", _table | _next), **REFUSED}
VARIANTS_ANSWER = {200: inline_serializer("Variants", _table | _differences), **REFUSED}
