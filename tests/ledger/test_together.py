"""Threads that really run at once: every count is still exact, and nobody is made to wait for ever."""

import random
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connections, transaction
from django.utils import timezone

from callbacks import audit
from campaigns.counting import deltas, points
from campaigns.counting.keys import minute
from campaigns.ledger import campaigns_seen, claims, events, ledger, matching
from campaigns.ledger.entries import Refused, Tried
from campaigns.models import Campaign, Event, Message, StatCount, Status
from providers.messages import Outcome, StatusUpdate
from stats.query import breakdowns, details, filters
from tests.factories import make_provider
from tests.stats.conftest import accepted
from tests.waiting import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*works: Callable[[], None]) -> None:
    """Each in a thread with a connection of its own. Raises what one of them raised."""
    errors: list[BaseException] = []
    start = threading.Barrier(len(works))

    def run(work: Callable[[], None]) -> None:
        try:
            start.wait()
            work()
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    if errors:
        raise errors[0]


def test_reports_clicks_replies_and_squashes_at_once() -> None:
    provider = make_provider()
    messages = [accepted(provider, timezone.now()) for _ in range(12)]
    Message.objects.update(status=Status.SENDING, attempt=1)
    ids = [message.pk for message in messages]
    done = threading.Event()

    def reports(seed: int) -> Callable[[], None]:
        """What BSPs tell and people tap, each thread in an order of its own; most of it is told twice."""

        def work() -> None:
            order = random.Random(seed)
            told = [
                StatusUpdate(kind, 1767600000 + second, reference=matching.reference(pk, 1), url=url)
                for pk in ids
                for kind, second, url in (
                    ("sent", 0, ""),
                    ("delivered", 1, ""),
                    ("read", 2, ""),
                    ("clicked", 3, "https://s.example/a?x=1"),
                    ("clicked", 4 + seed, "https://s.example/a?x=2"),
                )
            ]
            order.shuffle(told)
            for start in range(0, len(told), 6):
                ledger.record(provider.pk, told[start : start + 6])
                answered = {told[start].reference}
                events.add_replies(
                    provider.pk,
                    {int(each.split("-")[1]): timezone.now() for each in answered},
                    timezone.now(),
                )

        return work

    def settle() -> None:
        now = timezone.now()
        for start in range(0, len(ids), 4):
            tries = [Tried(pk, 1, now, Outcome.ACCEPTED, bsp_id=f"b{pk}") for pk in ids[start : start + 4]]
            ledger.record_attempts(provider.pk, tries)

    def squash() -> None:
        while not done.wait(0.001):
            deltas.squash(limit=7)

    workers = [reports(1), reports(2), settle, settle]

    def all_of_them() -> None:
        try:
            at_once(*workers)
        finally:
            done.set()

    at_once(all_of_them, squash, squash)
    found = breakdowns.totals(filters.parse({}, timezone.now()))
    assert (found.submitted, found.sent, found.delivered, found.viewed) == (12, 12, 12, 12)
    assert (found.clicked_total, found.clicked_unique) == (36, 12)
    assert found.replied == Event.objects.filter(kind=Event.Kind.REPLIED).count() > 0
    assert [(url.total, url.unique) for url in details.urls(filters.parse({}, timezone.now()))] == [(36, 12)]
    assert [finding for finding in audit.run() if finding.problems] == []
    while deltas.squash():
        pass
    assert not StatCount.objects.exists()
    assert breakdowns.totals(filters.parse({}, timezone.now())) == found
    assert [finding for finding in audit.run() if finding.problems] == []


def test_a_campaign_is_entered_once_whoever_sees_it_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many processes, of which none knows what the others wrote."""
    monkeypatch.setattr(campaigns_seen, "_remember", lambda written: None)
    provider, now = make_provider(), timezone.now()

    def sights(seed: int) -> Callable[[], None]:
        def work() -> None:
            order = random.Random(seed)
            for number in range(20):
                at, msg_id = now + timedelta(minutes=seed), f"m{seed}-{number}"
                entries = [
                    Refused(provider.pk, at, 2001, "", msg_id, "", f"c{campaign}", "", "t", False, "{}")
                    for campaign in order.sample(range(10), 5)
                ]
                ledger.accept(entries)

        return work

    at_once(*map(sights, range(4)))
    assert sorted(Campaign.objects.values_list("code", flat=True)) == [f"c{number}" for number in range(10)]
    assert set(Campaign.objects.values_list("last_seen_at", flat=True)) == {
        minute(now + timedelta(minutes=3))
    }
    assert breakdowns.totals(filters.parse({}, timezone.now())).refused == 4 * 20 * 5


def test_nobody_waits_for_another_squash() -> None:
    """Or each minute one more worker would, while a long absence is made up for."""
    provider = make_provider()
    accepted(provider, timezone.now())
    entered, leave = threading.Event(), threading.Event()

    def slowly() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(points, "fold", lambda sums: (entered.set(), leave.wait(PATIENCE)))
            deltas.squash()

    def meanwhile() -> None:
        entered.wait(PATIENCE)
        try:
            if connections["default"].vendor == "postgresql":  # SQLite has one writer at a time anyway
                assert deltas.squash() == 0
        finally:
            leave.set()

    at_once(slowly, meanwhile)


def test_a_queue_is_claimed_while_reports_hold_their_messages() -> None:
    """Locking a message keeps nobody from adding rows that refer to it."""
    provider = make_provider()
    message = accepted(provider, timezone.now())
    assert [claim.id for claim in claims.claim(provider.pk, 1, timezone.now())] == [message.pk]
    if connections["default"].vendor != "postgresql":
        pytest.skip("SQLite locks the whole database")
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            events.locked([message.pk])
            entered.set()
            leave.wait(PATIENCE)

    def answer() -> None:
        entered.wait(PATIENCE)
        try:
            with connections["default"].cursor() as cursor:
                cursor.execute("SET lock_timeout = '3s'")
            events.add_replies(provider.pk, {message.pk: timezone.now()}, timezone.now())
        finally:
            leave.set()

    at_once(hold, answer)
