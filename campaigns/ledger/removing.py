"""Deletes whole messages. Their figures stay in the counts, but a recount can no longer prove them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max, Model, QuerySet

from campaigns.models import Attempt, Click, Event, Horizon, Link, Message, Pricing, Refusal
from lib.postgres import parts
from providers.models import Provider

OF_MESSAGES = (Click, Link, Pricing, Event, Attempt)


def remove(messages: Sequence[int]) -> None:
    """Deletes messages with their attempts, reports, prices, links and clicks, and notes until when rows are
    deleted."""
    with transaction.atomic():
        rows = Message.objects.filter(pk__in=messages)
        _note(rows, "accepted_at")
        for model in OF_MESSAGES:
            model._base_manager.filter(message__in=messages).delete()
        rows.delete()


def remove_refusals(refusals: Sequence[int]) -> None:
    """The same of requests that were refused, which are counted too."""
    with transaction.atomic():
        rows = Refusal.objects.filter(pk__in=refusals)
        _note(rows, "received_at")
        rows.delete()


def drop(model: type[Model], number: int) -> None:
    """Drops a whole part of a table, with the same part of the tables that depend on it. Raises
    OperationalError while somebody reads it for long."""
    with transaction.atomic():
        if time := _TIMES.get(model):
            low, high = parts.bounds(model._meta.db_table, number)
            rows = model._base_manager.filter(pk__gte=low, pk__lt=high)
            last = rows.aggregate(last=Max(time))["last"]  # by an index that does not have the provider
            providers = Provider.objects.values_list("pk", flat=True)
            note_gone({pk: last for pk in providers if rows.filter(provider=pk).exists()})
        together = (Message, *OF_MESSAGES) if model is Message else (model,)
        parts.drop([each._meta.db_table for each in together], number)


_TIMES: dict[type[Model], str] = {Message: "accepted_at", Refusal: "received_at"}


def _note(rows: QuerySet[Any], time: str) -> None:
    note_gone(dict(rows.order_by().values_list("provider").annotate(at=Max(time))))


def note_gone(moments: Mapping[int, datetime]) -> None:
    """Notes for these providers until when rows are deleted."""
    for provider, at in moments.items():
        Horizon.objects.get_or_create(provider_id=provider, defaults={"gone_to": at})
        Horizon.objects.filter(provider=provider, gone_to__lt=at).update(gone_to=at)
