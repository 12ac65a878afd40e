"""Which messages go first, who may send them, and what becomes of those nobody sent."""

import contextlib
import itertools
import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from campaigns.ledger import claims, ledger
from campaigns.models import Attempt, Event, Forward, Message, StatCount, Status
from campaigns.sending import dispatch, limits
from campaigns.sending.outgoing import Outgoing
from campaigns.tasks import upkeep
from providers import leases, lifecycle
from providers.leases import Lost
from providers.messages import Account
from providers.models import Lease, Provider
from providers.outcomes import ACCOUNT_LIMIT
from tests.endpoints import SUCCESS, Endpoint
from tests.factories import MessageFactory, make_provider
from tests.gateway import until
from tests.waiting import PATIENCE

HOUR = timedelta(hours=1)


def message(provider: Provider, **values: Any) -> Message:
    return MessageFactory(provider=provider, **values)


def again(row: Message) -> Message:
    row.refresh_from_db()
    return row


def noted(provider: Provider, handed_over: datetime) -> None:
    """As a worker leaves its lease when it dies."""
    state = json.dumps({"handed_over": handed_over.isoformat()})
    Lease.objects.create(
        name=f"send:{provider.pk}", holder="dead", state=state, expires_at=timezone.now() - HOUR
    )


def statuses(**having: Any) -> set[int]:
    return set(Message.objects.filter(**having).values_list("status", flat=True))


# Order


def test_answers_to_people_go_before_campaigns_and_the_oldest_first(provider: Provider) -> None:
    now = timezone.now()
    kinds = Message.Kind
    rows = [
        message(provider, kind=kind, accepted_at=now - timedelta(minutes=minutes))
        for kind, minutes in [
            (kinds.TEMPLATE, 1),
            (kinds.FREEFORM, 2),
            (kinds.TEMPLATE, 9),
            (kinds.FREEFORM, 3),
        ]
    ]
    claimed = [row.id for row in claims.claim(provider.pk, 10, now)]
    assert claimed == [rows[3].pk, rows[1].pk, rows[2].pk, rows[0].pk]


def test_an_answer_overtakes_a_campaign_that_is_under_way(at_endpoint: Provider, endpoint: Endpoint) -> None:
    at_endpoint.max_concurrency = 30
    at_endpoint.save()
    endpoint.reply = lambda _: (until(lambda: len(endpoint.got) >= 30), SUCCESS)[1]  # none goes before these
    for _ in range(60):
        message(at_endpoint)
    message(at_endpoint, to="15559999999", kind=Message.Kind.FREEFORM)
    dispatch.drain(at_endpoint.pk)
    assert "15559999999" in endpoint.numbers()[:30]


def test_a_claim_is_of_one_provider_and_what_is_due(provider: Provider) -> None:
    message(make_provider())
    message(provider, next_attempt_at=timezone.now() + HOUR)
    message(provider, status=Status.ACCEPTED)
    due = message(provider)
    assert [row.id for row in claims.claim(provider.pk, 10, timezone.now())] == [due.pk]
    assert claims.claim(provider.pk, 10, timezone.now()) == [], "claimed once"
    assert (again(due).status, due.attempt) == (Status.SENDING, 1)


def test_a_broken_provider_holds_up_no_other(at_endpoint: Provider, endpoint: Endpoint) -> None:
    message(make_provider())
    message(at_endpoint)
    for provider in Provider.objects.all():
        dispatch.drain(provider.pk)
    assert len(endpoint.got) == 1


def test_a_drain_touches_nothing_of_another_provider(
    at_endpoint: Provider, other_shop: Provider, endpoint: Endpoint
) -> None:
    """Not its claims, which its own worker holds, nor what it has to fail for its age."""
    Provider.objects.filter(pk=other_shop.pk).update(endpoint=endpoint.url, validity=48 * HOUR)
    a_day_ago = timezone.now() - 25 * HOUR
    for shop in (at_endpoint, other_shop):
        for status in (Status.QUEUED, Status.SENDING):
            message(shop, to="15550100001", status=status, accepted_at=a_day_ago)
    assert dispatch.drain(at_endpoint.pk) == 0
    assert statuses(provider=at_endpoint) == {Status.FAILED}
    assert statuses(provider=other_shop) == {Status.QUEUED, Status.SENDING}
    assert endpoint.got == []


def test_only_what_is_due_of_the_provider_itself_is_due(provider: Provider, other_shop: Provider) -> None:
    message(other_shop)
    message(other_shop, status=Status.SENDING)
    message(provider, next_attempt_at=timezone.now() + HOUR)
    assert (claims.due(provider.pk), claims.due(other_shop.pk)) == (False, True)


# One worker at a time


def test_nothing_is_sent_while_another_worker_holds_the_queue(
    at_endpoint: Provider, endpoint: Endpoint
) -> None:
    row = message(at_endpoint)
    hold = leases.take(f"send:{at_endpoint.pk}")
    assert hold is not None
    assert dispatch.drain(at_endpoint.pk) == 0
    assert (endpoint.got, again(row).status) == ([], Status.QUEUED)
    hold.release()
    assert dispatch.drain(at_endpoint.pk) == 1


def test_the_queue_is_given_up_afterwards(at_endpoint: Provider) -> None:
    message(at_endpoint)
    dispatch.drain(at_endpoint.pk)
    assert not leases.held(f"send:{at_endpoint.pk}")


def test_a_lease_that_was_taken_over_is_lost(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    hold = leases.take("send:1")
    assert hold is not None
    Lease.objects.update(expires_at=timezone.now() - HOUR)
    assert leases.take("send:1") is not None
    with pytest.raises(Lost):
        hold.save({})
    hold.release()
    assert leases.held("send:1"), "who lost it cannot release it for the other"


def test_each_queue_has_a_lease_of_its_own(db: None) -> None:
    one, other = leases.take("send:1"), leases.take("send:2")
    assert one
    assert other
    assert leases.take("send:1") is None
    one.save({"note": "of one"})
    one.release()
    assert (leases.held("send:1"), leases.held("send:2")) == (False, True)
    assert (taken := leases.take("send:1"))
    assert taken.state == {"note": "of one"}
    assert Lease.objects.get(name="send:2").state == ""


def test_what_a_dead_worker_had_handed_over_becomes_unknown(
    at_endpoint: Provider, endpoint: Endpoint
) -> None:
    """It may have left, so nobody sends it again by himself."""
    row = message(at_endpoint)
    now = timezone.now()
    claims.claim(at_endpoint.pk, 10, now)
    noted(at_endpoint, handed_over=now)
    assert dispatch.drain(at_endpoint.pk) == 0
    assert again(row).status == Status.UNKNOWN
    assert "worker stopped" in row.error_text
    assert endpoint.got == []


def test_what_it_had_only_claimed_is_sent(at_endpoint: Provider, endpoint: Endpoint) -> None:
    """Be it the worker's first claim or a later one."""
    earlier, row = message(at_endpoint), message(at_endpoint)
    now = timezone.now()
    claims.claim(at_endpoint.pk, 1, now)
    claims.claim(at_endpoint.pk, 1, now + timedelta(microseconds=1))
    noted(at_endpoint, handed_over=now)
    assert dispatch.drain(at_endpoint.pk) == 1
    assert (again(earlier).status, again(row).status) == (Status.UNKNOWN, Status.ACCEPTED)
    assert (row.attempt, len(endpoint.got)) == (1, 1)
    assert dispatch.drain(at_endpoint.pk) == 0


def test_claims_of_a_living_worker_are_left_alone(provider: Provider) -> None:
    row = message(provider)
    with leases.take(f"send:{provider.pk}"):  # type: ignore[union-attr]
        claims.claim(provider.pk, 10, timezone.now())
        assert dispatch.drain(provider.pk) == 0
    assert again(row).status == Status.SENDING


def test_a_claim_that_became_unknown_can_be_resent(at_endpoint: Provider, endpoint: Endpoint) -> None:
    row = message(at_endpoint)
    now = timezone.now()
    claims.claim(at_endpoint.pk, 10, now)
    noted(at_endpoint, handed_over=now)
    dispatch.drain(at_endpoint.pk)
    ledger.resend([row.pk])
    dispatch.drain(at_endpoint.pk)
    assert (again(row).status, row.attempt, len(endpoint.got)) == (Status.ACCEPTED, 2, 1)


# A worker that is overtaken between its claim and its first byte


@contextlib.contextmanager
def overtaken(at_endpoint: Provider, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever builds requests is stopped meanwhile, so long that another worker takes the queue over."""
    prepare, first = Outgoing.prepare, iter([True])

    def stopped(outgoing: Outgoing, claimed: Any, now: Any) -> Any:
        if next(first, False):
            Lease.objects.update(expires_at=timezone.now() - HOUR)
            assert dispatch.drain(at_endpoint.pk) > 0
        return prepare(outgoing, claimed, now)

    monkeypatch.setattr(Outgoing, "prepare", stopped)
    yield


def test_who_was_stopped_past_his_lease_sends_nothing_twice(
    at_endpoint: Provider, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [message(at_endpoint, to=f"1555010000{n}") for n in range(5)]
    with overtaken(at_endpoint, monkeypatch), pytest.raises(Lost):
        dispatch.drain(at_endpoint.pk)
    assert sorted(endpoint.numbers()) == [row.to for row in rows]
    assert statuses() == {Status.ACCEPTED}


def test_he_takes_no_claim_from_the_other_when_he_puts_his_own_back(
    at_endpoint: Provider, endpoint: Endpoint
) -> None:
    row = message(at_endpoint)
    now = timezone.now()
    claims.claim(at_endpoint.pk, 10, now)
    claims.recover(at_endpoint.pk, None)
    claims.claim(at_endpoint.pk, 10, now + timedelta(seconds=9))
    claims.put_back({row.pk: "late"}, now, now)
    assert (again(row).status, row.attempt) == (Status.SENDING, 1)


@pytest.mark.parametrize("step", ["prepare", "save"])
def test_what_fails_between_the_claim_and_the_first_byte_is_put_back(
    at_endpoint: Provider, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Be it when the requests are built or when the hand-over is noted."""
    at_endpoint.rate_count, at_endpoint.rate_period = 80, 1
    at_endpoint.save()
    row = message(at_endpoint)
    with monkeypatch.context() as patch:
        where = {"prepare": Outgoing, "save": leases.Hold}[step]
        patch.setattr(where, step, lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            dispatch.drain(at_endpoint.pk)
    assert (again(row).status, row.attempt, endpoint.got) == (Status.QUEUED, 0, [])
    assert dispatch.drain(at_endpoint.pk) == 1
    assert again(row).status == Status.ACCEPTED


def test_who_loses_the_lease_still_records_the_answers_under_way(
    at_endpoint: Provider, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = message(at_endpoint)
    endpoint.delay = 0.05
    hand_over = dispatch._Sender._hand_over

    def hand_over_and_lose(sender: dispatch._Sender, *claim: Any) -> None:
        hand_over(sender, *claim)
        Lease.objects.update(holder="another")

    monkeypatch.setattr(dispatch._Sender, "_hand_over", hand_over_and_lose)
    monkeypatch.setattr(leases, "RENEWAL", 0.0)
    with pytest.raises(Lost):
        dispatch.drain(at_endpoint.pk)
    assert again(row).status == Status.ACCEPTED


# Too old to be sent


def test_a_message_past_its_validity_fails_and_is_reported(at_endpoint: Provider, endpoint: Endpoint) -> None:
    row = message(at_endpoint, accepted_at=timezone.now() - 25 * HOUR)
    dispatch.drain(at_endpoint.pk)
    assert (again(row).status, row.error_code) == (Status.FAILED, 1005)
    assert row.error_text == "Not sent within its validity period of 1 day."
    event = Event.objects.get()
    assert (event.kind, event.code, event.forward) == (Event.Kind.FAILED, 1005, Forward.PENDING)
    assert endpoint.got == []
    assert StatCount.objects.get(metric=StatCount.Metric.NOT_SENT).code == 1005


def test_none_of_many_past_their_validity_is_sent(at_endpoint: Provider, endpoint: Endpoint) -> None:
    """After a long outage all of them are, and they come first in the queue."""
    long_ago = timezone.now() - 25 * HOUR
    MessageFactory.create_batch(520, provider=at_endpoint, accepted_at=long_ago)
    message(at_endpoint, to="15559999999")
    dispatch.drain(at_endpoint.pk)
    assert endpoint.numbers() == ["15559999999"]
    assert Message.objects.filter(status=Status.FAILED).count() == 520


def test_a_paused_providers_messages_expire_too(provider: Provider) -> None:
    message(provider, accepted_at=timezone.now() - 25 * HOUR)
    lifecycle.pause(provider, "for the weekend")
    upkeep()
    assert statuses() == {Status.FAILED}


def test_the_validity_of_a_resend_begins_anew(at_endpoint: Provider) -> None:
    row = message(at_endpoint, status=Status.FAILED, accepted_at=timezone.now() - 25 * HOUR)
    ledger.resend([row.pk])
    dispatch.drain(at_endpoint.pk)
    assert again(row).status == Status.ACCEPTED


# Stopped


def test_a_paused_provider_sends_nothing_until_it_is_resumed(
    at_endpoint: Provider, endpoint: Endpoint
) -> None:
    message(at_endpoint)
    lifecycle.pause(at_endpoint, "for the weekend")
    assert dispatch.drain(at_endpoint.pk) == 0
    assert statuses() == {Status.QUEUED}
    lifecycle.resume(at_endpoint)
    assert dispatch.drain(at_endpoint.pk) == 1


def test_a_pause_in_mid_run_lets_what_is_under_way_finish(
    at_endpoint: Provider, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_endpoint.max_concurrency = 30
    at_endpoint.save()
    for _ in range(120):
        message(at_endpoint)
    monkeypatch.setattr(dispatch, "REREAD", 0)
    settle = dispatch._Sender._settle

    def settle_and_pause(sender: dispatch._Sender) -> int:
        settled = settle(sender)
        if settled:
            lifecycle.pause(at_endpoint, "stop!")
        return settled

    monkeypatch.setattr(dispatch._Sender, "_settle", settle_and_pause)
    dispatch.drain(at_endpoint.pk)
    assert 30 <= len(endpoint.got) < 120
    assert Message.objects.filter(status=Status.ACCEPTED).count() == len(endpoint.got)
    assert statuses() == {Status.ACCEPTED, Status.QUEUED}


REFUSED = (401, {}, b'{"message": "who are you?"}')


def test_refused_credentials_pause_the_provider_and_say_why(
    at_endpoint: Provider, other_shop: Provider, endpoint: Endpoint
) -> None:
    endpoint.reply = lambda payload: REFUSED
    for _ in range(ACCOUNT_LIMIT):
        message(at_endpoint)
    dispatch.drain(at_endpoint.pk)
    at_endpoint.refresh_from_db()
    assert at_endpoint.state == Provider.State.PAUSED
    assert "5 requests in a row were refused for their credentials" in at_endpoint.paused_reason
    assert "who are you?" in at_endpoint.paused_reason
    assert statuses() == {Status.QUEUED}
    assert not Event.objects.exists(), "CleverTap is told of no failure"
    other_shop.refresh_from_db()
    assert (other_shop.state, other_shop.account_refusals) == (Provider.State.ACTIVE, 0)


def test_what_met_a_refusal_is_sent_when_the_provider_is_resumed(
    at_endpoint: Provider, endpoint: Endpoint
) -> None:
    endpoint.reply = lambda payload: (402, {}, b'{"message": "The wallet is empty"}')
    for _ in range(7):
        message(at_endpoint)
    dispatch.drain(at_endpoint.pk)
    at_endpoint.refresh_from_db()
    assert "the account has not paid" in at_endpoint.paused_reason
    endpoint.reply = lambda payload: (200, {}, b'{"status":"success"}')
    lifecycle.resume(at_endpoint)
    assert dispatch.drain(at_endpoint.pk) == 7, "at once"
    assert statuses() == {Status.ACCEPTED}


def test_what_is_refused_after_the_pause_goes_out_at_once_as_well(
    at_endpoint: Provider, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of the seven were under way when the fifth refusal paused the provider."""
    paused = threading.Event()
    answered = itertools.count(1)

    def reply(payload: object) -> tuple[int, dict[str, str], bytes]:
        assert next(answered) <= ACCOUNT_LIMIT or paused.wait(PATIENCE)
        return 402, {}, b'{"message": "The wallet is empty"}'

    def pause(provider: Provider, reason: str, account: Account) -> None:
        pauses(provider, reason, account)
        paused.set()

    pauses = lifecycle.pause
    monkeypatch.setattr(lifecycle, "pause", pause)
    endpoint.reply = reply
    for _ in range(ACCOUNT_LIMIT + 2):
        message(at_endpoint)
    dispatch.drain(at_endpoint.pk)
    endpoint.reply = lambda payload: (200, {}, b'{"status":"success"}')
    lifecycle.resume(at_endpoint)
    assert dispatch.drain(at_endpoint.pk) == ACCOUNT_LIMIT + 2, "at once"


def test_what_met_a_refusal_fails_when_its_validity_ends(at_endpoint: Provider, endpoint: Endpoint) -> None:
    endpoint.reply = lambda payload: REFUSED
    for _ in range(ACCOUNT_LIMIT):
        message(at_endpoint)
    dispatch.drain(at_endpoint.pk)
    Message.objects.update(queued_at=timezone.now() - 25 * HOUR)
    upkeep()
    assert statuses() == {Status.FAILED}


def test_one_message_alone_pauses_the_provider_as_well(at_endpoint: Provider, endpoint: Endpoint) -> None:
    """It comes back after a while, and is refused again."""
    endpoint.reply = lambda payload: REFUSED
    message(at_endpoint)
    for turn in range(1, ACCOUNT_LIMIT + 1):
        at_endpoint.refresh_from_db()
        assert (at_endpoint.state, at_endpoint.account_refusals) == (Provider.State.ACTIVE, turn - 1)
        Message.objects.update(next_attempt_at=timezone.now())
        dispatch.drain(at_endpoint.pk)
    at_endpoint.refresh_from_db()
    assert at_endpoint.state == Provider.State.PAUSED


def test_a_limit_of_the_account_slows_the_provider_and_fails_nothing(db: None, endpoint: Endpoint) -> None:
    provider = make_provider(
        connector_slug="meta",
        credentials={
            "access_token": "t", "phone_number_id": "1", "app_secret": "s", "verify_token": "v",
        },
        options={"base_url": endpoint.url},
    )  # fmt: skip
    answer = b'{"error": {"code": 131064, "message": "Limited for misclassified templates"}}'
    endpoint.reply = lambda payload: (400, {}, answer)
    message(provider)
    dispatch.drain(provider.pk)
    provider.refresh_from_db()
    assert statuses() == {Status.QUEUED}
    assert provider.hold_reason == "Limited for misclassified templates"
    assert timedelta(minutes=59) < provider.hold_until - timezone.now() <= HOUR


def test_one_refusal_fewer_does_not(at_endpoint: Provider, endpoint: Endpoint) -> None:
    endpoint.reply = lambda payload: REFUSED
    for _ in range(ACCOUNT_LIMIT - 1):
        message(at_endpoint)
    dispatch.drain(at_endpoint.pk)
    at_endpoint.refresh_from_db()
    assert at_endpoint.state == Provider.State.ACTIVE
    assert at_endpoint.account_refusals == ACCOUNT_LIMIT - 1


def test_refusals_are_counted_from_one_run_to_the_next(at_endpoint: Provider, endpoint: Endpoint) -> None:
    """A slow BSP, or little traffic, must not burn a campaign one message at a time."""
    endpoint.reply = lambda payload: REFUSED
    for _ in range(8):
        message(at_endpoint)
        dispatch.drain(at_endpoint.pk)
    assert len(endpoint.got) == ACCOUNT_LIMIT
    at_endpoint.refresh_from_db()
    assert at_endpoint.state == Provider.State.PAUSED


def one_more(provider: Provider) -> None:
    """A message by itself: those that were refused before come back in an hour, also to a slow machine."""
    message(provider)
    dispatch.drain(provider.pk)
    Message.objects.filter(status=Status.QUEUED).update(next_attempt_at=timezone.now() + HOUR)


def test_one_success_among_the_refusals_starts_the_count_anew(
    at_endpoint: Provider, endpoint: Endpoint
) -> None:
    for turn in range(8):
        endpoint.reply = lambda payload, turn=turn: (
            REFUSED if turn != 4 else (200, {}, b'{"status":"success"}')
        )  # type: ignore[misc]
        one_more(at_endpoint)
    at_endpoint.refresh_from_db()
    assert at_endpoint.state == Provider.State.ACTIVE


def test_resuming_starts_the_count_anew(at_endpoint: Provider, endpoint: Endpoint) -> None:
    endpoint.reply = lambda payload: REFUSED
    for _ in range(4):
        one_more(at_endpoint)
    lifecycle.resume(at_endpoint)
    one_more(at_endpoint)
    at_endpoint.refresh_from_db()
    assert at_endpoint.state == Provider.State.ACTIVE


def test_messages_wait_for_a_bsp_that_is_down(at_endpoint: Provider, endpoint: Endpoint) -> None:
    """Not each by itself: a long queue would be tried from end to end, again and again."""
    at_endpoint.max_concurrency = 30
    at_endpoint.save()
    endpoint.reply = lambda payload: (500, {}, b"")
    for _ in range(90):
        message(at_endpoint)
    began = timezone.now()
    dispatch.drain(at_endpoint.pk)
    assert len(endpoint.got) <= 60
    assert statuses() == {Status.QUEUED}
    at_endpoint.refresh_from_db()
    assert at_endpoint.hold_until >= began + timedelta(seconds=0.8)
    assert at_endpoint.hold_reason.startswith("HTTP 500")
    assert Attempt.objects.count() == len(endpoint.got)


@pytest.mark.parametrize(("failures", "held"), [(-1, False), (0, True), (1, True)])
def test_how_many_failures_are_an_outage(
    at_endpoint: Provider, other_shop: Provider, endpoint: Endpoint, failures: int, held: bool
) -> None:
    at_endpoint.max_concurrency = 30
    at_endpoint.save()
    endpoint.reply = lambda payload: (500, {}, b"")
    for _ in range(limits.OUTAGE_FAILURES + failures):
        message(at_endpoint)
    dispatch.drain(at_endpoint.pk)
    at_endpoint.refresh_from_db()
    assert (at_endpoint.hold_until is not None) is held
    other_shop.refresh_from_db()
    assert (other_shop.hold_until, other_shop.hold_reason) == (None, "")


def test_a_gateway_that_answers_for_a_bsp_that_is_down_holds_the_queue_too(
    at_endpoint: Provider, endpoint: Endpoint
) -> None:
    """What was tried may have left and stays unknown; what was not waits."""
    at_endpoint.max_concurrency = 30
    at_endpoint.save()
    endpoint.reply = lambda payload: (502, {}, b"<h1>Bad gateway</h1>")
    for _ in range(90):
        message(at_endpoint)
    began = timezone.now()
    dispatch.drain(at_endpoint.pk)
    assert len(endpoint.got) <= 60
    assert Message.objects.filter(status=Status.UNKNOWN).count() == len(endpoint.got)
    assert statuses() == {Status.UNKNOWN, Status.QUEUED}
    at_endpoint.refresh_from_db()
    assert at_endpoint.hold_until >= began + timedelta(seconds=0.8)


def test_they_go_on_when_it_is_up_again(at_endpoint: Provider, endpoint: Endpoint) -> None:
    endpoint.reply = lambda payload: (500, {}, b"")
    for _ in range(40):
        message(at_endpoint)
    dispatch.drain(at_endpoint.pk)
    endpoint.reply = lambda payload: (200, {}, b'{"status":"success"}')
    Provider.objects.update(hold_until=timezone.now())
    Message.objects.update(next_attempt_at=timezone.now())
    dispatch.drain(at_endpoint.pk)
    assert statuses() == {Status.ACCEPTED}


# A database that fails


def test_a_databases_hiccup_makes_nothing_unknown(
    at_endpoint: Provider, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answers came; they only have to be written down when it is back."""
    for _ in range(20):
        message(at_endpoint)
    record, failures = ledger.record_attempts, iter(range(3))

    def gone_at_first(provider_id: int, tries: Any) -> None:
        for _ in failures:
            raise OperationalError("gone away")
        record(provider_id, tries)

    monkeypatch.setattr(ledger, "record_attempts", gone_at_first)
    with pytest.raises(OperationalError):
        dispatch.drain(at_endpoint.pk)
    assert statuses() == {Status.ACCEPTED}
    assert (Attempt.objects.count(), len(endpoint.got)) == (20, 20)


def test_one_that_stays_away_leaves_them_to_the_next_worker(
    at_endpoint: Provider, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "TIMEOUT", 1.0)  # a slow machine needs some of it to connect
    message(at_endpoint)

    def gone(*_: Any) -> None:
        raise OperationalError("gone away")

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "record_attempts", gone)
        with pytest.raises(OperationalError):
            dispatch.drain(at_endpoint.pk)
    dispatch.drain(at_endpoint.pk)
    assert statuses() == {Status.UNKNOWN}
    assert len(endpoint.got) == 1
