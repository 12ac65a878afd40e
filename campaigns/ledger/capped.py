"""Messages that met WhatsApp's cap on marketing for one person, retried if the provider's settings say so.

The code is Meta's 131049. Meta asks for a day at least before the next try and for growing gaps, restricts
accounts that retry sooner, and delivers no marketing to numbers of the United States. Source: Meta, "Per-user
marketing template message limits".
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from django.db.models import QuerySet

from campaigns.ledger.entries import Reported, Tried, not_arrived
from campaigns.models import Attempt, Event, Message
from lib import phone
from lib.user_ids import is_user_id
from providers.messages import Outcome
from providers.models import Provider

FIRST_WAIT = timedelta(days=1)  # the next one is twice as long


class Cap(NamedTuple):
    """How a provider handles the cap: the BSP's codes for it, the number of retries, a message's validity."""

    codes: frozenset[str]
    retries: int
    validity: timedelta

    @classmethod
    def of(cls, provider: Provider) -> Self | None:
        """None for a provider that leaves retries to CleverTap, which is the default."""
        if not provider.cap_retries:
            return None
        return cls(provider.connector.capped_codes, provider.cap_retries, provider.validity)


def reported(reports: Sequence[Reported], now: datetime) -> dict[int, datetime]:
    """The messages whose failed reports name the cap, with the time of the next try where there is one."""
    failed = not_arrived(reports)
    if not failed:
        return {}
    times: dict[int, datetime] = {}
    for provider in Provider.objects.filter(pk__in={report.message.provider_id for report in failed}):
        if cap := Cap.of(provider):
            mine = [report for report in failed if report.message.provider_id == provider.pk]
            met = {report.message.id for report in mine if report.update.bsp_code in cap.codes}
            times |= _next_tries(met, cap, now)
    return times


def answered(tries: Sequence[Tried], cap: Cap | None, now: datetime) -> list[Tried]:
    """The same attempts. Those that the BSP refused for the cap become retries where there is a next try."""
    if cap is None:
        return list(tries)
    met = {one.message_id for one in tries if one.outcome == Outcome.REJECTED and one.bsp_code in cap.codes}
    times = _next_tries(met, cap, now)
    return [
        replace(one, outcome=Outcome.RETRY, code=None, retry_at=times[one.message_id])
        if one.message_id in times
        else one
        for one in tries
    ]


def _next_tries(met: Collection[int], cap: Cap, now: datetime) -> dict[int, datetime]:
    if not met:
        return {}
    failed = Event.objects.filter(kind=Event.Kind.FAILED, not_sent=False)
    before = _having(failed, met, cap) + _having(Attempt.objects.all(), met, cap)
    found = {}
    messages = Message.objects.filter(pk__in=met, untracked=False)
    for pk, to, queued_at in messages.values_list("pk", "to", "queued_at"):
        at = now + FIRST_WAIT * 2 ** before[pk]
        if before[pk] < cap.retries and at < queued_at + cap.validity and not _american(to):
            found[pk] = at
    return found


def _american(to: str) -> bool:
    return (to[:2].upper() if is_user_id(to) else phone.country(to)) == "US"


def _having(rows: QuerySet[Attempt] | QuerySet[Event], met: Collection[int], cap: Cap) -> Counter[int]:
    """How many of the rows of each message have a code of the cap."""
    named = rows.filter(message_id__in=met, bsp_code__in=cap.codes)
    return Counter(named.values_list("message_id", flat=True))
