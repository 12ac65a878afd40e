"""One worker a queue, however workers die and clocks differ."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from lib import clock
from providers import leases
from providers.models import Lease

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine loses no lease."""
    monkeypatch.setattr(leases, "LENGTH", 60.0)


def ends_in(seconds: float, name: str = "sending") -> None:
    """Moves the end of a lease that somebody holds."""
    Lease.objects.filter(name=name).update(expires_at=timezone.now() + seconds * SECOND)


def left(name: str = "sending") -> float:
    return (Lease.objects.get(name=name).expires_at - timezone.now()).total_seconds()


def test_a_queue_has_one_worker() -> None:
    hold = leases.take("sending")
    assert hold is not None
    assert hold.state is None
    assert leases.held("sending")
    assert leases.take("sending") is None
    assert not leases.held("reading")
    other = leases.take("reading")
    assert other is not None
    assert other.holder != hold.holder
    hold.release()
    assert not leases.held("sending")
    assert leases.held("reading"), "another queue's is not released"
    assert leases.take("sending") is not None


def test_several_are_taken_at_once_those_of_others_left_out() -> None:
    assert leases.take("read:2")
    with leases.together(["read:1", "read:2", "read:3"]) as holds:
        assert sorted(hold.name for hold in holds) == ["read:1", "read:3"]
    assert [leases.held(f"read:{number}") for number in (1, 2, 3)] == [False, True, False]


@pytest.mark.parametrize(("seconds", "free"), [(-1, True), (30, False), (110, False), (130, True)])
def test_a_lease_runs_out(seconds: float, free: bool) -> None:
    """One that lasts too long was written before the database's clock was set back."""
    assert leases.take("sending")
    assert 50 < left() <= leases.LENGTH
    ends_in(seconds)
    assert leases.held("sending") is (seconds > 0)
    assert (leases.take("sending") is not None) is free


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_machine_whose_clock_is_wrong_steals_none(hours: int) -> None:
    assert leases.take("sending")
    with time_machine.travel(timezone.now() + timedelta(hours=hours)):
        assert leases.held("sending")
        assert leases.take("sending") is None
        assert leases.take("reading")
    assert 50 < left("reading") <= leases.LENGTH, "nor does it hold one for too long"


def test_how_wrong_it_is_can_be_asked_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert abs(clock.ahead()) < SECOND
    clock.warn()
    assert not caplog.messages
    for seconds, words in ((90, "ahead of"), (-90, "behind")):
        with time_machine.travel(timezone.now() + timedelta(seconds=seconds)):
            assert abs(clock.ahead() - timedelta(seconds=seconds)) < SECOND
            clock.warn()
        assert words in caplog.messages[-1]


def test_it_is_kept_by_renewing_it_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    hold, other = leases.take("sending"), leases.take("reading")
    assert hold is not None
    assert other is not None
    ends_in(30)
    hold.renew()
    assert left() < 50, "so soon nothing is written"
    monkeypatch.setattr(leases, "RENEWAL", 0.0)
    hold.renew()
    assert left() > 50


def test_all_that_a_process_holds_is_renewed_together() -> None:
    mine = [leases.take(name) for name in ("reading", "sending")]
    for name in ("reading", "sending"):
        ends_in(30, name)
    Lease.objects.filter(name="reading").update(holder="another")
    leases.renew_all()
    assert left("sending") > 50
    assert left("reading") < 50
    assert [hold.lost for hold in mine if hold] == [True, False]
    with pytest.raises(leases.Lost):
        mine[0].renew()  # type: ignore[union-attr]


def test_who_was_overtaken_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    late = leases.take("sending")
    assert late is not None
    ends_in(-1)
    hold = leases.take("sending")
    assert hold is not None
    with pytest.raises(leases.Lost, match="sending"):
        late.save({"last": 1})
    with pytest.raises(leases.Lost, match="sending"):
        late.renew()
    late.release()
    assert leases.held("sending"), "what is another's stays"
    hold.save({"last": 7})


def test_who_was_late_and_not_overtaken_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    hold = leases.take("sending")
    assert hold is not None
    ends_in(-1)
    monkeypatch.setattr(leases, "RENEWAL", 0.0)
    hold.renew()
    assert left() > 50


def test_its_note_is_for_the_next_holder() -> None:
    with leases.take("sending") as hold:  # type: ignore[union-attr]
        assert hold.state is None
        hold.save({"last": 7})
    assert not leases.held("sending")
    after = leases.take("sending")
    assert after is not None
    assert after.state == {"last": 7}
    other = leases.take("reading")
    assert other is not None
    assert other.state is None
