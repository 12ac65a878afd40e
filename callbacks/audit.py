"""Recounting everything from the rows: does each message's story add up?

Every check yields the rows that contradict it. A sound database yields none, after any crash
and whatever order reports came in.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import CharField, Count, Exists, Min, Model, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from broadcasts.models import Recipient
from broadcasts.run import audit as broadcasts
from callbacks.models import ForwardCall, Reply, Webhook
from campaigns.ledger import months
from campaigns.models import Attempt, Click, Event, Forward, Installation, Link, Message, Pricing, Status
from providers import leases
from stats.query import recount

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
    """How many rows are in which state. The command prints them beside the checks."""
    rows: dict[str, int] = {"messages": Message.objects.count()}
    by_status = Message.objects.values_list("status").annotate(n=Count("id")).order_by("status")
    rows |= {f"messages {Status(status).label.lower()}": n for status, n in by_status}
    by_forward = Event.objects.values_list("forward").annotate(n=Count("id")).order_by("forward")
    rows |= {f"reports {Forward(forward).label.lower()}": n for forward, n in by_forward}
    rows["inbound messages"] = Reply.objects.count()
    by_state = Webhook.objects.values_list("state").annotate(n=Count("id")).order_by("state")
    rows |= {f"webhooks {Webhook.State(state).label.lower()}": n for state, n in by_state}
    for pk, day in recount.gone_to().items():
        rows[f"first day that messages of provider {pk} prove, as YYYYMMDD"] = int(
            f"{date(1970, 1, 1) + timedelta(days=day + 1):%Y%m%d}"
        )
    return rows | _unknown_since_a_restore()


def _unknown_since_a_restore() -> dict[str, int]:
    """Messages that BSPs may know and we do not, since the last restore of a backup."""
    lives = list(Installation.objects.order_by("first_message"))
    if len(lives) < 2:
        return {}
    life = lives[-1]
    since = f"since the restore of {life.began_at:%Y-%m-%d %H:%M}"
    lost = Webhook.objects.filter(state=Webhook.State.UNMATCHED, received_at__gte=life.began_at)
    waited = (Status.QUEUED, Status.SENDING, Status.UNKNOWN)
    older = Message.objects.filter(pk__lt=life.first_message, status__in=waited)
    return {
        f"webhooks {since} about messages that are lost": lost.count(),
        f"messages from before it that may have been sent {since}": older.count(),
    }


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
    """No message is below a report on it, unless it failed and was sent again."""
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
    return Webhook.objects.filter(state__in=Webhook.OPEN, next_attempt_at__lt=timezone.now() - STUCK)


def _never_forwarded() -> Problems:
    """Reports that CleverTap is owed and that are neither forwarded, pending nor parked."""
    owed = (Event.Kind.DELIVERED, Event.Kind.READ, Event.Kind.CLICKED)
    mine = Event.objects.filter(message__untracked=False, message__reported=True)
    return mine.filter(kind__in=owed, forward=Forward.NONE)


def _forwarded_without_call() -> Problems:
    call = ForwardCall.objects.filter(pk=OuterRef("forward_log"), status__range=(200, 299))
    return Event.objects.filter(forward=Forward.DONE).exclude(Exists(call))


# No foreign key of the database says so: it would have to look at every row of a month that goes.
_OF_MESSAGES: tuple[tuple[type[Model], str], ...] = (
    (Attempt, "message"),
    (Event, "message"),
    (Pricing, "message"),
    (Link, "message"),
    (Click, "message"),
    (Reply, "answers"),
    (Recipient, "message"),
)


def _strays() -> Problems:
    found: list[str] = []
    for model, column in _OF_MESSAGES:
        rows = model._base_manager.exclude(**{column: None})
        rows = rows.filter(~Exists(Message.objects.filter(pk=OuterRef(column))))
        stray = rows.values_list("pk", column)[:EXAMPLES]
        found += [f"{model._meta.model_name} {pk}: message {message} is gone" for pk, message in stray]
    return found


def _taken_twice() -> Problems:
    """Checks as far back as repetitions are known; see campaigns.ledger.once."""
    known = Message.objects.filter(untracked=False)
    if settings.REPEAT_RETENTION_DAYS:
        since = timezone.now() - timedelta(days=settings.REPEAT_RETENTION_DAYS)
        known = known.filter(accepted_at__gte=since, pk__gte=months.since(since))
    twice = known.values("provider", "msg_id", "to").annotate(n=Count("id"), first=Min("id")).filter(n__gt=1)
    return [f"message {pk}: taken {n} times" for pk, n in twice.values_list("first", "n")]


def _counts() -> Problems:
    """The stat counts against a recount of messages, attempts, events and refusals."""
    return list(recount.disagreements(broadcasts.control_group()))


def _rollups() -> Problems:
    return list(recount.uneven_rollups())


def _broadcasts() -> Problems:
    return [*broadcasts.disagreements(), *broadcasts.strays()]


CHECKS: dict[str, Callable[[], Problems]] = {
    "every message is in exactly one state": _one_state,
    "every status has an attempt or a report that explains it": _status_without_event,
    "no message has a lower status than a report on it": _event_above_status,
    "no message stays claimed by a worker that ended": _stuck_claims,
    "no webhook is left unread": _stuck_webhooks,
    "every report is forwarded, pending or parked": _never_forwarded,
    "every forwarded report was accepted by CleverTap": _forwarded_without_call,
    "every attempt, report and link has its message": _strays,
    "no message is stored twice": _taken_twice,
    "the counts agree with the rows": _counts,
    "the counts of longer spans are the sums of shorter spans": _rollups,
    "the counts of every broadcast agree with its recipients": _broadcasts,
}
