"""The four figures: how much comes in, what arrives, what fails, how long messages wait."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings

from campaigns.models import Status
from lib import display
from lib.admin import Tone, list_url
from operations import samples
from operations.home import sparkline
from operations.models import WaitSample
from providers.models import Provider
from stats.pages import links
from stats.query import series
from stats.query.breakdowns import Group
from stats.query.figures import LABELS, RATE, Figures
from stats.query.filters import Filters, since
from stats.tables import formatting

HOUR = timedelta(hours=1)
FEW = 20  # messages, below which a share says little
_DELIVERED = (0.5, 0.2)  # below: a warning, trouble
_ERRORS = (0.05, 0.2)  # above
_WAIT = timedelta(minutes=1)  # above: a warning; trouble where it is an incident


class Figure(NamedTuple):
    """One figure: its value now, the list behind it, and the line of the last day."""

    name: str
    label: str
    value: str
    about: str
    url: str
    tone: Tone
    points: str


def last_hour(now: datetime, provider: Provider | None = None) -> Filters:
    return _of(since(now - HOUR, now), provider)


def _of(filters: Filters, provider: Provider | None) -> Filters:
    if provider is None:
        return filters
    return replace(filters, provider=provider.nickname, provider_id=provider.pk)


def error_tone(figures: Figures) -> Tone:
    """Colours the error share, where it is one of enough messages."""
    part, whole = RATE["error_rate"].counts(figures)
    if whole < FEW or part < _ERRORS[0] * whole:
        return ""
    return "danger" if part >= _ERRORS[1] * whole else "warning"


def wait_tone(wait: timedelta) -> Tone:
    if wait >= timedelta(minutes=settings.INCIDENT_QUEUE_MINUTES):
        return "danger"
    return "warning" if wait >= _WAIT else ""


def figures(
    now: datetime, groups: Iterable[Group], waits: Iterable[timedelta], provider: Provider | None = None
) -> list[Figure]:
    """Of one provider, or of all. `groups` are the providers' figures of the last hour, `waits` how long each
    one's oldest message has waited."""
    filters, total = last_hour(now, provider), Figures.total(group.figures for group in groups)
    day = series.trend(_of(since(now - samples.DAY, now), provider), "hour")
    of_provider = {"provider": provider.pk} if provider else {}
    wait = max(waits, default=timedelta(0))
    return [
        Figure(
            "accepted",
            "Accepted a minute",
            f"{total.accepted / 60:,.1f}",
            f"{total.accepted:,} in the last hour",
            links.messages_behind(filters, "accepted"),
            "",
            sparkline.points([point.figures.accepted for point in day]),
        ),
        Figure(
            "delivered",
            LABELS["delivery_rate"],
            formatting.percent(RATE["delivery_rate"].of(total)),
            "delivered of accepted, in the last hour",
            links.messages_behind(filters, "delivered"),
            _delivered_tone(total),
            _shares(day, "delivery_rate"),
        ),
        Figure(
            "errors",
            LABELS["error_rate"],
            formatting.percent(RATE["error_rate"].of(total)),
            "in the last hour",
            links.messages_behind(filters, "error_rate"),
            error_tone(total),
            _shares(day, "error_rate"),
        ),
        Figure(
            "oldest",
            "Longest wait",
            display.length(wait) if wait else formatting.NOTHING,
            "of a queued message",
            list_url("campaigns_message", status=Status.QUEUED.value, **of_provider),
            wait_tone(wait),
            "" if provider else _waits(samples.of_last_day(now), now),
        ),
    ]


def _delivered_tone(total: Figures) -> Tone:
    part, whole = RATE["delivery_rate"].counts(total)
    if whole < FEW or part >= _DELIVERED[0] * whole:
        return ""
    return "danger" if part < _DELIVERED[1] * whole else "warning"


def _shares(day: Sequence[series.Point], rate: str) -> str:
    return sparkline.points([min(RATE[rate].of(point.figures) or 0, 1) for point in day], most=1)


def _waits(found: Iterable[WaitSample], now: datetime) -> str:
    """The longest wait of each hour of the last day."""
    longest = [0] * 24
    for sample in found:
        ago = int((now - sample.minute) / HOUR)
        longest[23 - min(ago, 23)] = max(longest[23 - min(ago, 23)], sample.seconds)
    return sparkline.points(longest, most=60)
