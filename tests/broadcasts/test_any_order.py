"""A broadcast under any interleaving of work, crashes, second workers, changes of mind and changes of data.

The machine keeps no model of who should get what; it checks what must hold after every step.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from django.db import transaction
from django.utils import timezone
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run

from audience.models import Contact
from broadcasts.models import Broadcast, Recipient
from broadcasts.run import lifecycle, planning, releasing, worker
from callbacks import audit
from campaigns.counting import deltas
from campaigns.ledger import ledger
from campaigns.models import Message
from providers.models import Provider
from templates_app.models import Template
from tests.broadcasts.conftest import add, happen, make_broadcast, make_template, make_variant, sums
from tests.factories import make_provider

Kind = Broadcast.Kind
# Where a worker may be killed: each is inside a transaction, and the last before its commit.
FRAGILE = ((deltas, "add"), (ledger, "accept"), (planning, "exclude"), (Broadcast, "save"))


class Killed(BaseException):
    pass


class Story(RuleBasedStateMachine):
    @initialize(
        kind=st.sampled_from([Kind.ONE_TIME, Kind.ONE_TIME, Kind.ACTION, Kind.INACTION]),
        people=st.integers(0, 9),
        control=st.sampled_from([0, 40]),
        throttle=st.sampled_from([None, 2]),
        cap=st.sampled_from([None, 1]),
        chunk=st.integers(1, 4),
    )
    def begin(
        self, kind: str, people: int, control: int, throttle: int | None, cap: int | None, chunk: int
    ) -> None:
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.small = [
            patch.object(module, "CHUNK", dict.fromkeys(("postgresql", "sqlite"), chunk))
            for module in (planning, releasing)
        ]
        self.small.append(patch.object(worker, "CANCELLED_AT_ONCE", chunk))
        for each in self.small:
            each.start()
        self.provider = make_provider()
        make_template(self.provider)
        self.now = timezone.now()
        self.people = 0
        for _ in range(people):
            self.arrive(True)
        variants = [
            make_variant("A", 50),
            make_variant("B", 50, values={"body.1": "{{ profile.City }}", "body.2": "x"}),
        ]
        self.broadcast = make_broadcast(
            self.provider, kind=kind, event_name="Cart", without="Bought", wait_minutes=3, variants=variants,
            control_percent=control, throttle=throttle, cap_count=cap, cap_days=1,
        )  # fmt: skip
        lifecycle.launch(self.broadcast)
        self.final: dict[int, int] = {}

    def teardown(self) -> None:
        if not hasattr(self, "savepoint"):
            return
        for each in self.small:
            each.stop()
        try:
            assert [finding for finding in audit.run() if finding.problems] == []
        finally:
            transaction.set_rollback(True)
            self.savepoint.__exit__(None, None, None)

    # the worker

    @rule(steps=st.integers(1, 4))
    def work(self, steps: int) -> None:
        for _ in range(steps):
            worker.step(self.broadcast.pk, self.now)

    @rule(place=st.integers(0, len(FRAGILE) - 1), after=st.booleans())
    def die(self, place: int, after: bool) -> None:
        """A worker is killed within a transaction."""
        with _killing(place, after), suppress(Killed):
            worker.step(self.broadcast.pk, self.now)

    @rule(meanwhile=st.sampled_from(["step", "pause", "cancel"]))
    def overtake(self, meanwhile: str) -> None:
        """Something happens between making messages and storing them."""
        plain = releasing.prepare

        def prepare(*arguments: Any) -> Any:
            made = plain(*arguments)
            with patch.object(releasing, "prepare", plain):
                match meanwhile:
                    case "step":
                        worker.step(self.broadcast.pk, self.now)
                    case "pause":
                        lifecycle.pause(self.broadcast, "Meanwhile.")
                    case "cancel":
                        lifecycle.cancel(self.broadcast, "Meanwhile.")
            return made

        with patch.object(releasing, "prepare", prepare):
            worker.step(self.broadcast.pk, self.now)

    @rule(minutes=st.sampled_from([1, 3, 6, 24 * 60]))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    # the operator

    @rule()
    def pause(self) -> None:
        lifecycle.pause(self.broadcast, "A pause.")

    @rule()
    def resume(self) -> None:
        lifecycle.resume(self.broadcast)

    @precondition(lambda self: self.now > self.broadcast.created_at + timedelta(minutes=5))
    @rule()
    def cancel(self) -> None:
        lifecycle.cancel(self.broadcast, "Enough.")

    @rule()
    def end(self) -> None:
        lifecycle.end(self.broadcast)

    # the world

    @rule(opted_in=st.booleans())
    def arrive(self, opted_in: bool) -> None:
        number = self.people // 2 if self.people % 4 == 3 else self.people  # some share a number
        city = {"City": "Pune"} if self.people % 3 else {}
        add(f"c{self.people}", phone=f"+9198123{number:05d}", opted_in=opted_in, **city)
        self.people += 1

    @precondition(lambda self: self.people)
    @rule(data=st.data(), opted_in=st.booleans())
    def decide(self, data: Any, opted_in: bool) -> None:
        add(f"c{data.draw(st.integers(0, self.people - 1))}", opted_in=opted_in)

    @precondition(lambda self: self.people)
    @rule(data=st.data(), name=st.sampled_from(["Cart", "Cart", "Bought"]))
    def act(self, data: Any, name: str) -> None:
        happen(f"c{data.draw(st.integers(0, self.people - 1))}", name, self.now)

    @precondition(lambda self: self.people)
    @rule(data=st.data())
    def delete(self, data: Any) -> None:
        Contact.objects.filter(identity=f"c{data.draw(st.integers(0, self.people - 1))}").delete()

    @rule(status=st.sampled_from(["APPROVED", "APPROVED", "PAUSED"]))
    def template(self, status: str) -> None:
        Template.objects.filter(provider=self.provider).update(status=status)

    @rule(state=st.sampled_from(["active", "active", "paused"]))
    def provider_state(self, state: str) -> None:
        Provider.objects.filter(pk=self.provider.pk).update(state=state)

    # what must hold

    @precondition(lambda self: hasattr(self, "broadcast"))
    @invariant()
    def the_sums_are_exact(self) -> None:
        sums(self.broadcast)

    @precondition(lambda self: hasattr(self, "broadcast"))
    @invariant()
    def nobody_is_messaged_twice(self) -> None:
        rows = Recipient.objects.filter(broadcast=self.broadcast, state=Recipient.State.QUEUED)
        messages = list(rows.values_list("message", flat=True))
        assert len(messages) == len(set(messages))
        per_trigger = Counter(rows.values_list("trigger", "phone"))
        assert not per_trigger or max(per_trigger.values()) == 1
        per_event = Counter(
            Message.objects.filter(campaign=self.broadcast.code).values_list("msg_id", flat=True)
        )
        assert not per_event or max(per_event.values()) == 1

    @precondition(lambda self: hasattr(self, "broadcast"))
    @invariant()
    def what_became_of_somebody_is_final(self) -> None:
        waiting = Recipient.State.WAITING
        now = dict(Recipient.objects.filter(broadcast=self.broadcast).values_list("pk", "state"))
        for pk, state in self.final.items():
            assert now[pk] == state or state == waiting
        self.final = now

    @precondition(lambda self: hasattr(self, "broadcast"))
    @invariant()
    def the_control_group_hears_nothing(self) -> None:
        rows = Recipient.objects.filter(broadcast=self.broadcast, state=Recipient.State.CONTROL)
        for trigger, phone in rows.values_list("trigger", "phone"):
            others = Recipient.objects.filter(broadcast=self.broadcast, trigger=trigger, phone=phone)
            assert not others.filter(state=Recipient.State.QUEUED).exists()

    @precondition(lambda self: hasattr(self, "broadcast"))
    @invariant()
    def it_ends_only_when_nobody_waits(self) -> None:
        if self.broadcast.state == Broadcast.State.DONE:
            assert not self.broadcast.waiting
            assert self.broadcast.next_step_at is None
        if self.broadcast.state in (Broadcast.State.RUNNING, Broadcast.State.SCHEDULED):
            assert self.broadcast.next_step_at is not None
        if self.broadcast.cap_count == 1:
            got = Counter(
                Message.objects.filter(campaign=self.broadcast.code).values_list("to", "accepted_at__date")
            )
            assert not got or max(got.values()) == 1


@contextmanager
def _killing(place: int, after: bool) -> Iterator[None]:
    """The function dies when it is called, or when it returns."""
    owner, name = FRAGILE[place]
    plain = getattr(owner, name)

    def dying(*arguments: Any, **named: Any) -> None:
        if after:
            plain(*arguments, **named)
        raise Killed

    with patch.object(owner, name, dying):
        yield


def test_any_story_adds_up(db: None) -> None:
    run(Story, settings=settings(max_examples=8, stateful_step_count=25, deadline=None))
