"""One webhook URL for several numbers: each item goes to the provider that the payload names."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from audience import opting
from audience.models import OptSetting, PhoneChoice, Subscription
from callbacks.models import Reply, Webhook, WebhookKind
from callbacks.webhooks import ingest, kinds
from campaigns.ledger import matching
from campaigns.models import Message, Status
from providers.messages import Reply as Inbound
from providers.models import Provider
from templates_app.models import Template
from tests.callbacks import meta
from tests.callbacks.conftest import sent_message
from tests.factories import make_provider
from tests.gateway import call_back

State = Webhook.State
SECOND = "810220440"
INBOUND, STATUS = "receiver_second_number_inbound", "receiver_second_number_status"


@pytest.fixture
def first(db: None) -> Provider:
    return meta.number()


@pytest.fixture
def second(db: None) -> Provider:
    return meta.number(SECOND)


def status_of(row: Message, **changes: Any) -> Any:
    payload = meta.payload(STATUS)
    status = payload["entry"][0]["changes"][0]["value"]["statuses"][0]
    status.pop("biz_opaque_callback_data")
    status |= {"id": row.bsp_id, "recipient_id": row.to} | changes
    return payload


def status_word(row: Message) -> Status:
    row.refresh_from_db()
    return Status(row.status)


def paused(**changes: Any) -> Any:
    payload = meta.payload("receiver_template_of_another_account")
    payload["entry"][0]["changes"][0]["value"] |= changes
    return payload


def template(provider: Provider, **values: Any) -> Template:
    return Template.objects.create(
        provider=provider, **({"name": "promo", "language": "en", "status": "APPROVED"} | values)
    )


def state_of(row: Template) -> str:
    row.refresh_from_db()
    return row.status


def test_a_message_goes_to_the_number_it_was_sent_to(first: Provider, second: Provider) -> None:
    webhook = meta.post(first, meta.payload(INBOUND))
    assert (Reply.objects.get().provider, webhook.state) == (second, State.DONE)


def test_a_report_finds_its_message_at_the_other_number(first: Provider, second: Provider) -> None:
    row = sent_message(second)
    meta.post(first, status_of(row))
    assert status_word(row) == Status.DELIVERED


def test_our_own_reference_is_found_at_every_number(first: Provider) -> None:
    elsewhere = meta.number(SECOND, credentials={"app_secret": "another"})
    row = sent_message(elsewhere)
    reference = matching.reference(row.pk, row.attempt)
    meta.post(first, status_of(row, biz_opaque_callback_data=reference))
    assert status_word(row) == Status.DELIVERED


def test_what_is_for_nobody_here_is_kept_and_shown(first: Provider) -> None:
    webhook = meta.post(first, meta.payload(INBOUND))
    assert not Reply.objects.exists()
    assert (webhook.state, webhook.summary) == (State.NOT_OURS, "1 not for a number here: Reply")


def changed_number(shop: Provider, number_id: str, display: str) -> Any:
    """Somebody's new number, told by the number of that id, after a stop from the former one."""
    opting.forget()
    for provider in Provider.objects.all():
        OptSetting.objects.create(provider=provider, subscribe_url="http://127.0.0.1:9/subscribe")
    opting.heed(shop, [(0, Inbound("text", "34600111222", text="STOP"))], timezone.now())
    payload = meta.payload("identity_changed_number")
    value = payload["entry"][0]["changes"][0]["value"]
    value["metadata"] = {"phone_number_id": number_id, "display_phone_number": display}
    return payload


def test_a_changed_number_is_told_to_the_clevertap_of_the_number_it_names(
    first: Provider, second: Provider
) -> None:
    webhook = meta.post(first, changed_number(second, SECOND, meta.NUMBERS[SECOND]))
    assert webhook.state == State.DONE
    assert PhoneChoice.objects.get(phone="34600999888").stopped
    told = Subscription.objects.order_by("id").values_list("provider", "phone")
    assert list(told) == [(second.pk, "34600111222"), (second.pk, "34600999888")]


def test_a_changed_number_for_nobody_here_is_told_to_no_clevertap(first: Provider) -> None:
    payload = changed_number(first, "810220999", "34911222999")
    webhook = meta.post(first, payload)
    assert webhook.state == State.NOT_OURS
    assert PhoneChoice.objects.get(phone="34600999888").stopped, "it is the person's wish all the same"
    assert list(Subscription.objects.values_list("phone", flat=True)) == ["34600111222"]


def test_once_the_number_is_there_it_is_read_again(first: Provider) -> None:
    webhook = meta.post(first, meta.payload(INBOUND))
    second = meta.number(SECOND)
    assert ingest.replay([webhook.pk]) == 1
    ingest.drain()
    assert Reply.objects.get().provider == second


def test_a_number_of_another_app_is_given_nothing(first: Provider) -> None:
    meta.number(SECOND, credentials={"app_secret": "another"})
    assert meta.post(first, meta.payload(INBOUND)).state == State.NOT_OURS
    assert not Reply.objects.exists()


def test_a_shared_login_vouches_where_nothing_is_signed(db: None) -> None:
    def account(number: str, secret: str) -> Provider:
        credentials = {"api_key": "7f2a9c10", "api_secret": secret}
        return make_provider(connector_slug="vonage", waba_number=number, credentials=credentials)

    here, there = account("34911222333", "shared"), account("34911222444", "shared")
    account("34911222555", "another")
    said = {"message_uuid": "in-1", "from": "34600111222", "channel": "whatsapp", "message_type": "text"}
    for number in ("34911222444", "34911222555"):
        assert call_back(here, "webhook", said | {"to": number, "text": f"to {number}"}).status == 200
    ingest.drain()
    assert [reply.provider for reply in Reply.objects.all()] == [there]


def test_a_pause_of_another_accounts_template_pauses_nothing_here(first: Provider) -> None:
    mine = template(first, bsp_id="501")
    webhook = meta.post(first, paused())
    assert (state_of(mine), webhook.state) == ("APPROVED", State.NOT_OURS)


def test_a_pause_reaches_the_account_that_it_names(first: Provider) -> None:
    other = meta.number(SECOND, credentials={"waba_id": "700200999"})
    mine, theirs = template(first, bsp_id="501"), template(other, bsp_id="602")
    meta.post(first, paused())
    assert (state_of(mine), state_of(theirs)) == ("APPROVED", "PAUSED")


def test_a_pause_reaches_every_number_of_the_account(first: Provider, second: Provider) -> None:
    rows = [template(first), template(second)]
    payload = paused()
    payload["entry"][0]["id"] = "700200300"
    meta.post(first, payload)
    assert [state_of(row) for row in rows] == ["PAUSED", "PAUSED"]


def test_a_ban_pauses_every_number_of_the_account_that_it_names(first: Provider, second: Provider) -> None:
    credentials = {"waba_id": "700200999", "phone_number_id": "810220550"}
    other = meta.number(waba_number="34911222555", credentials=credentials)
    ban = {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}}
    changes = [{"field": "account_update", "value": ban}]
    meta.post(other, {"entry": [{"id": "700200300", "time": 1795000400, "changes": changes}]})
    states = dict(Provider.objects.values_list("pk", "state"))
    assert [states[one.pk] for one in (first, second, other)] == ["paused", "paused", "active"]


def test_an_account_that_is_not_known_is_matched_by_the_bsps_id_alone(db: None) -> None:
    provider = meta.number(credentials={"waba_id": ""})
    by_name, by_id = template(provider), template(provider, name="other", bsp_id="602")
    meta.post(provider, paused())
    assert (state_of(by_name), state_of(by_id)) == ("APPROVED", "PAUSED")
    Template.objects.filter(pk=by_id.pk).delete()
    meta.post(provider, paused())
    assert state_of(by_name) == "APPROVED"


def came(provider: Provider) -> set[str]:
    return set(WebhookKind.objects.filter(provider=provider).values_list("kind", flat=True))


def test_the_kinds_that_came_are_kept_for_the_url_and_for_whom_they_name(
    first: Provider, second: Provider
) -> None:
    meta.post(first, meta.payload("receiver_second_number_inbound"))
    meta.post(first, meta.payload("account_review"))
    assert came(first) == {"messages", "account_review_update"}
    assert "messages" in came(second)


def test_a_webhook_that_is_read_again_moves_no_time_back(first: Provider) -> None:
    for hour in (2, 1):
        kinds.note({(first.pk, "messages"): datetime(2026, 1, 5, hour, tzinfo=UTC)})
    kind = WebhookKind.objects.get()
    assert (kind.first_at.hour, kind.last_at.hour) == (2, 2)


def test_the_kinds_of_a_bsp_without_fields_are_those_of_what_it_tells(provider: Provider) -> None:
    said = {"payloadVersion": "0.1", "from": "15550100777", "type": "text", "text": {"body": "Hi"}}
    call_back(provider, "inbound", said | {"timestamp": "1767603900"})
    ingest.drain()
    assert came(provider) == {"message: text"}


def test_taps_on_marketing_messages_are_a_kind_of_their_own(first: Provider) -> None:
    webhook = meta.post(first, meta.payload("click_of_a_marketing_message"))
    assert webhook.state == State.DONE
    assert came(first) == {"messages", "marketing_messages_link_click", "landing_page_view"}


def test_kinds_without_end_are_not_kept(first: Provider) -> None:
    body = meta.payload("field_user_preferences")
    change = body["entry"][0]["changes"][0]
    body["entry"][0]["changes"] = [change] + [
        change | {"field": f"made_up_{n}"} for n in range(kinds.MOST + 9)
    ]
    assert meta.post(first, body).state == Webhook.State.DONE
    declared = {arrival.kind for arrival in kinds.arrivals(first) if arrival.purpose}
    others = [arrival for arrival in kinds.arrivals(first) if arrival.kind not in declared]
    assert len(others) == kinds.MOST
    assert "user_preferences" in declared
