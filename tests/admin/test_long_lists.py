"""The message log among many messages: no filter, and no combination of them, reads more than a page."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest

from campaigns.models import Message, Status
from providers.models import Provider
from tests.admin.conftest import Listed
from tests.factories import MessageFactory, make_provider
from tests.reading import reading, settle

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


def messages(count: int, **changes: Any) -> None:
    first = Message.objects.count()
    Message.objects.bulk_create(
        MessageFactory.build(
            to=f"9198{first + n:08d}",
            msg_id=f"{first + n}|1731583253|20241114|{first + n}",
            bsp_id=f"wamid.{first + n}",
            accepted_at=BEGAN + timedelta(minutes=first + n),
            **changes,
        )
        for n in range(count)
    )


@pytest.fixture
def asked() -> dict[str, str]:
    """One old message of each kind that is rare, before all others; and the filters that find them."""
    rare, busy = make_provider(), make_provider()
    messages(1, provider=rare, status=Status.SENDING)
    messages(1, provider=busy, status=Status.FAILED, error_code=1009)
    messages(1, provider=busy, status=Status.ACCEPTED, kind=Message.Kind.FREEFORM, template="")
    messages(1, provider=busy, status=Status.READ, untracked=True)
    return {"rare": str(rare.pk), "busy": str(busy.pk)}


def filters(asked: dict[str, str]) -> Iterator[dict[str, str]]:
    values = {
        "status": ["20", "80"],
        "provider": [asked["rare"], asked["busy"]],
        "kind": ["0"],
        "test": ["yes"],
        "error": ["1009"],
        "q": ["9198000000"],
        "accepted_at_to_0": ["2026-03-01"],
    }
    singles = [{name: value} for name, each in values.items() for value in each]
    yield {}
    yield from singles
    yield from (a | b for a, b in combinations(singles, 2) if a.keys() != b.keys())


def plainly(query: dict[str, str]) -> list[int]:
    """What the list must show, from a plain query."""
    rows = Message.objects.order_by("-id")
    for name, value in query.items():
        if name == "q":
            rows = rows.filter(to__startswith=value) | rows.filter(bsp_id=value)
        elif name == "error":
            rows = rows.filter(status=Status.FAILED, error_code=value)
        elif name == "test":
            rows = rows.filter(untracked=value == "yes")
        elif name == "accepted_at_to_0":
            rows = rows.filter(accepted_at__lt=BEGAN + timedelta(days=1))
        else:
            rows = rows.filter(**{name: value})
    return list(rows.values_list("pk", flat=True)[:50])


def test_no_filter_reads_more_among_more_messages(listed: Listed, asked: dict[str, str]) -> None:
    busy = Provider.objects.get(pk=asked["busy"])
    read: dict[str, list[int]] = {}
    for count in (500, 3000):
        messages(count - 100, provider=busy, status=Status.READ)
        messages(100, provider=busy, status=Status.FAILED, error_code=1001)
        settle()
        for query in filters(asked):
            with reading() as it:
                shown = listed(Message, query)
            assert shown == plainly(query), query
            read.setdefault(str(query), []).append(it.amount)
    grown = {query: (few, many) for query, (few, many) in read.items() if many > 2 * few + 200}
    assert not grown
