"""What a BSP reports about the account: stored as a timeline, acted on, and never mixed up with another
account."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import DataError
from django.utils import timezone

from callbacks.models import Webhook
from callbacks.webhooks import ingest, recording
from campaigns.ledger import claims, ledger
from campaigns.models import Event, Forward, Message, Status
from campaigns.sending import resuming
from providers import lifecycle
from providers.models import AccountEvent, Provider
from providers.outcomes import ACCOUNT_LIMIT
from tests.factories import MessageFactory, make_provider

AT = 1795000400
RESTRICTED = {
    "event": "ACCOUNT_RESTRICTION",
    "restriction_info": [
        {"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": 1795500000}
    ],
}
UPGRADED = {"display_phone_number": "34911222333", "event": "THROUGHPUT_UPGRADE"}


@pytest.fixture
def provider(db: None) -> Provider:
    credentials = {
        "access_token": "t", "phone_number_id": "1", "waba_id": "700", "app_secret": "s", "verify_token": "v",
    }  # fmt: skip
    return make_provider(connector_slug="meta", waba_number="+34911222333", credentials=credentials)


def told(provider: Provider, field: str, value: dict[str, Any], account: str = "700") -> str:
    """Reads a webhook of Meta's and returns how it ended."""
    changes = [{"field": field, "value": value}]
    payload = {"entry": [{"id": account, "time": AT, "changes": changes}]}
    return read(provider, payload)


def read(provider: Provider, payload: dict[str, Any]) -> str:
    Webhook.objects.create(
        provider=provider,
        source=Webhook.Source.NATIVE,
        method="POST",
        url="https://gw.example.test/",
        headers={},
        body=json.dumps(payload).encode(),
        received_at=timezone.now(),
        next_attempt_at=timezone.now(),
    )
    ingest.drain()
    provider.refresh_from_db()
    return Webhook.objects.latest("id").summary


def test_a_restriction_of_sending_pauses_the_provider_and_says_why(provider: Provider) -> None:
    assert told(provider, "account_update", RESTRICTED) == "1 account update"
    assert provider.state == Provider.State.PAUSED
    assert "RESTRICTED_BIZ_INITIATED_MESSAGING, until 2026-11-24 06:00 UTC" in provider.paused_reason
    event = provider.account_events.get()
    assert (event.kind, event.effect) == ("ACCOUNT_RESTRICTION", "paused the provider")
    assert event.happened_at.timestamp() == AT


@pytest.mark.parametrize(
    "value",
    [
        {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}},
        {"event": "ACCOUNT_DELETED"},
        {"event": "ACCOUNT_OFFBOARDED"},
        {"event": "PARTNER_REMOVED"},
        {"event": "PARTNER_APP_UNINSTALLED"},
    ],
    ids=lambda value: value["event"],
)
def test_an_account_that_is_gone_pauses_the_provider(provider: Provider, value: dict[str, Any]) -> None:
    told(provider, "account_update", value)
    assert provider.state == Provider.State.PAUSED


@pytest.mark.parametrize(
    "value",
    [
        {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "SCHEDULE_FOR_DISABLE"}},
        {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "REINSTATE"}},
        {"event": "ACCOUNT_VIOLATION", "violation_info": {"violation_type": "SCAM"}},
        {"event": "ACCOUNT_RESTRICTION", "restriction_info": [{"restriction_type": "RESTRICTED_UTILITY"}]},
        {"event": "PARTNER_ADDED"},
    ],
    ids=lambda value: value["event"],
)
def test_what_stops_nothing_is_kept_alone(provider: Provider, value: dict[str, Any]) -> None:
    told(provider, "account_update", value)
    assert provider.state == Provider.State.ACTIVE
    assert provider.account_events.get().effect == ""


def test_a_repeated_webhook_does_not_undo_what_an_operator_did(provider: Provider) -> None:
    told(provider, "account_update", RESTRICTED)
    lifecycle.resume(provider)
    assert told(provider, "account_update", RESTRICTED) == "1 repeated account update"
    assert (provider.state, provider.account_events.count()) == (Provider.State.ACTIVE, 1)


def test_news_of_another_account_or_number_are_not_ours(provider: Provider) -> None:
    assert told(provider, "account_update", RESTRICTED, "701") == "1 not for a number here: AccountUpdate"
    other = UPGRADED | {"display_phone_number": "34911222334"}
    assert told(provider, "phone_number_quality_update", other) == "1 not for a number here: AccountUpdate"
    assert (provider.state, AccountEvent.objects.count()) == (Provider.State.ACTIVE, 0)


def test_an_upgraded_number_may_send_faster(provider: Provider) -> None:
    told(provider, "phone_number_quality_update", UPGRADED)
    assert (provider.rate_count, provider.rate_period) == (1000, 1)
    assert provider.account_events.get().effect == "raised the rate limit from 80 to 1000 a second"


def test_a_rate_that_an_operator_chose_stays(provider: Provider) -> None:
    Provider.objects.update(rate_count=20)
    told(provider, "phone_number_quality_update", UPGRADED)
    assert (provider.rate_count, provider.account_events.get().effect) == (20, "")


def test_a_new_messaging_limit_is_kept(provider: Provider) -> None:
    told(provider, "business_capability_update", {"max_daily_conversations_per_business": 2000})
    assert provider.account_events.get().text == "messaging limit 2000"


# Reports of messages that failed because of the account


def report(
    provider: Provider,
    status: str,
    code: int = 131042,
    attempt: int = 1,
    before: Status = Status.ACCEPTED,
    at: int = AT,
) -> None:
    row = MessageFactory(provider=provider, status=before, attempt=attempt)
    told_of = {"id": f"wamid.{row.pk}", "status": status, "timestamp": str(at)}
    told_of["biz_opaque_callback_data"] = f"wp-{row.pk}-{attempt}"
    if status == "failed":
        told_of |= {"errors": [{"code": code, "title": "Business eligibility payment issue"}]}  # type: ignore[dict-item]
    told(provider, "messages", {"statuses": [told_of]})


def test_messages_that_fail_one_by_one_for_the_account_pause_the_provider(provider: Provider) -> None:
    for number in range(ACCOUNT_LIMIT):
        assert (provider.state, provider.account_failures) == (Provider.State.ACTIVE, number)
        report(provider, "failed")
    assert provider.state == Provider.State.PAUSED
    assert "5 messages in a row were refused because the account has not paid" in provider.paused_reason
    assert provider.account_failures == 0


def test_what_was_undone_is_not_counted(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fails after it in the same transaction; it is recorded anew then."""
    settle, failures = recording.settle, iter([DataError("value too long")])

    def fail_once(reads: Any) -> None:
        for error in failures:
            raise error
        settle(reads)

    with monkeypatch.context() as patch:
        patch.setattr(ingest, "drain", lambda: None)
        for _ in range(2):
            report(provider, "failed")
    monkeypatch.setattr(recording, "settle", fail_once)
    ingest.drain()
    provider.refresh_from_db()
    assert provider.account_failures == 2


def test_a_message_that_failed_for_the_account_goes_out_once_it_is_resumed(provider: Provider) -> None:
    for _ in range(ACCOUNT_LIMIT):
        report(provider, "failed")
    rows = Message.objects.all()
    assert {row.status for row in rows} == {Status.QUEUED}
    assert "payment issue" in rows[0].error_text
    assert not Event.objects.exclude(forward=Forward.NONE).exists(), "CleverTap hears nothing of it yet"
    assert claims.due(provider.pk), "it waits for nothing but the provider"
    ledger.fail_expired(provider.pk, timezone.now() + provider.validity, provider.validity)
    assert {row.status for row in rows.all()} == {Status.FAILED}
    assert Event.objects.filter(forward=Forward.PENDING).count() == ACCOUNT_LIMIT


def test_it_is_tried_again_later_and_later_while_the_provider_is_not_paused(provider: Provider) -> None:
    waits = []
    for attempt in (1, 2, 3):
        report(provider, "failed", attempt=attempt)
        row = Message.objects.latest("pk")
        waits.append(round((row.next_attempt_at - timezone.now()).total_seconds() / 60))
    assert waits == [1, 2, 4]


def test_what_has_arrived_is_not_sent_again(provider: Provider) -> None:
    report(provider, "failed", before=Status.DELIVERED)
    assert Message.objects.get().status == Status.DELIVERED


def test_a_message_that_arrives_starts_the_count_anew(provider: Provider) -> None:
    for status in ["failed"] * 4 + ["delivered"] + ["failed"] * 4:
        report(provider, status)
    assert (provider.state, provider.account_failures) == (Provider.State.ACTIVE, 4)


# Reports that the account sends too fast, or too much


def test_a_message_that_failed_for_the_speed_goes_out_after_the_break(provider: Provider) -> None:
    report(provider, "failed", 130429)
    row = Message.objects.get()
    assert (row.status, row.bsp_code) == (Status.QUEUED, "130429")
    assert not Event.objects.exclude(forward=Forward.NONE).exists(), "CleverTap hears nothing of it yet"
    assert not claims.due(provider.pk)
    claims.hurry(provider.pk, provider.connector.capped_codes)
    assert claims.due(provider.pk)


def test_the_whole_provider_waits_for_as_long_as_the_code_asks(provider: Provider) -> None:
    report(provider, "failed", 131064, at=int(time.time()))
    assert provider.hold_until is not None
    waits = provider.hold_until - timezone.now()
    assert timedelta(minutes=55) < waits <= timedelta(hours=1), "Meta lifts it by itself: ask once an hour"
    assert (provider.hold_for, provider.state) == (Provider.Hold.THROTTLE, Provider.State.ACTIVE)
    assert Message.objects.get().next_attempt_at >= timezone.now() + timedelta(minutes=55)


def test_a_report_that_is_read_late_holds_nothing(provider: Provider) -> None:
    report(provider, "failed", 130429, at=int(time.time()) - 3600)
    assert provider.hold_until is None
    assert Message.objects.get().status == Status.QUEUED


def test_a_message_is_not_slowed_beyond_its_validity(provider: Provider) -> None:
    report(provider, "failed", 131064)
    ledger.fail_expired(provider.pk, timezone.now() + provider.validity, provider.validity)
    assert Message.objects.get().status == Status.FAILED
    assert Event.objects.filter(forward=Forward.PENDING).count() == 1


def test_a_report_that_marketing_is_off_holds_marketing_alone(provider: Provider) -> None:
    for _ in range(ACCOUNT_LIMIT):
        report(provider, "failed", 131063, at=int(time.time()))
    row = Message.objects.latest("pk")
    assert (row.status, row.bsp_code) == (Status.QUEUED, "131063")
    assert row.next_attempt_at > timezone.now() + timedelta(minutes=55), "tried again in an hour"
    assert not Event.objects.exclude(forward=Forward.NONE).exists(), "CleverTap hears nothing of it yet"
    assert provider.marketing_held_until is not None
    assert provider.marketing_held_until > timezone.now() + timedelta(minutes=55)
    assert (provider.state, provider.account_failures, provider.hold_until) == ("active", 0, None)
    resuming.hurry(provider.pk)
    assert claims.due(provider.pk), "it goes out at once when the provider is resumed"


def test_one_that_is_read_late_holds_no_marketing(provider: Provider) -> None:
    report(provider, "failed", 131063, at=int(time.time()) - 4000)
    assert provider.marketing_held_until is None
    assert Message.objects.get().status == Status.QUEUED


def test_failures_of_single_people_pause_nothing(provider: Provider) -> None:
    for _ in range(ACCOUNT_LIMIT):
        report(provider, "failed", 131026)
    assert (provider.state, provider.account_failures, provider.hold_until) == (
        Provider.State.ACTIVE,
        0,
        None,
    )
