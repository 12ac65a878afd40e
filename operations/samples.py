"""How long the oldest message has waited, minute by minute. Afterwards no count and no row would show it."""

from datetime import datetime, timedelta

from django.db.models import DateTimeField, OuterRef, Subquery

from campaigns.models import Message, Status
from operations.models import WaitSample
from providers.models import Provider

KEPT = timedelta(days=2)
DAY = timedelta(days=1)


def oldest(now: datetime) -> dict[int, timedelta]:
    """For each provider in use for how long its oldest message has been due, in one statement."""

    def first(kind: Message.Kind) -> Subquery:
        mine = Message.objects.filter(provider=OuterRef("pk"), kind=kind, status=Status.QUEUED)
        due = mine.order_by("next_attempt_at").values("next_attempt_at")[:1]
        return Subquery(due, output_field=DateTimeField())

    rows = Provider.in_use().annotate(
        freeform=first(Message.Kind.FREEFORM), template=first(Message.Kind.TEMPLATE)
    )
    return {
        pk: max(now - min(filter(None, dues), default=now), timedelta(0))
        for pk, *dues in rows.values_list("pk", "freeform", "template")
    }


def take(now: datetime) -> None:
    """Keeps the longest wait of this minute."""
    longest = max(oldest(now).values(), default=timedelta(0))
    seconds = int(longest.total_seconds())
    minute = now.replace(second=0, microsecond=0)
    sample, made = WaitSample.objects.get_or_create(minute=minute, defaults={"seconds": seconds})
    if not made and seconds > sample.seconds:
        WaitSample.objects.filter(pk=sample.pk).update(seconds=seconds)


def of_last_day(now: datetime) -> list[WaitSample]:
    return list(WaitSample.objects.filter(minute__gt=now - DAY).order_by("minute"))


def forget(now: datetime) -> None:
    WaitSample.objects.filter(minute__lt=now - KEPT).delete()
