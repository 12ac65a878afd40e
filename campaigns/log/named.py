"""The message log by campaign, by template and by the BSP's code.

No index has campaign or template, but the counts know when such messages were accepted: only messages of that
time are searched.
"""

from datetime import timedelta
from typing import Any

from django.db.models import Max, Min, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from campaigns.log import search
from campaigns.models import Campaign, Message, Span, StatCount, StatDetail, StatPoint, StatScope
from lib.named_filter import NamedFilter
from providers.connectors import CONNECTORS

OFFERED = 200  # campaigns, the youngest first; templates
# A count stands at the beginning of its span, and the longest is a week.
LONGEST = timedelta(days=7)
NO_CODE = "(none)"


class CampaignFilter(NamedFilter):
    title = "campaign"
    parameter_name = "campaign"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = Campaign.objects.order_by("-last_seen_at").values_list("code", "name")[:OFFERED]
        return [(code, name or code) for code, name in dict(rows).items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        return among(queryset, campaign=value) if (value := self.value()) else queryset


class _CountedFilter(NamedFilter):
    """By a name that the counts have, in the column of the same name as the parameter."""

    level: StatScope.Level

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        column = str(self.parameter_name)
        scopes = StatScope.objects.filter(level=self.level).exclude(**{column: ""})
        names = scopes.order_by(column).values_list(column, flat=True).distinct()
        return [(name, name) for name in names[:OFFERED]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        return among(queryset, **{str(self.parameter_name): value}) if (value := self.value()) else queryset


class VariantFilter(_CountedFilter):
    title = parameter_name = "variant"
    level = StatScope.Level.CAMPAIGN


class TemplateFilter(_CountedFilter):
    title = parameter_name = "template"
    level = StatScope.Level.TEMPLATE


class BspCodeFilter(NamedFilter):
    title = "BSP’s code"
    parameter_name = "bsp_code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        failed = (StatCount.Metric.NOT_SENT, StatCount.Metric.UNDELIVERED)
        found = StatDetail.objects.filter(
            scope__level=StatScope.Level.TOTAL, span=Span.WEEK, metric__in=failed
        ).exclude(url="")
        named = [each.partition("/") for each in found.values_list("url", flat=True).distinct()]
        known = [
            (code, CONNECTORS[connector].label) for connector, _, code in named if connector in CONNECTORS
        ]
        return [(NO_CODE, "Without one"), *sorted(known)][:OFFERED]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        value = self.value()
        if not value:
            return queryset
        if value == NO_CODE:
            return queryset.filter(bsp_code="")
        return queryset.filter(bsp_code=value).extra(where=[search.BY_BSP_CODE.among])  # noqa: S610


def among(messages: QuerySet[Message], **named: str) -> QuerySet[Message]:
    """The messages of a campaign or a template. Tests are not counted: they are found only at the times of
    counted messages, or if the name has no counts at all."""
    scopes = StatScope.objects.filter(**named).values("pk")
    ends = StatPoint.objects.filter(scope_id__in=scopes).aggregate(first=Min("at"), last=Max("at"))
    found = messages.filter(**named)
    if ends["first"] is None:
        return found
    last = ends["last"] + LONGEST
    return search.accepted_between(found, ends["first"], last if last < timezone.now() else None)
