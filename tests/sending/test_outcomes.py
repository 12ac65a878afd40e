"""What one attempt can come to, and what is kept of it."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from campaigns.ledger import ledger
from campaigns.models import Attempt, Event, Forward, Message, StatCount, Status
from campaigns.sending import dispatch, outgoing
from providers.connectors.generic import generic
from providers.messages import Outbound, Outcome, ReportCode, SendResult, StatusUpdate
from providers.models import Provider
from simulator.server import Simulator
from tests.bsps import customer
from tests.endpoints import Endpoint
from tests.factories import MessageFactory, make_provider

Metric = StatCount.Metric


def message(provider: Provider, to: str = "15550100001", **values: Any) -> Message:
    return MessageFactory(provider=provider, to=to, **values)


def again(row: Message) -> Message:
    row.refresh_from_db()
    return row


def hurried() -> None:
    """What would wait for its next attempt need not."""
    Message.objects.filter(status=Status.QUEUED).update(next_attempt_at=timezone.now())


def counted(metric: StatCount.Metric) -> int:
    return sum(StatCount.objects.filter(metric=metric).values_list("count", flat=True))


def outcomes() -> list[tuple[int, str]]:
    return list(Attempt.objects.order_by("number").values_list("number", "outcome"))


def failures() -> list[tuple[int, int]]:
    """Code and forward state of every failed report."""
    return list(Event.objects.filter(kind=Event.Kind.FAILED).values_list("code", "forward"))


def test_accepted(at_simulator: Provider) -> None:
    row = message(at_simulator)
    assert dispatch.drain(at_simulator.pk) == 1
    assert again(row).status == Status.ACCEPTED
    attempt = Attempt.objects.get()
    assert (attempt.number, attempt.outcome, attempt.response_status) == (1, "accepted", 200)
    assert attempt.milliseconds is not None
    assert json.loads(attempt.response_body) == {"status": "success"}
    assert json.loads(attempt.request)["url"] == at_simulator.endpoint
    assert counted(Metric.SUBMITTED) == 1


@pytest.mark.parametrize("connector", ["interakt", "meta"])
def test_the_bsps_own_id_is_kept(db: None, simulator: Simulator, connector: str) -> None:
    provider = customer(simulator, connector)
    row = message(provider)
    dispatch.drain(provider.pk)
    (sent,) = simulator.requests
    assert sent.reference == f"wp-{row.pk}-1"
    assert again(row).bsp_id == Attempt.objects.get().bsp_id == sent.message_id != ""


def test_throttled(at_simulator: Provider, simulator: Simulator) -> None:
    row = message(at_simulator, to="15550109005")
    dispatch.drain(at_simulator.pk)
    assert again(row).status == Status.QUEUED
    assert Attempt.objects.get().outcome == "throttled"
    at_simulator.refresh_from_db()
    assert timedelta(0) < at_simulator.hold_until - timezone.now() <= timedelta(seconds=1)
    assert at_simulator.hold_reason
    assert counted(Metric.SUBMITTED) == 0


def test_retry(at_simulator: Provider) -> None:
    row = message(at_simulator, to="15550109006")
    dispatch.drain(at_simulator.pk)
    again(row)
    assert row.status == Status.QUEUED
    assert row.error_text.startswith("HTTP 503")
    assert row.next_attempt_at > timezone.now()
    hurried()
    dispatch.drain(at_simulator.pk)
    again(row)
    assert (row.status, row.error_text, row.bsp_code) == (Status.ACCEPTED, "", "")
    assert outcomes() == [(1, "retry"), (2, "accepted")]


def test_nobody_listening_is_a_retry(provider: Provider) -> None:
    row = message(provider)
    dispatch.drain(provider.pk)
    assert (again(row).status, Attempt.objects.get().outcome) == (Status.QUEUED, "retry")
    assert "no connection" in row.error_text


def test_the_wait_before_a_retry_grows_and_is_spread() -> None:
    now = timezone.now()
    result = SendResult(Outcome.RETRY)

    def waits(attempt: int) -> list[float]:
        return [(outgoing.retry_at(result, attempt, now) - now).total_seconds() for _ in range(200)]  # type: ignore[operator]

    assert 0.5 <= min(waits(1)) < max(waits(1)) <= 2
    assert max(waits(5)) > 20
    assert max(waits(30)) <= outgoing.LONGEST_RETRY


def test_a_retry_waits_as_long_as_it_is_told(at_endpoint: Provider, endpoint: Endpoint) -> None:
    endpoint.reply = lambda payload: (503, {"Retry-After": "120"}, b"")
    row = message(at_endpoint)
    dispatch.drain(at_endpoint.pk)
    assert timedelta(seconds=110) < again(row).next_attempt_at - timezone.now() <= timedelta(seconds=120)


def test_rejected(at_simulator: Provider) -> None:
    row = message(at_simulator, to="15550109010")
    dispatch.drain(at_simulator.pk)
    again(row)
    assert (row.status, row.error_code, row.bsp_code) == (Status.FAILED, 1001, "2001")
    assert row.error_text == "no approved template with this name and language"
    assert Attempt.objects.get().outcome == "rejected"
    assert failures() == [(1001, Forward.PENDING)]
    assert (counted(Metric.NOT_SENT), counted(Metric.UNDELIVERED)) == (1, 0)


@pytest.mark.parametrize("to", ["15550109012", "15550109013", "15550109017"], ids=["closed", "empty", "html"])
def test_unknown(at_simulator: Provider, simulator: Simulator, to: str) -> None:
    row = message(at_simulator, to=to)
    dispatch.drain(at_simulator.pk)
    assert (again(row).status, Attempt.objects.get().outcome) == (Status.UNKNOWN, "unknown")
    assert row.error_text
    assert not Event.objects.exists(), "CleverTap is told nothing that nobody knows"


def test_no_answer_in_time_is_unknown(
    at_simulator: Provider, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "TIMEOUT", 1.0)  # a slow machine needs some of it to connect
    row = message(at_simulator, to="15550109007")
    dispatch.drain(at_simulator.pk)
    assert again(row).status == Status.UNKNOWN
    assert row.error_text == "no answer within 1 s"


def test_unknown_is_never_sent_again(at_simulator: Provider, simulator: Simulator) -> None:
    message(at_simulator, to="15550109013")
    dispatch.drain(at_simulator.pk)
    hurried()
    assert dispatch.drain(at_simulator.pk) == 0
    assert len(simulator.requests) == 1


@pytest.mark.parametrize(
    ("idempotent", "after"), [("yes", Status.QUEUED), ("", Status.UNKNOWN)], ids=["enabled", "not enabled"]
)
def test_infobip_is_asked_again_only_where_it_drops_repetitions(
    db: None, endpoint: Endpoint, idempotent: str, after: Status
) -> None:
    """A gateway answered for it, so that it may have the message already."""
    provider = at_infobip(endpoint, idempotent)
    endpoint.reply = lambda payload: (502, {}, b"<h1>Bad gateway</h1>")
    row = message(provider)
    dispatch.drain(provider.pk)
    assert again(row).status == after


def test_infobips_message_id_stays_the_same_until_an_operator_resends(db: None, endpoint: Endpoint) -> None:
    provider = at_infobip(endpoint, "yes")
    endpoint.reply = lambda payload: (500, {}, b"")
    row = message(provider)
    for _ in range(2):
        hurried()
        dispatch.drain(provider.pk)
    refused = b'{"messages": [{"status": {"groupId": 5, "id": 8, "name": "REJECTED"}}]}'
    endpoint.reply = lambda payload: (200, {}, refused)
    hurried()
    dispatch.drain(provider.pk)
    assert again(row).status == Status.FAILED
    ledger.resend([row.pk])
    dispatch.drain(provider.pk)
    ids = [sent["messages"][0]["messageId"] for sent in endpoint.got]
    assert ids == [*[f"wp-{row.pk}-1"] * 3, f"wp-{row.pk}-4"]


def test_a_report_on_an_id_that_was_kept_is_about_the_last_attempt(db: None, endpoint: Endpoint) -> None:
    provider = at_infobip(endpoint, "yes")
    row = message(provider, status=Status.UNKNOWN, attempt=3, bsp_id="")
    Message.objects.update(bsp_id=f"wp-{row.pk}-1")
    update = StatusUpdate(
        "failed", reference=f"wp-{row.pk}-1", bsp_id=f"wp-{row.pk}-1", code=ReportCode.PHONE
    )
    assert ledger.record(provider.pk, [update]) == ["recorded"]
    assert again(row).status == Status.FAILED


def at_infobip(endpoint: Endpoint, idempotent: str) -> Provider:
    options = {"base_url": endpoint.url, "idempotent": idempotent}
    return make_provider(connector_slug="infobip", credentials={"api_key": "k"}, options=options)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(at_endpoint: Provider, endpoint: Endpoint, status: int) -> None:
    endpoint.reply = lambda payload: (status, {"Location": endpoint.url + "/elsewhere"}, b"")
    row = message(at_endpoint)
    dispatch.drain(at_endpoint.pk)
    assert again(row).status == Status.FAILED
    assert len(endpoint.got) == 1


def test_what_cannot_be_built_fails_without_a_call(at_endpoint: Provider, endpoint: Endpoint) -> None:
    """Accepted at the door, refused now: the endpoint was taken away meanwhile."""
    Provider.objects.update(endpoint="")
    row = message(at_endpoint)
    dispatch.drain(at_endpoint.pk)
    assert (again(row).status, row.error_code) == (Status.FAILED, 1001)
    assert row.error_text == "the provider has no HTTP endpoint"
    assert failures() == [(1001, Forward.PENDING)]
    assert endpoint.got == []


def test_credentials_that_were_taken_away_are_told_as_such(db: None) -> None:
    provider = make_provider(connector_slug="vonage", credentials={})
    row = message(provider)
    dispatch.drain(provider.pk)
    assert (again(row).status, row.error_code) == (Status.FAILED, 1000)


def test_a_connectors_bug_costs_one_message(
    at_endpoint: Provider, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = generic.build_request

    def broken(outbound: Outbound, config: Any) -> Any:
        if outbound.to == "15550100002":
            raise RuntimeError("surprise")
        return build(outbound, config)

    monkeypatch.setattr(generic, "build_request", broken)
    rows = [message(at_endpoint, to=f"1555010000{n}") for n in (1, 2, 3)]
    dispatch.drain(at_endpoint.pk)
    assert [again(row).status for row in rows] == [Status.ACCEPTED, Status.FAILED, Status.ACCEPTED]
    assert rows[1].error_text == "The generic connector failed on it: RuntimeError: surprise"
    assert rows[1].error_code == 1009


def test_secrets_stay_out_of_what_is_kept(db: None, endpoint: Endpoint) -> None:
    """Also when the BSP repeats what it was sent."""
    credentials = {"username": "waypost", "password": "pa55word-zoë", "header:X-Key": "k3y/with+signs"}
    provider = make_provider(endpoint=endpoint.url + "?key=k3y%2Fwith%2Bsigns", credentials=credentials)
    echo = "pa55word-zoë k3y/with+signs"
    endpoint.reply = lambda _: (400, {}, json.dumps({"message": f"not {endpoint.headers}, {echo}"}).encode())
    row = message(provider)
    dispatch.drain(provider.pk)
    attempt = Attempt.objects.get()
    kept = f"{attempt.request} {attempt.response_body} {attempt.text} {again(row).error_text}"
    assert "•••" in kept
    for secret in ("pa55word", "k3y", endpoint.headers[-1]["Authorization"].split()[1]):
        assert secret not in kept


# Sent again by an operator


def test_a_resend_is_a_new_attempt_with_a_new_reference(db: None, simulator: Simulator) -> None:
    provider = customer(simulator, "interakt")
    row = message(provider, to="15550109010")
    dispatch.drain(provider.pk)
    Message.objects.update(to="15550100001")
    assert ledger.resend([row.pk]) == 1
    assert dispatch.drain(provider.pk) == 1
    assert [sent.reference for sent in simulator.requests] == [f"wp-{row.pk}-1", f"wp-{row.pk}-2"]
    assert (again(row).status, row.attempt, row.error_text, row.error_code) == (Status.ACCEPTED, 2, "", None)


def test_only_failed_and_unknown_messages_are_resent(provider: Provider) -> None:
    rows = {status: message(provider, to=f"15550100{status:03d}", status=status) for status in Status}
    assert ledger.resend([row.pk for row in rows.values()]) == 2
    assert {status for status, row in rows.items() if again(row).status == Status.QUEUED} == {
        Status.QUEUED, Status.UNKNOWN, Status.FAILED,
    }  # fmt: skip
