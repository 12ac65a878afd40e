"""What is kept of a message, and what a repetition, a test or another number changes."""

import time
from datetime import timedelta
from typing import Any

import pytest

from campaigns.models import Message, Refusal, StatCount, Status
from providers import lifecycle
from providers.models import Provider
from tests.factories import make_provider
from tests.gateway import SUCCESS, freeform, post, template

Metric = StatCount.Metric
TEST = {"msgId": "0|0|0|0"}


def only(provider: Provider, payload: Any) -> Message:
    assert post(provider, payload).body == SUCCESS
    return Message.objects.get()


def counted(metric: StatCount.Metric) -> int:
    return sum(StatCount.objects.filter(metric=metric).values_list("count", flat=True))


def quirk(provider: Provider, **quirks: Any) -> Provider:
    provider.stored_quirks = quirks
    provider.save()
    return provider


# What is kept


def test_campaign_batch_and_variant_are_kept(provider: Provider) -> None:
    message = only(provider, template(msgId="712|1767225600|20260105|712|1"))
    assert (message.campaign, message.batch, message.variant) == ("1767225600", "20260105", "1")
    assert (message.template, message.language) == ("order_ready", "en")
    assert (message.status, message.attempt, message.untracked) == (Status.QUEUED, 0, False)


def test_a_freeform_message_belongs_to_no_campaign(provider: Provider) -> None:
    message = only(provider, freeform(msgId="712|1767225600|20260105|712"))
    assert message.kind == Message.Kind.FREEFORM
    assert (message.campaign, message.batch, message.variant, message.template) == ("", "", "", "")


def test_the_payload_is_kept_as_it_came(provider: Provider) -> None:
    body = b'{"to":"15550100777",  "msgId":"x","type":"text","text":{"body":"Zo\xc3\xab"}}'
    assert only(provider, body).payload == body.decode()


def test_custom_properties_are_kept(provider: Provider) -> None:
    message = only(provider, template(customProps=[{"costCentre": "blue"}]))
    assert message.custom_props == {"costCentre": "blue"}


def test_oddities_are_noted(provider: Provider) -> None:
    message = template(wabaNumber="15550009999")
    message["components"].append({"type": "hologram"})
    assert only(provider, message).notes == [
        "components[1]: component type 'hologram' ignored",
        "wabaNumber 15550009999 is not this provider's 15550001111",
    ]


def test_the_time_to_answer_is_kept(provider: Provider) -> None:
    assert 0 <= only(provider, template()).answer_ms < 1000


def test_a_slow_answer_is_noted_on_no_other_message(
    provider: Provider, other_shop: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same id, to the same person, at another provider."""
    payload = template()
    of_other = only(other_shop, payload)
    began = time.time() - 5
    monkeypatch.setattr("campaigns.intake.views.time", lambda: began)
    assert post(provider, payload).body == SUCCESS
    assert Message.objects.get(provider=provider).answer_ms >= 5000
    assert Message.objects.get(provider=other_shop).answer_ms == of_other.answer_ms


def test_a_slow_answer_is_kept_as_what_it_was(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """CleverTap gives up after a second, so it books such a message as an error."""
    began = time.time() - 5
    monkeypatch.setattr("campaigns.intake.views.time", lambda: began)
    assert only(provider, template()).answer_ms >= 5000


def test_acceptance_is_counted_by_campaign_variant_and_template(provider: Provider) -> None:
    for _ in range(3):
        post(provider, template())
    rows = StatCount.objects.filter(metric=Metric.ACCEPTED)
    assert set(rows.values_list("campaign", "variant", "template")) == {("1767225600", "0", "order_ready")}
    assert counted(Metric.ACCEPTED) == 3


def test_a_paused_provider_accepts_and_keeps(provider: Provider) -> None:
    lifecycle.pause(provider, "for the weekend")
    assert only(provider, template()).status == Status.QUEUED


# Repetitions


def test_a_repeated_message_is_kept_once_and_answered_alike(provider: Provider) -> None:
    message = template()
    assert {post(provider, message).body for _ in range(3)} == {SUCCESS}
    assert Message.objects.count() == 1
    assert counted(Metric.ACCEPTED) == 1


def test_a_repetition_changes_nothing(provider: Provider) -> None:
    message = template()
    first = only(provider, message)
    other = message | {"isTemplate": False, "type": "text", "text": {"body": "Other"}}
    assert only(provider, other).content == first.content


def test_a_repetition_after_sending_sends_nothing(provider: Provider) -> None:
    message = template()
    only(provider, message)
    Message.objects.update(status=Status.READ, attempt=1)
    assert only(provider, message).status == Status.READ


def test_one_id_to_two_people_is_two_messages(provider: Provider) -> None:
    message = template()
    post(provider, message | {"to": "15550100001"})
    post(provider, message | {"to": "+15550100002"})
    assert set(Message.objects.values_list("to", flat=True)) == {"15550100001", "15550100002"}


def test_one_id_to_one_number_in_two_spellings_is_one_message(provider: Provider) -> None:
    message = template()
    post(provider, message | {"to": "15550100001"})
    post(provider, message | {"to": "+1 555-010-0001"})
    assert Message.objects.count() == 1


def test_one_id_at_two_providers_is_two_messages(provider: Provider) -> None:
    message = template()
    post(provider, message)
    post(make_provider(), message)
    assert Message.objects.count() == 2


# Test sends


def test_test_sends_are_never_taken_for_repetitions_nor_counted(provider: Provider) -> None:
    message = template(**TEST)
    for _ in range(3):
        assert post(provider, message).body == SUCCESS
    assert Message.objects.filter(untracked=True, campaign="").count() == 3
    assert not StatCount.objects.exists()


@pytest.mark.parametrize(("switch", "kept"), [("always", 2), ("listed", 1), ("never", 0)])
def test_which_test_sends_go_out(provider: Provider, switch: str, kept: int) -> None:
    quirk(provider, dispatch_tests=switch, test_numbers="+1 555 010 0001, 15550100009")
    for to in ("15550100001", "15550100002"):
        assert post(provider, template(**TEST, to=to)).body == SUCCESS
    assert Message.objects.count() == kept
    assert set(Message.objects.values_list("to", flat=True)) <= {"15550100001", "15550100002"}


def test_the_switch_for_test_sends_leaves_others_alone(provider: Provider) -> None:
    assert only(quirk(provider, dispatch_tests="never"), template()).status == Status.QUEUED


def test_a_test_send_is_checked_like_any_other(provider: Provider) -> None:
    quirk(provider, dispatch_tests="never")
    assert post(provider, template(**TEST, template={})).json["error"]["code"] == 2001


def test_a_test_send_of_an_offer_may_have_ended(provider: Provider) -> None:
    """Saving a template posts whatever expiry its author once typed."""
    ended = {"type": "limited_time_offer", "parameters": [{"limited_time_offer": {"expiration_time_ms": 1}}]}
    assert post(provider, template(**TEST, components=[ended])).body == SUCCESS
    assert post(provider, template(components=[ended])).json["error"]["code"] == 2001


# Refusals


def test_a_refusal_is_kept_and_counted(provider: Provider) -> None:
    answer = post(provider, template(msgId="712|1767225600|20260105|712|1", to="nobody"))
    refusal = Refusal.objects.get()
    assert answer.json["error"] == {"code": 2002, "message": refusal.text}
    assert (refusal.code, refusal.msg_id, refusal.to_raw) == (2002, "712|1767225600|20260105|712|1", "nobody")
    assert refusal.campaign == "1767225600"
    assert '"to": "nobody"' in refusal.payload
    assert StatCount.objects.values("metric", "code", "count", "campaign").get() == {
        "metric": Metric.REFUSED, "code": 2002, "count": 1, "campaign": "1767225600",
    }  # fmt: skip


@pytest.mark.django_db
def test_what_the_bsp_cannot_express_is_refused_at_once() -> None:
    """Not an hour later, by a report that says the same."""
    credentials = {"access_token": "t", "phone_number_id": "1", "app_secret": "s", "verify_token": "v"}
    provider = make_provider(connector_slug="meta", credentials=credentials)
    place = {"type": "location", "location": {"latitude": "1", "longitude": "2"}}
    answer = post(provider, template(components=[{"type": "header", "header": place}]))
    assert answer.json["error"]["code"] == 2001
    assert "name and address" in answer.json["error"]["message"]


def test_a_refused_test_send_is_shown_but_belongs_to_no_campaign(provider: Provider) -> None:
    post(provider, template(**TEST, to="nobody"))
    assert Refusal.objects.get().campaign == ""


def test_a_number_of_another_country_needs_no_default(provider: Provider) -> None:
    quirk(provider, default_country="91")
    for to in ("9812345678", "+4915112345678", "4915112345678"):
        post(provider, template(to=to))
    assert set(Message.objects.values_list("to", flat=True)) == {"919812345678", "4915112345678"}


def test_the_validity_period_begins_with_the_request(provider: Provider) -> None:
    message = only(provider, template())
    assert message.accepted_at == message.queued_at == message.next_attempt_at
    assert provider.validity == timedelta(hours=24)
