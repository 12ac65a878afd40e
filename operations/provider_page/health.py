"""How a provider is: its incidents, the figures of the last hour, and the calls that were refused."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import QuerySet

from callbacks.models import Reply
from campaigns.models import Forward
from lib import display, phone_masking
from lib.admin import Tone, badge, list_url
from operations import samples
from operations.home import attention
from operations.home.attention import Row
from operations.home.figures import Figure, figures, last_hour
from operations.models import Incident
from providers.models import AccountEvent, CallCount, CallSample, Provider
from stats.query import breakdowns

REFUSED = (
    CallCount.What.LOGIN,
    CallCount.What.MALFORMED,
    CallCount.What.SIGNATURE,
    CallCount.What.ADDRESS,
    CallCount.What.LATE,
    CallCount.What.UNHANDLED,
)
ACCOUNT_EVENTS = 20  # the latest of what the BSP told of the account


class Call(NamedTuple):
    """The last of some calls, as text without secrets."""

    at: str
    address: str
    text: str


def incidents(provider: Provider, now: datetime) -> list[Row]:
    """The open ones, the worst first."""
    mine = Incident.objects.filter(provider=provider, ended_at=None).select_related(
        "acknowledged_by", "provider"
    )
    return [attention.row(incident, now) for incident in mine.order_by("-severity", "began_at")]


def hour(provider: Provider, now: datetime) -> list[Figure]:
    filters = last_hour(now, provider)
    wait = samples.oldest(now).get(provider.pk, timedelta(0))
    return figures(now, breakdowns.groups(filters, "provider", known_as={}), [wait], provider)


def refused_calls(samples: Iterable[CallSample]) -> list[tuple[str, list[Call]]]:
    """Each sort of call that was turned away, with the last twenty, newest first."""
    found: dict[str, list[Call]] = defaultdict(list)
    for sample in samples:
        text = phone_masking.text(sample.text)
        found[sample.what].append(Call(display.to_second(sample.at), sample.address, text))
    return [(what.label[0].upper() + what.label[1:], found[what]) for what in REFUSED if what in found]


def no_number(provider: Provider) -> tuple[int, str]:
    """How many inbound messages wait for the number of whoever wrote them, and their list."""
    waiting = Reply.objects.filter(provider=provider, forward=Forward.NO_NUMBER)
    return waiting.count(), list_url("callbacks_reply", provider=provider.pk, forward=Forward.NO_NUMBER.value)


def account_events(provider: Provider) -> QuerySet[AccountEvent]:
    return AccountEvent.objects.filter(provider=provider)[:ACCOUNT_EVENTS]


def state(provider: Provider, now: datetime) -> str:
    """The badge beside the title."""
    words: tuple[str, Tone] = ("Active", "success")
    if provider.archived_at:
        words = ("Archived", "")
    elif provider.state == Provider.State.PAUSED:
        words = ("Paused", "danger")
    elif provider.hold_until and provider.hold_until > now:
        words = ("Failing", "danger") if provider.hold_for == Provider.Hold.OUTAGE else ("Held", "warning")
    return badge(*words)
