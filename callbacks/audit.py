"""Recounting everything from the rows: does each message's story add up?

Every check yields the rows that contradict it. A sound database yields none, after any crash
and whatever order reports came in.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import CharField, Count, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from broadcasts import audit as broadcasts
from callbacks.models import ForwardCall, Reply, Webhook
from campaigns import recount
from campaigns.models import Attempt, Event, Forward, Message, Status
from providers import leases

STUCK = timedelta(minutes=5)
EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    problems: int
    examples: list[str]


@contextmanager
def snapshot() -> Iterator[None]:
    """One moment for all the queries inside, however busy the database is."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def run() -> list[Finding]:
    """Every check with what contradicts it."""
    return [_finding(name, check) for name, check in CHECKS.items()]


def totals() -> dict[str, int]:
    """How many rows are in which state, for the reader of the account."""
    rows: dict[str, int] = {"messages": Message.objects.count()}
    by_status = Message.objects.values_list("status").annotate(n=Count("id")).order_by("status")
    rows |= {f"messages {Status(status).label.lower()}": n for status, n in by_status}
    by_forward = Event.objects.values_list("forward").annotate(n=Count("id")).order_by("forward")
    rows |= {f"reports {Forward(forward).label.lower()}": n for forward, n in by_forward}
    rows["inbound messages"] = Reply.objects.count()
    by_state = Webhook.objects.values_list("state").annotate(n=Count("id")).order_by("state")
    rows |= {f"webhooks {Webhook.State(state).label.lower()}": n for state, n in by_state}
    return rows


Problems = QuerySet[Message] | QuerySet[Event] | QuerySet[Webhook] | list[str]


def _finding(name: str, check: Callable[[], Problems]) -> Finding:
    problems = check()
    if isinstance(problems, list):
        return Finding(name, len(problems), problems[:EXAMPLES])
    count = problems.count()
    examples = [f"{row._meta.model_name} {row.pk}: {row}" for row in problems.order_by("pk")[:EXAMPLES]]
    return Finding(name, count, examples)


def _with_event(*kinds: Event.Kind) -> Exists:
    return Exists(Event.objects.filter(message=OuterRef("pk"), kind__in=kinds))


def _one_state() -> Problems:
    return Message.objects.exclude(status__in=Status.values)


def _status_without_event() -> Problems:
    """Sent, delivered, read and failed each rest on a report; accepted on an attempt."""
    number = Cast(OuterRef("attempt"), CharField())
    failed = Event.objects.filter(message=OuterRef("pk"), kind=Event.Kind.FAILED).filter(
        Q(key=number) | Q(key=Concat(Value("expired-"), number))
    )
    accepted = Attempt.objects.filter(message=OuterRef("pk"), number=OuterRef("attempt"), outcome="accepted")
    return Message.objects.filter(
        Q(status=Status.READ) & ~_with_event(Event.Kind.READ)
        | Q(status=Status.DELIVERED) & ~_with_event(Event.Kind.DELIVERED)
        | Q(status=Status.SENT) & ~_with_event(Event.Kind.SENT)
        | Q(status=Status.FAILED) & ~Exists(failed)
        | Q(status=Status.ACCEPTED) & ~Exists(accepted)
    )


def _event_above_status() -> Problems:
    """A report never leaves a message below it. Only a failure may have been resent since."""
    return Message.objects.filter(
        Q(status__lt=Status.READ) & _with_event(Event.Kind.READ)
        | Q(status__lt=Status.DELIVERED) & _with_event(Event.Kind.DELIVERED)
        | Q(status__lt=Status.SENT) & _with_event(Event.Kind.SENT) & ~_with_event(Event.Kind.FAILED)
    )


def _stuck_claims() -> Problems:
    stuck = Message.objects.filter(status=Status.SENDING, claimed_at__lt=timezone.now() - STUCK)
    held = [pk for pk in stuck.values_list("provider", flat=True).distinct() if leases.held(f"send:{pk}")]
    return stuck.exclude(provider__in=held)


def _stuck_webhooks() -> Problems:
    states = (Webhook.State.PENDING, Webhook.State.WAITING)
    return Webhook.objects.filter(state__in=states, next_attempt_at__lt=timezone.now() - STUCK)


def _never_forwarded() -> Problems:
    """Reports CleverTap is owed and that are neither forwarded, pending nor parked."""
    owed = (Event.Kind.DELIVERED, Event.Kind.READ, Event.Kind.CLICKED)
    mine = Event.objects.filter(message__untracked=False, message__reported=True)
    return mine.filter(kind__in=owed, forward=Forward.NONE)


def _forwarded_without_call() -> Problems:
    call = ForwardCall.objects.filter(pk=OuterRef("forward_log"), status__range=(200, 299))
    return Event.objects.filter(forward=Forward.DONE).exclude(Exists(call))


def _counts() -> Problems:
    """The stat counts against a recount of messages, attempts, events and refusals."""
    return list(recount.disagreements(broadcasts.control_group()))


def _rollups() -> Problems:
    return list(recount.uneven_rollups())


def _broadcasts() -> Problems:
    return [*broadcasts.disagreements(), *broadcasts.strays()]


CHECKS: dict[str, Callable[[], Problems]] = {
    "every message is in exactly one state": _one_state,
    "every state rests on an attempt or a report": _status_without_event,
    "no report leaves its message below it": _event_above_status,
    "no claim outlives its worker": _stuck_claims,
    "no webhook is left unread": _stuck_webhooks,
    "every report is forwarded, pending or parked": _never_forwarded,
    "every forwarded report was taken by CleverTap": _forwarded_without_call,
    "the counts agree with the rows": _counts,
    "points are the sum of finer points": _rollups,
    "every broadcast adds up to its recipients": _broadcasts,
}
