"""Which messages go first, who may send them, and what becomes of those nobody sent."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from campaigns import dispatch, ledger
from campaigns.models import Attempt, Event, Forward, Message, StatCount, Status
from campaigns.tasks import upkeep
from providers import leases, setup
from providers.leases import Lost
from providers.models import Lease, Provider
from tests.endpoints import Endpoint
from tests.factories import MessageFactory, make_provider

HOUR = timedelta(hours=1)


def message(provider: Provider, **values: Any) -> Message:
    return MessageFactory(provider=provider, **values)


def again(row: Message) -> Message:
    row.refresh_from_db()
    return row


def statuses() -> set[int]:
    return set(Message.objects.values_list("status", flat=True))


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
    claimed = [row.id for row in dispatch.claim(provider.pk, 10, now)]
    assert claimed == [rows[3].pk, rows[1].pk, rows[2].pk, rows[0].pk]


def test_an_answer_overtakes_a_campaign_that_is_under_way(at_endpoint: Provider, endpoint: Endpoint) -> None:
    at_endpoint.max_concurrency = 30
    at_endpoint.save()
    endpoint.delay = 0.02
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
    assert [row.id for row in dispatch.claim(provider.pk, 10, timezone.now())] == [due.pk]
    assert dispatch.claim(provider.pk, 10, timezone.now()) == [], "claimed once"
    assert (again(due).status, due.attempt) == (Status.SENDING, 1)


def test_a_broken_provider_holds_up_no_other(at_endpoint: Provider, endpoint: Endpoint) -> None:
    message(make_provider())
    message(at_endpoint)
    for provider in Provider.objects.all():
        dispatch.drain(provider.pk)
    assert len(endpoint.got) == 1


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
    Lease.objects.update(expires_at=timezone.now())
    assert leases.take("send:1") is not None
    with pytest.raises(Lost):
        hold.save({})
    hold.release()
    assert leases.held("send:1"), "who lost it cannot release it for the other"


def test_claims_of_a_dead_worker_become_unknown(at_endpoint: Provider, endpoint: Endpoint) -> None:
    """They may have left, so nobody sends them again by himself."""
    row = message(at_endpoint)
    dispatch.claim(at_endpoint.pk, 10, timezone.now())
    assert dispatch.abandoned(at_endpoint.pk)
    assert dispatch.drain(at_endpoint.pk) == 0
    assert again(row).status == Status.UNKNOWN
    assert "worker stopped" in row.error_text
    assert endpoint.got == []


def test_claims_of_a_living_worker_are_left_alone(provider: Provider) -> None:
    row = message(provider)
    with leases.take(f"send:{provider.pk}"):  # type: ignore[union-attr]
        dispatch.claim(provider.pk, 10, timezone.now())
        assert not dispatch.abandoned(provider.pk)
        assert dispatch.drain(provider.pk) == 0
    assert again(row).status == Status.SENDING


def test_a_claim_that_became_unknown_can_be_resent(at_endpoint: Provider, endpoint: Endpoint) -> None:
    row = message(at_endpoint)
    dispatch.claim(at_endpoint.pk, 10, timezone.now())
    dispatch.drain(at_endpoint.pk)
    ledger.resend([row.pk])
    dispatch.drain(at_endpoint.pk)
    assert (again(row).status, row.attempt, len(endpoint.got)) == (Status.ACCEPTED, 2, 1)


# Too old to be sent


def test_a_message_past_its_validity_fails_and_is_reported(at_endpoint: Provider, endpoint: Endpoint) -> None:
    row = message(at_endpoint, accepted_at=timezone.now() - 25 * HOUR)
    dispatch.drain(at_endpoint.pk)
    assert (again(row).status, row.error_code) == (Status.FAILED, 1005)
    assert row.error_text == "Not sent within its validity period of 1 day, 0:00:00."
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
    setup.pause(provider, "for the weekend")
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
    setup.pause(at_endpoint, "for the weekend")
    assert dispatch.drain(at_endpoint.pk) == 0
    assert statuses() == {Status.QUEUED}
    setup.resume(at_endpoint)
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
            setup.pause(at_endpoint, "stop!")
        return settled

    monkeypatch.setattr(dispatch._Sender, "_settle", settle_and_pause)
    dispatch.drain(at_endpoint.pk)
    assert 30 <= len(endpoint.got) < 120
    assert Message.objects.filter(status=Status.ACCEPTED).count() == len(endpoint.got)
    assert statuses() == {Status.ACCEPTED, Status.QUEUED}


REFUSED = (401, {}, b'{"message": "who are you?"}')


def test_refused_credentials_pause_the_provider_and_say_why(
    at_endpoint: Provider, endpoint: Endpoint
) -> None:
    endpoint.reply = lambda payload: REFUSED
    for _ in range(dispatch.CREDENTIAL_FAILURES):
        message(at_endpoint)
    dispatch.drain(at_endpoint.pk)
    at_endpoint.refresh_from_db()
    assert at_endpoint.state == Provider.State.PAUSED
    assert "5 requests in a row were refused for their credentials" in at_endpoint.paused_reason
    assert set(Message.objects.values_list("error_code", flat=True)) == {1000}


def test_refusals_are_counted_from_one_run_to_the_next(at_endpoint: Provider, endpoint: Endpoint) -> None:
    """A slow BSP, or little traffic, must not burn a campaign one message at a time."""
    endpoint.reply = lambda payload: REFUSED
    for _ in range(8):
        message(at_endpoint)
        dispatch.drain(at_endpoint.pk)
    assert len(endpoint.got) == dispatch.CREDENTIAL_FAILURES
    at_endpoint.refresh_from_db()
    assert at_endpoint.state == Provider.State.PAUSED


def test_one_success_among_the_refusals_starts_the_count_anew(
    at_endpoint: Provider, endpoint: Endpoint
) -> None:
    for turn in range(8):
        endpoint.reply = lambda payload, turn=turn: (
            REFUSED if turn != 4 else (200, {}, b'{"status":"success"}')
        )  # type: ignore[misc]
        message(at_endpoint)
        dispatch.drain(at_endpoint.pk)
    at_endpoint.refresh_from_db()
    assert at_endpoint.state == Provider.State.ACTIVE


def test_resuming_starts_the_count_anew(at_endpoint: Provider, endpoint: Endpoint) -> None:
    endpoint.reply = lambda payload: REFUSED
    for _ in range(4):
        message(at_endpoint)
        dispatch.drain(at_endpoint.pk)
    setup.resume(at_endpoint)
    message(at_endpoint)
    dispatch.drain(at_endpoint.pk)
    at_endpoint.refresh_from_db()
    assert at_endpoint.state == Provider.State.ACTIVE


def test_messages_wait_for_a_bsp_that_is_down(at_endpoint: Provider, endpoint: Endpoint) -> None:
    """Not each by itself: a long queue would be tried from end to end, again and again."""
    at_endpoint.max_concurrency = 30
    at_endpoint.save()
    endpoint.reply = lambda payload: (503, {}, b"")
    for _ in range(90):
        message(at_endpoint)
    dispatch.drain(at_endpoint.pk)
    assert len(endpoint.got) <= 60
    assert statuses() == {Status.QUEUED}
    at_endpoint.refresh_from_db()
    assert at_endpoint.hold_until > timezone.now()
    assert at_endpoint.hold_reason.startswith("HTTP 503")
    assert Attempt.objects.count() == len(endpoint.got)


def test_they_go_on_when_it_is_up_again(at_endpoint: Provider, endpoint: Endpoint) -> None:
    endpoint.reply = lambda payload: (503, {}, b"")
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
    monkeypatch.setattr(dispatch, "TIMEOUT", 0.3)
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
