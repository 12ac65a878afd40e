"""The ledger under any interleaving of attempts, reports, resends and upkeep.

The machine keeps no model of the right status; it checks what must hold after every step.
"""

import json
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import Any

from asgiref.sync import async_to_sync
from django.db import transaction
from django.utils import timezone
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run

from callbacks import audit
from campaigns.counting import deltas
from campaigns.intake import receive
from campaigns.ledger import claims, events, ledger, matching
from campaigns.ledger.entries import Refused, Tried
from campaigns.models import Event, Forward, Message, Status
from providers import auth
from providers.messages import Outcome, ReportCode, StatusUpdate
from stats.query import breakdowns, details, filters, series
from tests.factories import make_provider
from tests.gateway import template

Kind = Event.Kind
DAY = timedelta(days=1)
KINDS = ["sent", "delivered", "read", "failed", "clicked"]
CODES = [ReportCode.OTHER, ReportCode.PHONE]
URLS = ["https://shop.example/a?person=1", "https://shop.example/a?person=2", "https://shop.example/b", ""]
HAPPENED = [timedelta(seconds=second) for second in (-1, 0, 2, 700)] + [-timedelta(days=20)]


class Died(Exception):
    """A worker's end before its commit."""


class Story(RuleBasedStateMachine):
    @initialize(
        untracked=st.sampled_from([[False, True], [False, False], [False, False, True]]),
        data=st.data(),
        told=st.lists(st.sampled_from(KINDS), min_size=1, max_size=6),
        happened=st.sampled_from(HAPPENED),
    )
    def accept(self, untracked: list[bool], data: Any, told: list[str], happened: timedelta) -> None:
        """Accepted, claimed and reported on: or most stories would end before anything is counted."""
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.provider = make_provider()
        self.flying: list[tuple[int, int]] = []  # claims not answered yet, also those that count as lost
        self.told: list[StatusUpdate] = []
        self.lost: list[StatusUpdate] = []
        access = auth.access(self.provider.public_id)
        for untracked_one in untracked:
            payload = template(**({"msgId": "0|0|0|0"} if untracked_one else {}))
            async_to_sync(receive.receive)(access, json.dumps(payload).encode(), timezone.now().timestamp())  # type: ignore[arg-type]
        self.began = timezone.now()
        self.rows = list(Message.objects.filter(provider=self.provider).order_by("id"))
        self.before = {row.pk: row.status for row in self.rows}
        self.may_fall: set[int] = set()
        self.claim(len(self.rows))
        self.report(data=data, kinds=told, named="reference", happened=happened, fate="recorded")

    def teardown(self) -> None:
        if not hasattr(self, "savepoint"):
            return
        try:
            assert [finding for finding in audit.run() if finding.problems] == []
        finally:
            transaction.set_rollback(True)
            self.savepoint.__exit__(None, None, None)

    # what happens

    def claim(self, limit: int) -> None:
        for age, row in enumerate(reversed(self.rows)):  # an order that is the same in every run
            due = timezone.now() - timedelta(minutes=1 + age)
            Message.objects.filter(pk=row.pk, status=Status.QUEUED).update(next_attempt_at=due)
        for claimed in claims.claim(self.provider.pk, limit, timezone.now()):
            self.flying.append((claimed.id, claimed.attempt))

    @precondition(lambda self: self.flying)
    @rule(
        data=st.data(),
        outcomes=st.lists(st.sampled_from(list(Outcome)), min_size=1, max_size=3),
        fate=st.sampled_from(["settled", "settled", "settled twice", "the worker dies"]),
    )
    def answer(self, data: Any, outcomes: list[Outcome], fate: str) -> None:
        """The worker may not learn that its commit went through, or die before it."""
        now = timezone.now()
        tries = []
        for outcome in outcomes[: len(self.flying)]:
            message_id, number = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
            if outcome in (Outcome.RETRY, Outcome.THROTTLED, Outcome.STOPPED):
                self.may_fall.add(message_id)
            code = ReportCode.OTHER if outcome == Outcome.REJECTED else None
            bsp_id = f"bsp-{message_id}-{number}" if outcome == Outcome.ACCEPTED else ""
            tries.append(Tried(message_id, number, now, outcome, bsp_id=bsp_id, code=code, text="why"))
        if fate == "the worker dies":
            with suppress(Died), transaction.atomic():
                ledger.record_attempts(self.provider.pk, tries)
                raise Died
            self.flying += [(tried.message_id, tried.number) for tried in tries]
            return
        for _ in range(2 if fate == "settled twice" else 1):
            ledger.record_attempts(self.provider.pk, tries)

    @rule(
        data=st.data(),
        kinds=st.lists(st.sampled_from(KINDS), min_size=2, max_size=6),
        named=st.sampled_from(["reference", "bsp_id", "msg_id"]),
        happened=st.sampled_from(HAPPENED),
        fate=st.sampled_from(["recorded", "recorded", "lost", "the worker dies"]),
    )
    def report(self, data: Any, kinds: list[str], named: str, happened: timedelta, fate: str) -> None:
        """One webhook, about attempts that were made. It may be lost, and replayed weeks later."""
        attempted = list(Message.objects.filter(provider=self.provider, attempt__gt=0).order_by("id"))
        updates = []
        for kind in kinds if attempted else []:
            row = data.draw(st.sampled_from(attempted))
            number = data.draw(st.integers(1, row.attempt))
            ids = {
                "reference": matching.reference(row.pk, number),
                "bsp_id": f"bsp-{row.pk}-{number}",
                "msg_id": row.msg_id,
            }
            code = data.draw(st.sampled_from(CODES)) if kind == "failed" else None
            url = data.draw(st.sampled_from(URLS)) if kind == "clicked" else ""
            at = int((self.began + happened).timestamp())
            updates.append(StatusUpdate(kind, timestamp=at, code=code, url=url, **{named: ids[named]}))  # type: ignore[arg-type]
        if fate == "lost":
            self.lost += updates
        elif fate == "the worker dies":
            self.lost += updates
            with suppress(Died), transaction.atomic():
                ledger.record(self.provider.pk, updates)
                raise Died
        else:
            self.told += updates
            ledger.record(self.provider.pk, updates)

    @precondition(lambda self: self.lost)
    @rule(data=st.data())
    def replay(self, data: Any) -> None:
        """What was lost is read after all, shuffled, and some of it doubled."""
        order = data.draw(st.permutations(self.lost))
        ledger.record(self.provider.pk, [*order, *order[:2]])
        self.told += self.lost
        self.lost = []

    @rule(data=st.data(), happened=st.sampled_from(HAPPENED), dies=st.booleans())
    def reply(self, data: Any, happened: timedelta, dies: bool) -> None:
        """People answer; the same answer may be read twice."""
        chosen = data.draw(st.sets(st.sampled_from([row.pk for row in self.rows])))
        now = timezone.now()
        with suppress(Died), transaction.atomic():
            events.add_replies(self.provider.pk, dict.fromkeys(chosen, self.began + happened), now)
            if dies:
                raise Died

    @rule(count=st.integers(1, 2), campaign=st.sampled_from(["1767225600", ""]))
    def refuse(self, count: int, campaign: str) -> None:
        now = timezone.now()
        about = ("", "111", campaign, "", "order_ready" if campaign else "", False, "{}")
        ledger.accept([Refused(self.provider.pk, now, 2001, "why", *about)] * count)

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def repeat(self, data: Any) -> None:
        """The BSP tells old news again, doubled and in another order."""
        again = data.draw(st.lists(st.sampled_from(self.told), min_size=1, max_size=6))
        rows = Event.objects.filter(provider=self.provider).count()
        outcomes = ledger.record(self.provider.pk, again)
        assert Event.objects.filter(provider=self.provider).count() - rows == outcomes.count("recorded")

    @rule(data=st.data(), what=st.sampled_from(["claim", "claim", "resend", "resend", "lose", "expire"]))
    def go_on(self, data: Any, what: str) -> None:
        """What moves messages that wait, failed, or hang."""
        if what == "claim":
            self.claim(data.draw(st.integers(1, 3)))
        elif what == "resend":
            chosen = data.draw(st.sets(st.sampled_from([row.pk for row in self.rows]), min_size=1))
            self.may_fall |= chosen
            ledger.resend(chosen)
        elif what == "lose":
            claims.recover(self.provider.pk, timezone.now())
        else:
            ledger.fail_expired(self.provider.pk, timezone.now() + DAY, DAY)

    @rule(limit=st.sampled_from([2, 7, 1000]), dies=st.booleans())
    def squash(self, limit: int, dies: bool) -> None:
        """Nothing that is shown changes, whether the worker lives to commit or not."""
        before = self.shown()
        with suppress(Died), transaction.atomic():
            deltas.squash(limit)
            assert self.shown() == before
            if dies:
                raise Died
        assert self.shown() == before

    @rule()
    def audit(self) -> None:
        """At any moment, whatever is folded and whatever not."""
        assert [finding for finding in audit.run() if finding.problems] == []

    # what must hold

    def shown(self) -> tuple[Any, ...]:
        """What stats say: in all, by campaign and template, by day, of last week alone."""
        now = self.began + timedelta(minutes=1)
        everything = filters.parse({"tz": "Asia/Kathmandu"}, now)
        week = filters.parse({"range": "7d", "tz": "America/New_York", "campaign": "1767225600"}, now)
        return (
            breakdowns.totals(everything),
            breakdowns.groups(everything, "campaign"),
            breakdowns.groups(everything, "template"),
            details.errors(everything),
            details.urls(everything),
            details.times(everything),
            series.trend(filters.parse({"range": "90d", "tz": "Asia/Kathmandu"}, now), "day"),
            breakdowns.totals(week),
            series.trend(week, "hour"),
        )

    @precondition(lambda self: hasattr(self, "rows"))
    @invariant()
    def a_status_only_rises(self) -> None:
        now = dict(Message.objects.filter(provider=self.provider).values_list("id", "status"))
        for pk, status in now.items():
            fell = status < self.before[pk]
            assert not fell or (pk in self.may_fall and status == Status.QUEUED)
            assert not fell or self.before[pk] in (Status.SENDING, Status.UNKNOWN, Status.FAILED)
        self.before, self.may_fall = now, set()

    @precondition(lambda self: hasattr(self, "rows"))
    @invariant()
    def clevertap_is_owed_each_status_once(self) -> None:
        owed = Counter(
            Event.objects.filter(provider=self.provider, forward=Forward.PENDING)
            .exclude(kind=Kind.CLICKED)
            .values_list("message", "kind")
        )
        assert all(number == 1 for number in owed.values())
        for message, kind in Event.objects.filter(provider=self.provider).values_list("message", "kind"):
            row = next(row for row in self.rows if row.pk == message)
            if row.untracked:
                assert not owed[(message, kind)]
            elif kind in (Kind.SENT, Kind.DELIVERED, Kind.READ):
                assert owed[(message, kind)] == 1

    @precondition(lambda self: hasattr(self, "rows"))
    @invariant()
    def a_failed_message_was_reported(self) -> None:
        failed = Message.objects.filter(provider=self.provider, status=Status.FAILED, untracked=False)
        for row in failed:
            assert row.events.filter(kind=Kind.FAILED, forward=Forward.PENDING).count() == 1
            assert row.error_code is not None
            assert row.error_text or row.events.filter(kind=Kind.FAILED, text="").exists()


def test_any_story_adds_up(db: None) -> None:
    run(Story, settings=settings(max_examples=8, stateful_step_count=15, deadline=None))
