"""Upkeep deletes in steps: on SQLite whoever else writes waits for one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone

from accounts import trail, upkeep
from accounts.models import Entry
from audience import events
from audience.models import Contact, ContactEvent
from campaigns.ledger import once
from campaigns.links import short_links
from campaigns.models import Link, Once
from lib import sql
from privacy.retention.pace import MOST
from tests.factories import MessageFactory

pytestmark = pytest.mark.django_db
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def _entries() -> None:
    for _ in range(5):
        Entry.objects.create(at=LONG_AGO, what=Entry.What.LOOKED)


def _sessions() -> None:
    for number in range(5):
        Session.objects.create(session_key=f"s{number}", session_data="", expire_date=LONG_AGO)


def _events() -> None:
    contact = Contact.objects.create(identity="mira", created_at=LONG_AGO, updated_at=LONG_AGO)
    for number in range(5):
        contact.events.create(name="was here", at=LONG_AGO, digest=str(number), properties={})


def _hashes() -> None:
    for number in range(5):
        Once.objects.create(digest=f"00000000-0000-0000-0000-00000000000{number}", at=LONG_AGO)


def _links() -> None:
    for number in range(5):
        Link.objects.create(
            message=MessageFactory(),
            token=f"t{number}",
            path="button.0",
            created_at=LONG_AGO,
            expires_at=LONG_AGO,
        )


@pytest.mark.parametrize(
    ("fill", "forget", "model"),
    [
        (_entries, lambda now: trail.forget(now, 10), Entry),
        (_sessions, lambda now: upkeep.forget(now, 10), Session),
        (_events, lambda now: events.forget(now, 10), ContactEvent),
        (_hashes, lambda now: once.forget(now, 10), Once),
        (_links, short_links.forget, Link),
    ],
)
def test_a_step_takes_so_many_rows(
    fill: Callable[[], None], forget: Callable[[datetime], int], model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.objects.all().delete()
    fill()
    monkeypatch.setattr(sql, "at_once", lambda: 2)
    now, left = timezone.now() + timedelta(days=100), []
    while forget(now):
        left.append(model.objects.count())
    assert left == [3, 1, 0]


def test_steps_are_small_on_sqlite() -> None:
    assert sql.at_once() == {"sqlite": 100, "postgresql": 5000}[connection.vendor]
    assert sql.at_once() <= MOST[connection.vendor]
