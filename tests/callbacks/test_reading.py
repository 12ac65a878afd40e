"""Stored callbacks being read: the effect of reports, of replies, and of everything else."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DataError, OperationalError
from django.utils import timezone

from callbacks.models import Reply, Webhook
from callbacks.webhooks import ingest, recording
from callbacks.webhooks.routing import Directory
from campaigns.ledger import claims, ledger
from campaigns.models import Event, Forward, Message, Status
from identities import known
from providers import leases
from providers.connectors.generic import generic
from providers.messages import Identity
from providers.models import Provider
from tests.callbacks import meta
from tests.callbacks.conftest import AT, sent_message
from tests.factories import MessageFactory, make_provider
from tests.gateway import call_back

State = Webhook.State


def told(provider: Provider, payload: Any, purpose: str = "delivery") -> Webhook:
    """A callback that came in and was read."""
    assert call_back(provider, purpose, payload).status == 200
    ingest.drain()
    return Webhook.objects.latest("id")


def status_of(row: Message, *kinds: str, **changes: Any) -> dict[str, Any]:
    entries = [{"msgId": row.msg_id, "status": kind, "timestamp": str(AT)} | changes for kind in kinds]
    return {"payloadVersion": "0.1", "statuses": entries}


def inbound(**changes: Any) -> dict[str, Any]:
    message = {
        "payloadVersion": "0.1",
        "from": "15550100777",
        "wabaNumber": "15550001111",
        "timestamp": str(AT),
    }
    return message | {"type": "text", "text": {"body": "Hi"}} | changes


def again(row: Message) -> Message:
    row.refresh_from_db()
    return row


def waited() -> None:
    """The wait of those that wait is over."""
    Webhook.objects.filter(state=State.WAITING).update(next_attempt_at=timezone.now())


# Reports


@pytest.mark.parametrize("purpose", ["delivery", "webhook"])
def test_a_report_reaches_its_message(provider: Provider, purpose: str) -> None:
    """BSPs that speak CleverTap's format may use either URL."""
    row = sent_message(provider)
    webhook = told(provider, status_of(row, "delivered"), purpose)
    assert again(row).status == Status.DELIVERED
    assert (webhook.state, webhook.summary) == (State.DONE, "1 recorded delivered")


def test_every_status_of_a_webhook_is_walked(provider: Provider) -> None:
    rows = [sent_message(provider) for _ in range(3)]
    payload = {"statuses": [entry for row in rows for entry in status_of(row, "sent", "read")["statuses"]]}
    assert told(provider, payload).summary == "3 recorded sent, 3 recorded read"
    assert {again(row).status for row in rows} == {Status.READ}


def test_doubled_and_shuffled_webhooks_change_nothing(provider: Provider) -> None:
    row = sent_message(provider)
    for kind in ("read", "delivered", "read", "sent", "delivered"):
        call_back(provider, "delivery", status_of(row, kind))
    ingest.drain()
    assert again(row).status == Status.READ
    assert Event.objects.count() == 3
    assert sorted(Webhook.objects.values_list("summary", flat=True))[-2:] == [
        "1 repeated delivered",
        "1 repeated read",
    ]


def test_a_clock_far_ahead_is_not_believed(provider: Provider) -> None:
    row = sent_message(provider)
    told(provider, status_of(row, "sent", timestamp="4102444800"))
    assert Event.objects.get().at < timezone.now() + timedelta(minutes=1)


def test_an_unknown_status_is_kept_and_counted(provider: Provider) -> None:
    row = sent_message(provider)
    webhook = told(provider, status_of(row, "sent", "teleported", "teleported"))
    assert webhook.state == State.DONE
    assert webhook.summary == "2 unhandled status:teleported, 1 recorded sent"
    assert again(row).status == Status.SENT


def test_a_report_for_another_providers_message_is_not_applied(provider: Provider) -> None:
    row = sent_message(provider)
    webhook = told(make_provider(), status_of(row, "delivered"))
    assert (webhook.state, again(row).status) == (State.WAITING, Status.ACCEPTED)


# Reports that come too early


def test_a_report_before_its_send_was_recorded_waits(provider: Provider) -> None:
    """A BSP's webhook can overtake its own answer."""
    early = {"statuses": [{"msgId": "712|1767225600|20260105|712|1", "status": "sent", "timestamp": str(AT)}]}
    webhook = told(provider, early)
    assert (webhook.state, webhook.summary) == (State.WAITING, "1 unmatched sent")
    assert webhook.next_attempt_at > timezone.now()
    assert ingest.drain() == 0, "not before its time"
    row = MessageFactory(provider=provider, msg_id="712|1767225600|20260105|712|1", status=Status.SENDING)
    waited()
    assert ingest.drain() == 1
    webhook.refresh_from_db()
    assert (webhook.state, again(row).status) == (State.DONE, Status.SENT)


def answers(row: Message, bsp_id: str, *, named: bool = True) -> Webhook:
    """Meta tells of an answer to the message with that id, with or without the number of the person."""
    payload = meta.payload("identity_number_and_user_id")
    value = payload["entry"][0]["changes"][0]["value"]
    value["messages"][0] |= {"from": row.to, "context": {"id": bsp_id}}
    value["contacts"][0]["wa_id"] = row.to
    if not named:
        del value["messages"][0]["from"], value["contacts"][0]["wa_id"]
    return meta.post(row.provider, payload)


@pytest.mark.parametrize("bsp_id", ["wamid.LATE", "wamid.NOT_OURS"])
def test_an_answer_before_its_send_was_recorded_waits_once(db: None, bsp_id: str) -> None:
    """A machine answers within milliseconds."""
    row = MessageFactory(provider=meta.number(), to="919812345678", status=Status.SENDING)
    assert answers(row, bsp_id).state == State.WAITING
    assert not Reply.objects.exists()
    Message.objects.update(bsp_id="wamid.LATE")
    waited()
    ingest.drain()
    assert Reply.objects.get().answers == (row if bsp_id == "wamid.LATE" else None)
    assert Webhook.objects.get().state == State.DONE


def test_an_answer_of_a_known_person_without_the_number_waits_too(db: None) -> None:
    row = MessageFactory(provider=meta.number(), to="34600111222", status=Status.SENDING)
    known.learn([Identity(row.to, "ES.77aa88bb99")])
    assert answers(row, "wamid.LATE", named=False).state == State.WAITING


def test_an_answer_waits_for_nothing_where_nothing_is_being_sent(db: None) -> None:
    row = MessageFactory(provider=meta.number(), to="919812345678", status=Status.QUEUED)
    assert answers(row, "wamid.NOT_OURS").state == State.DONE
    assert Reply.objects.get().answers is None


def test_one_that_waits_applies_what_it_can(provider: Provider) -> None:
    row = sent_message(provider)
    payload = status_of(row, "sent")
    payload["statuses"].append({"msgId": "nobody's", "status": "sent"})
    webhook = told(provider, payload)
    assert (webhook.state, webhook.summary) == (State.WAITING, "1 recorded sent, 1 unmatched sent")
    waited()
    ingest.drain()
    assert Event.objects.count() == 1


def test_the_waits_grow_and_end(provider: Provider) -> None:
    webhook = told(provider, {"statuses": [{"msgId": "nobody's", "status": "sent"}]})
    waits = []
    while webhook.state == State.WAITING:
        waits.append(round((webhook.next_attempt_at - timezone.now()).total_seconds()))
        waited()
        ingest.drain()
        webhook.refresh_from_db()
    assert waits == [wait.total_seconds() for wait in recording.WAITS]
    assert webhook.state == State.UNMATCHED


def test_an_unmatched_one_can_be_read_again(provider: Provider) -> None:
    webhook = told(provider, {"statuses": [{"msgId": "late", "status": "sent"}]})
    Webhook.objects.update(state=State.UNMATCHED, attempts=9)
    row = MessageFactory(provider=provider, msg_id="late", status=Status.SENDING)
    assert ingest.replay([webhook.pk]) == 1
    ingest.drain()
    assert again(row).status == Status.SENT


# Inbound messages


def test_an_inbound_message_becomes_a_reply(provider: Provider) -> None:
    webhook = told(provider, inbound(id="in-1"), "inbound")
    assert (webhook.state, webhook.summary) == (State.DONE, "1 inbound message")
    reply = Reply.objects.get()
    assert (reply.sender, reply.kind, reply.text, reply.bsp_id) == ("15550100777", "text", "Hi", "in-1")
    assert reply.at.timestamp() == AT
    assert reply.forward == Forward.PENDING


@pytest.mark.parametrize("identified", [{"id": "in-1"}, {}], ids=["by its id", "by all it says"])
def test_a_repeated_one_is_kept_once(provider: Provider, identified: dict[str, str]) -> None:
    for _ in range(3):
        call_back(provider, "inbound", inbound(**identified))
    ingest.drain()
    told(provider, inbound(**identified), "inbound")
    assert Reply.objects.count() == 1
    summaries = list(Webhook.objects.order_by("id").values_list("summary", flat=True))
    assert summaries == ["1 inbound message", *["1 repeated inbound message"] * 3]


def test_the_same_words_at_another_time_are_another_message(provider: Provider) -> None:
    told(provider, inbound(), "inbound")
    told(provider, inbound(timestamp=str(AT + 1)), "inbound")
    told(provider, inbound(**{"from": "15550100778"}), "inbound")
    assert Reply.objects.count() == 3


def test_the_same_words_without_any_time_are_not_taken_for_a_repetition(provider: Provider) -> None:
    """A reply that comes twice is better than one that never comes."""
    for _ in range(2):
        told(provider, inbound(timestamp=None), "inbound")
    assert Reply.objects.count() == 2
    Webhook.objects.update(state=State.QUARANTINED)
    ingest.replay(list(Webhook.objects.values_list("pk", flat=True)))
    ingest.drain()
    assert Reply.objects.count() == 2, "the same webhooks, read again"


def test_a_reply_knows_what_it_answers(provider: Provider) -> None:
    row = sent_message(provider, to="15550100777")
    told(provider, inbound(context={"id": row.msg_id}), "inbound")
    assert Reply.objects.get().answers == row


@pytest.mark.parametrize("context", ["nobody's", "0|0|0|0", ""])
def test_a_reply_to_nothing_we_know_is_kept_all_the_same(provider: Provider, context: str) -> None:
    sent_message(provider, to="15550100777", msg_id="0|0|0|0", untracked=True)
    told(provider, inbound(context={"id": context}), "inbound")
    assert Reply.objects.get().answers is None


def test_one_msg_id_to_two_people_is_told_apart_by_who_answers(provider: Provider) -> None:
    other = sent_message(provider, to="15559999999")
    row = sent_message(provider, to="15550100777", msg_id=other.msg_id)
    told(provider, inbound(context={"id": row.msg_id}), "inbound")
    assert Reply.objects.get().answers == row


# What cannot be read


UNREADABLE = {
    "no json": b"\xff\xfe",
    "cut off": b'{"statuses": [',
    "no object": b"[]",
    "nothing of ours": b'{"hello": "world"}',
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
@pytest.mark.parametrize("purpose", ["delivery", "inbound", "webhook"])
def test_what_cannot_be_read_is_put_aside_and_says_why(provider: Provider, purpose: str, body: bytes) -> None:
    webhook = told(provider, body, purpose)
    assert webhook.state == State.QUARANTINED
    assert webhook.summary.startswith("Cannot be read: ")
    assert ingest.drain() == 0


def test_a_connectors_bug_puts_its_webhook_aside_until_it_is_mended(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = sent_message(provider)
    with monkeypatch.context() as patch:
        patch.setattr(generic, "parse_webhook", lambda request: [][1])
        webhook = told(provider, status_of(row, "read"), "webhook")
    assert webhook.state == State.QUARANTINED
    assert webhook.summary == "The generic connector failed on it: IndexError: list index out of range"
    assert ingest.replay([webhook.pk]) == 1
    ingest.drain()
    webhook.refresh_from_db()
    assert (webhook.state, again(row).status) == (State.DONE, Status.READ)


def test_a_bad_webhook_stops_no_other(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even one that only the database finds to be bad."""
    rows = [sent_message(provider) for _ in range(3)]
    for row in rows:
        call_back(provider, "delivery", status_of(row, "sent", error={"title": "x"}))
    record = ledger.record_all

    def picky(told: Any) -> list[str]:
        if any(each.update.msg_id == rows[1].msg_id for each in told):
            raise DataError("value too long")
        return record(told)

    monkeypatch.setattr(ledger, "record_all", picky)
    ingest.drain()
    assert [again(row).status for row in rows] == [Status.SENT, Status.ACCEPTED, Status.SENT]
    webhook = Webhook.objects.get(state=State.QUARANTINED)
    assert webhook.summary == "Cannot be recorded: DataError: value too long"


def test_a_database_that_is_down_puts_nothing_aside(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = sent_message(provider)
    call_back(provider, "delivery", status_of(row, "sent"))
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "record_all", lambda *_: (_ for _ in ()).throw(OperationalError("gone away")))
        with pytest.raises(OperationalError):
            ingest.drain()
    assert Webhook.objects.get().state == State.PENDING
    ingest.drain()
    assert again(row).status == Status.SENT


def test_only_what_was_put_aside_is_read_again(provider: Provider) -> None:
    row = sent_message(provider)
    webhook = told(provider, status_of(row, "sent"))
    assert ingest.replay([webhook.pk]) == 0


def test_one_worker_reads_a_providers_webhooks_at_a_time(provider: Provider, other_shop: Provider) -> None:
    call_back(provider, "delivery", {"statuses": []})
    with leases.take(ingest.lease(provider.pk)):  # type: ignore[union-attr]
        assert ingest.drain() == 0
        call_back(other_shop, "delivery", {"statuses": []})
        assert ingest.drain() == 1, "another provider's are read meanwhile"
    assert ingest.drain() == 1


def test_a_report_about_a_message_that_is_sent_again_meanwhile(provider: Provider) -> None:
    """Attempt 1 failed, attempt 2 is out: what comes now without a reference is about the second."""
    row = sent_message(provider)
    told(provider, status_of(row, "failed", error={"code": 1005, "title": "Away"}))
    assert (again(row).status, row.error_text) == (Status.FAILED, "Away")
    ledger.resend([row.pk])
    claims.claim(provider.pk, 1, timezone.now())
    told(provider, status_of(row, "delivered"))
    assert again(row).status == Status.DELIVERED


# Webhooks that end their worker


class Killed(BaseException):
    """As the end of the process is: nothing catches it, and nothing is put right behind it."""


def batch(provider: Provider) -> int:
    return ingest.run_batch([provider.pk], Directory())


def deadly(monkeypatch: pytest.MonkeyPatch, mark: str) -> None:
    """Reading a webhook that holds the mark ends the worker."""
    parse = ingest._parse

    def read(directory: Directory, webhook: Webhook) -> Any:
        if mark in bytes(webhook.body).decode():
            raise Killed
        return parse(directory, webhook)

    monkeypatch.setattr(ingest, "_parse", read)


def test_a_webhook_that_ends_its_worker_twice_is_quarantined(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others of its batch are read nevertheless."""
    row = sent_message(provider)
    for payload in (status_of(row, "sent"), inbound(text={"body": "poison"}), status_of(row, "delivered")):
        assert call_back(provider, "delivery", payload).status == 200
    deadly(monkeypatch, "poison")
    for _ in range(2):
        with pytest.raises(Killed):
            batch(provider)
    batch(provider)
    states = list(Webhook.objects.order_by("id").values_list("state", flat=True))
    assert states == [State.DONE, State.QUARANTINED, State.DONE]
    assert Webhook.objects.get(state=State.QUARANTINED).summary == ingest.ENDS_WORKERS
    assert again(row).status == Status.DELIVERED
    assert batch(provider) == 0


def test_one_whose_worker_was_killed_once_is_read(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most workers are killed by something else."""
    row = sent_message(provider)
    call_back(provider, "delivery", status_of(row, "sent"))
    with monkeypatch.context() as once:
        deadly(once, "statuses")
        with pytest.raises(Killed):
            batch(provider)
    batch(provider)
    assert Webhook.objects.get().state == State.DONE


def test_a_database_that_fails_ends_no_worker(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    call_back(provider, "delivery", status_of(sent_message(provider), "sent"))

    def fail(*_: Any) -> None:
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as failing:
        failing.setattr(recording, "take_in", fail)
        for _ in range(3):
            with pytest.raises(OperationalError):
                batch(provider)
    batch(provider)
    assert Webhook.objects.get().state == State.DONE
