"""The other lists of millions: no filter, and no two together, read more than a page where few rows match."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import pytest
from django.db.models import Model
from django.utils import timezone

from audience.models import Contact
from broadcasts.models import Broadcast, Recipient
from callbacks.models import ForwardCall, Reply, Webhook
from campaigns.models import Event, Forward, Message
from providers.models import Provider
from tests.admin.conftest import Listed
from tests.factories import MessageFactory, make_provider
from tests.reading import reading, settle

NOW = timezone.now()


@dataclass(frozen=True)
class Log:
    """How `n` rows of it are made, most of them alike, the rare ones, and filters with what they mean."""

    model: type[Model]
    make: Callable[[int, Provider], Model]
    rare: tuple[dict[str, Any], ...]
    filters: dict[str, dict[str, dict[str, Any]]]
    served: Callable[[dict[str, str]], bool] = field(default=lambda query: True)


def webhook(n: int, provider: Provider) -> Webhook:
    return Webhook(
        provider=provider, source="native", method="POST", url="/", body=b"{}", received_at=NOW,
        next_attempt_at=NOW, state=Webhook.State.DONE,
    )  # fmt: skip


def reply(n: int, provider: Provider) -> Reply:
    return Reply(
        provider=provider, bsp_id=f"in-{n}", sender=f"9198{n:08d}", kind="text", at=NOW, received_at=NOW,
        owed_since=NOW, content="{}", forward=Forward.DONE,
    )  # fmt: skip


def event(n: int, provider: Provider) -> Event:
    message = Message.objects.first() or MessageFactory(provider=provider)
    return Event(
        message=message, provider=provider, kind=Event.Kind.CLICKED, key=str(n), at=NOW, received_at=NOW,
        owed_since=NOW, forward=Forward.DONE,
    )  # fmt: skip


def call(n: int, provider: Provider) -> ForwardCall:
    return ForwardCall(
        provider=provider, kind="delivery", started_at=NOW, url="https://x.example", body="{}", status=200
    )


def recipient(n: int, provider: Provider) -> Recipient:
    broadcast = Broadcast.objects.filter(name="busy").first()
    broadcast = broadcast or Broadcast.objects.create(pk=71, name="busy", provider=provider, state="done")
    return Recipient(
        broadcast=broadcast, trigger=str(n), phone=f"9198{n:08d}", state=Recipient.State.CONTROL,
        since=NOW, due_at=NOW, planned_at=NOW,
    )  # fmt: skip


LOGS = [
    Log(
        Webhook,
        webhook,
        ({"state": 4}, {"state": 1}, {"source": "inbound"}),
        {
            "state": {"4": {"state": 4}, "1": {"state": 1}, "2": {"state": 2}},
            "source": {"inbound": {"source": "inbound"}, "native": {"source": "native"}},
        },
    ),
    Log(
        Reply,
        reply,
        ({"forward": 3}, {"forward": 1}, {"kind": "image"}),
        {
            "forward": {"3": {"forward": 3}, "1": {"forward": 1}, "2": {"forward": 2}},
            "kind": {"image": {"kind": "image"}, "text": {"kind": "text"}},
            "q": {"919800000000": {"sender__startswith": "919800000000"}},
        },
    ),
    Log(
        Event,
        event,
        ({"forward": 3}, {"forward": 1}, {"forward": 3, "kind": Event.Kind.FAILED}),
        {
            "forward": {"3": {"forward": 3}, "1": {"forward": 1}},
            "kind": {"4": {"kind": 4}, "5": {"kind": 5}},
        },
        # What has been forwarded long ago is looked for among the messages.
        served=lambda query: "forward" in query,
    ),
    Log(
        ForwardCall,
        call,
        ({"status": None}, {"status": 400}, {"status": 500, "kind": "inbound"}),
        {
            "answer": {
                "none": {"status": None},
                "refused": {"status__gte": 300},
                "taken": {"status": 200},
            },
            "kind": {"inbound": {"kind": "inbound"}, "delivery": {"kind": "delivery"}},
        },
    ),
    Log(
        Recipient,
        recipient,
        ({"state": 4, "reason": "dnd"}, {"state": 5, "reason": "stopped"}),
        {
            "broadcast": {"7": {"broadcast": 7}, "71": {"broadcast": 71}},
            "state": {"4": {"state": 4}, "3": {"state": 3}},
            "reason": {"dnd": {"reason": "dnd"}, "stopped": {"reason": "stopped"}},
            "q": {"asha": {"contact__identity": "asha"}},
        },
    ),
]


def add(log: Log, first: int, count: int, busy: Provider, **changes: Any) -> None:
    rows = [log.make(n, busy) for n in range(first, first + count)]
    for row in rows:
        for name, value in changes.items():
            setattr(row, name, value)
    log.model._default_manager.bulk_create(rows)


def queries(log: Log, rare: Provider, busy: Provider) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    """What may be asked, one filter or two, and what it means."""
    of_provider = {str(each.pk): {"provider": each} for each in (rare, busy)}
    filters = log.filters if log.model is Recipient else {"provider": of_provider, **log.filters}
    singles = [({name: value}, means) for name, each in filters.items() for value, means in each.items()]
    yield {}, {}
    yield from singles
    for (one, means), (other, more) in combinations(singles, 2):
        if one.keys() != other.keys():
            yield one | other, means | more


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.model.__name__)
def test_no_filter_reads_more_among_more_rows(listed: Listed, log: Log) -> None:
    rare, busy = make_provider(), make_provider()
    if log.model is Recipient:
        Broadcast.objects.create(pk=7, name="rare", provider=rare, state="done")
        asha = Contact.objects.create(identity="asha", created_at=NOW, updated_at=NOW)
        of_its_own = {"broadcast_id": 7, "contact": asha}
    else:
        of_its_own = {"provider": rare}
    for n, changes in enumerate((of_its_own, *log.rare)):
        add(log, n, 1, busy, **changes)
    read: dict[str, list[int]] = {}
    first = 10
    for count in (500, 3000):
        add(log, first, count, busy)
        first += count
        settle(log.model)
        for query, means in queries(log, rare, busy):
            with reading() as it:
                shown = listed(log.model, query)
            wanted = log.model._default_manager.filter(**means).order_by("-pk").values_list("pk", flat=True)
            assert shown == list(wanted[:50]), query
            if log.served(query):
                read.setdefault(str(query), []).append(it.amount)
    assert {query: pair for query, pair in read.items() if pair[1] > pair[0] + 10} == {}
