"""What BSPs send us, or no longer send."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, Max, Min, Q, Sum

from callbacks.models import Webhook
from campaigns.models import Attempt, Status
from lib import display
from operations.kinds.base import Found, Kind, Severity, in_list, listed, of_provider, on_provider
from providers.features import Feature
from providers.models import CallCount, Provider
from stats.query import count_sql
from stats.query.filters import Filters

_SILENCE_KEPT = timedelta(hours=6)
_RECENT = timedelta(hours=1)
_FEW = 10  # messages after which silence says something
_USUAL = timedelta(days=7)
_TIMES = 3  # how much above the usual


def _silent(now: datetime) -> Iterable[Found]:
    """Providers whose BSP accepted messages and has sent no webhook since."""
    limit = timedelta(minutes=settings.INCIDENT_SILENCE_MINUTES)
    reporting = {
        each.pk: each.nickname for each in Provider.in_use() if Feature.DELIVERED not in each.connector.lacks
    }
    taken = Attempt.objects.filter(
        outcome="accepted",
        started_at__range=(now - _SILENCE_KEPT, now - limit),
        message__provider__in=list(reporting),
    )
    rows = taken.order_by().values_list("message__provider").annotate(Count("pk"), Min("started_at"))
    submitted = {pk: (count, first) for pk, count, first in rows if count >= _FEW}
    if not submitted:
        return
    heard = dict(
        Webhook.objects.filter(provider__in=list(submitted), received_at__gt=now - _SILENCE_KEPT)
        .order_by()
        .values_list("provider")
        .annotate(Max("received_at"))
    )
    for pk, (count, first) in submitted.items():
        last = heard.get(pk)
        if last is not None and last > now - limit:
            continue
        since = last or first
        text = (
            f"The BSP accepted {count:,} messages and has sent no webhook for {display.length(now - since)}. "
            "Whether they were delivered is unknown."
        )
        yield Found(of_provider(pk), text, reporting[pk], pk, count, since=since)


# What a BSP always reports about a message that WhatsApp accepted, and what shows that it should have come.
_ALWAYS = ((Feature.SENT, "sent", "delivered"), (Feature.DELIVERED, "delivered", "sent"))


def _kind_missing(now: datetime) -> Iterable[Found]:
    """Providers whose BSP reports some things of its messages, and never one that it always reports."""
    taken_until, since = now - timedelta(minutes=settings.INCIDENT_SILENCE_MINUTES), now - _SILENCE_KEPT
    utc = ZoneInfo("UTC")
    submitted = _by_provider(Filters(now, utc).between(since, taken_until), ["submitted"])
    reported = _by_provider(Filters(now, utc).between(since, now), ["sent", "delivered", "undelivered"])
    for provider in Provider.in_use().filter(pk__in=list(submitted)):
        count, came = submitted[provider.pk]["submitted"], reported.get(provider.pk, {})
        for feature, missing, other in _ALWAYS:
            if feature in provider.connector.lacks or came.get(missing) or not came.get(other):
                continue
            # A message that failed is neither sent nor delivered.
            if count - came.get("undelivered", 0) >= _FEW:
                text = (
                    f"The BSP accepted {count:,} messages and reports them as {other}, but none as "
                    f"{missing}. "
                    "They are missing in CleverTap's figures."
                )
                yield Found(
                    f"{of_provider(provider.pk)}:{missing}", text, provider.nickname, provider.pk, count
                )


def _by_provider(filters: Filters, columns: list[str]) -> dict[int, dict[str, int]]:
    rows = count_sql.figures(filters, ["provider_id"], columns=columns)
    return {pk: dict(zip(columns, counts, strict=True)) for pk, *counts in rows}


def _unhandled(now: datetime) -> Iterable[Found]:
    """Providers whose webhooks bring more unknown items than usual."""
    counted = CallCount.objects.filter(
        what=CallCount.What.UNHANDLED, minute__gt=now - _USUAL, provider__archived_at=None
    )
    recent = Sum("calls", filter=Q(minute__gt=now - _RECENT), default=0)
    rows = counted.order_by().values_list("provider", "provider__nickname")
    hours = (_USUAL - _RECENT) / _RECENT
    for pk, nickname, count, total in rows.annotate(recent=recent, total=Sum("calls")):
        if count >= _FEW and count >= _TIMES * (total - count) / hours:
            text = f"{count:,} webhooks of the last hour brought something that Waypost does not know."
            yield Found(of_provider(pk), text, nickname, pk, count)


def _in_state(state: Webhook.State, words: str) -> Callable[[datetime], list[Found]]:
    def find(now: datetime) -> list[Found]:
        # SQLite uses the partial index only where a query repeats its condition.
        rows = (
            Webhook.objects.filter(state=state, received_at__gt=now - _RECENT)
            .filter(Q(state__in=(3, 4, 5)), provider__archived_at=None)
            .order_by()
            .values_list("provider", "provider__nickname")
            .annotate(Count("pk"), Min("received_at"), Max("summary"))
        )
        return [
            Found(
                of_provider(pk),
                f"{count:,} webhooks of the last hour {words}; one of them: {summary}",
                nickname,
                pk,
                count,
                since=first,
            )
            for pk, nickname, count, first, summary in rows
        ]

    return find


State = Webhook.State
_LIST = "callbacks_webhook"

KINDS = (
    Kind(
        "bsp_silent",
        "A BSP sends no reports",
        Severity.CRITICAL,
        _silent,
        on_provider("Check the webhook URL at the BSP, and which fields are subscribed"),
        listed("campaigns_message", status=Status.ACCEPTED.value),
    ),
    Kind(
        "webhook_kind_missing",
        "A BSP does not send one kind of report",
        Severity.WARNING,
        _kind_missing,
        on_provider("Subscribe to it at the BSP: the provider's page lists what came"),
        listed("campaigns_message", status=Status.ACCEPTED.value),
        calm_for=timedelta(minutes=2),
    ),
    Kind(
        "webhooks_unhandled",
        "Webhooks bring something unknown",
        Severity.NOTICE,
        _unhandled,
        on_provider("The provider's page shows what came. Report it to Waypost's makers"),
        listed(_LIST),
        calm_for=timedelta(minutes=5),
    ),
    Kind(
        "webhooks_quarantined",
        "Webhooks could not be parsed",
        Severity.CRITICAL,
        _in_state(State.QUARANTINED, "could not be parsed"),
        in_list(
            "Open one, and use Read again after the fix", "callbacks_webhook", state=State.QUARANTINED.value
        ),
        listed(_LIST, state=State.QUARANTINED.value),
    ),
    Kind(
        "webhooks_unmatched",
        "Reports are about unknown messages",
        Severity.WARNING,
        _in_state(State.UNMATCHED, "are about messages that Waypost did not send"),
        in_list(
            "Check whether another system sends through this account",
            "callbacks_webhook",
            state=State.UNMATCHED.value,
        ),
        listed(_LIST, state=State.UNMATCHED.value),
    ),
    Kind(
        "webhooks_not_ours",
        "Webhooks are for numbers that no provider here has",
        Severity.WARNING,
        _in_state(State.NOT_OURS, "are for numbers that no provider here has"),
        in_list(
            "Add the number as a provider, or unsubscribe it", "callbacks_webhook", state=State.NOT_OURS.value
        ),
        listed(_LIST, state=State.NOT_OURS.value),
    ),
)
