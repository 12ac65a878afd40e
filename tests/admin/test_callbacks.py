"""Webhooks and inbound messages: what came in, what was found, reading and forwarding again."""

import csv
import re
from io import StringIO
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from callbacks.models import Referral, Reply, Webhook
from campaigns.models import Forward
from providers.models import Provider
from tests.admin.conftest import SECRETS, inbound, webhook
from tests.callbacks import meta
from tests.conftest import Woken
from tests.factories import MessageFactory, make_provider

WEBHOOKS = "/admin/callbacks/webhook/"
REPLIES = "/admin/callbacks/reply/"
State = Webhook.State


def text(response: Any) -> str:
    return str(response.content.decode())


def rows(operator: Client, url: str, **query: str) -> list[int]:
    return [row.pk for row in operator.get(url, query).context["cl"].result_list]


@pytest.mark.parametrize(
    ("url", "words"), [(WEBHOOKS, "No webhook yet"), (REPLIES, "No inbound message yet")]
)
def test_an_empty_list_says_what_to_do(operator: Client, url: str, words: str) -> None:
    assert words in text(operator.get(url))


def test_every_state_is_listed_and_filtered(operator: Client, bsp: Provider) -> None:
    made = {state: webhook(bsp, state=state).pk for state in State}
    assert rows(operator, WEBHOOKS) == sorted(made.values(), reverse=True)
    for state, pk in made.items():
        assert rows(operator, WEBHOOKS, state=str(state.value)) == [pk]
    shown = text(operator.get(WEBHOOKS))
    for words in ("pending", "waiting", "done", "unmatched", "quarantined"):
        assert words in shown.lower()
    other = webhook(make_provider())
    assert rows(operator, WEBHOOKS, provider=str(other.provider_id)) == [other.pk]
    delivery = webhook(bsp, source="delivery")
    assert rows(operator, WEBHOOKS, source="delivery") == [delivery.pk]


@pytest.mark.parametrize(
    "url",
    [
        WEBHOOKS,
        REPLIES,
        "/admin/callbacks/forwardcall/",
        "/admin/campaigns/event/",
        "/admin/campaigns/refusal/",
    ],
)
def test_the_long_lists_never_count(operator: Client, bsp: Provider, url: str) -> None:
    webhook(bsp)
    inbound(bsp)
    with CaptureQueriesContext(connection) as queries:
        operator.get(url)
    assert not [each["sql"] for each in queries if "COUNT(" in each["sql"].upper()]


def test_a_webhooks_page_shows_it_whole_but_no_secret(
    operator: Client, looker: Client, bsp: Provider
) -> None:
    echo = f'{{"key": "{SECRETS["api_key"]}", "type": "message_api_sent"}}'.encode()
    stored = webhook(bsp, body=echo, state=State.QUARANTINED, summary="Cannot be read: no data")
    token = bsp.callback_tokens.get(purpose="webhook").token
    for client in (operator, looker):
        shown = text(client.get(f"{WEBHOOKS}{stored.pk}/change/"))
        for words in (
            "Cannot be read: no data",
            "After a fix, read it again",
            "&quot;message_api_sent&quot;",
            "/webhooks/•••",
            "application/json",
            f"{WEBHOOKS}{stored.pk}/raw/",
        ):
            assert words in shown
        for secret in (token, SECRETS["api_key"], "of the BSP"):
            assert secret not in shown


@pytest.mark.parametrize("body", [b"", b"not json <b>", b"\xff\xfe\x00", b"[" * 100_000])
def test_any_body_can_be_shown(operator: Client, bsp: Provider, body: bytes) -> None:
    stored = webhook(bsp, body=body)
    shown = text(operator.get(f"{WEBHOOKS}{stored.pk}/change/"))
    assert "<b>" not in shown
    assert ("It had no body" in shown) == (not body)


def test_the_raw_body_comes_byte_for_byte(operator: Client, bsp: Provider) -> None:
    stored = webhook(bsp, body=b"\xff\x00<script>")
    response = operator.get(f"{WEBHOOKS}{stored.pk}/raw/")
    assert response.content == b"\xff\x00<script>"
    assert response["Content-Type"] == "application/octet-stream"
    assert "attachment" in response["Content-Disposition"]


@pytest.mark.parametrize("state", [State.UNMATCHED, State.QUARANTINED])
def test_one_is_read_again(operator: Client, bsp: Provider, woken: Woken, state: State) -> None:
    stored = webhook(bsp, state=state, attempts=9)
    url = f"{WEBHOOKS}{stored.pk}/read-again/"
    assert url in text(operator.get(f"{WEBHOOKS}{stored.pk}/change/"))
    assert "Reads it once more" in text(operator.get(url))  # without JavaScript the link asks
    stored.refresh_from_db()
    assert stored.state == state
    assert "1 will be read again" in text(operator.post(url, follow=True))
    stored.refresh_from_db()
    assert (stored.state, stored.attempts) == (State.PENDING, 0)
    assert "callbacks.ingest" in woken()
    assert LogEntry.objects.get().object_id == str(stored.pk)


def test_several_are_read_again(operator: Client, bsp: Provider) -> None:
    torn, lost, done = (
        webhook(bsp, state=state) for state in (State.QUARANTINED, State.UNMATCHED, State.DONE)
    )
    form = {"action": "read_again_selected", "_selected_action": [torn.pk, lost.pk, done.pk]}
    assert "2 will be read again" in text(operator.post(WEBHOOKS, form, follow=True))
    assert set(Webhook.objects.filter(state=State.PENDING)) == {torn, lost}
    assert "Nothing to read again" in text(operator.post(WEBHOOKS, form, follow=True))


def test_what_was_read_has_no_button(operator: Client, bsp: Provider) -> None:
    stored = webhook(bsp)
    assert "read-again/" not in text(operator.get(f"{WEBHOOKS}{stored.pk}/change/"))


def test_only_those_who_may_read_again(looker: Client, bsp: Provider) -> None:
    stored = webhook(bsp, state=State.QUARANTINED)
    assert "read-again/" not in text(looker.get(f"{WEBHOOKS}{stored.pk}/change/"))
    looker.post(f"{WEBHOOKS}{stored.pk}/read-again/", status=403)
    looker.post(WEBHOOKS, {"action": "read_again_selected", "_selected_action": [stored.pk]})
    stored.refresh_from_db()
    assert stored.state == State.QUARANTINED


@pytest.mark.parametrize("term", ["919812345678", "+91 9812", "in-77"])
def test_inbound_messages_are_found(operator: Client, bsp: Provider, term: str) -> None:
    wanted = inbound(bsp, "919812345678", bsp_id="in-77")
    inbound(bsp, "14155550100")
    assert rows(operator, REPLIES, q=term) == [wanted.pk]
    assert rows(operator, REPLIES, q="in-7") == []


def test_inbound_messages_are_exported_with_the_ad_they_came_from(operator: Client, bsp: Provider) -> None:
    row = MessageFactory(provider=bsp)
    reply = inbound(bsp, user_id="IN.1", answers=row)
    Referral.objects.create(reply=reply, source_type="ad", source_id="120", headline="Sale", click_id="Aff")
    plain = inbound(bsp, sender="15550100001")
    content = b"".join(operator.get(f"{REPLIES}export/").streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    first, second = csv.DictReader(StringIO(content))
    assert (first["id"], first["from"], first["referral_source_id"]) == (str(plain.pk), "15550100001", "")
    assert (second["user_id"], second["answers"]) == ("IN.1", row.msg_id)
    told = {name: second[f"referral_{name}"] for name in ("source_type", "source_id", "headline", "click_id")}
    assert told == {"source_type": "ad", "source_id": "120", "headline": "Sale", "click_id": "Aff"}


def test_inbound_messages_are_filtered(operator: Client, bsp: Provider) -> None:
    parked = inbound(bsp, forward=Forward.PARKED)
    written = inbound(bsp, kind="text")
    assert rows(operator, REPLIES, forward="3") == [parked.pk]
    assert rows(operator, REPLIES, kind="text") == [written.pk]
    assert rows(operator, REPLIES, provider=str(bsp.pk)) == [written.pk, parked.pk]


def test_an_inbound_messages_page(operator: Client, bsp: Provider) -> None:
    message = MessageFactory(provider=bsp)
    reply = inbound(bsp, answers=message, forward=Forward.PARKED, forward_error="HTTP 400: bad type")
    shown = text(operator.get(f"{REPLIES}{reply.pk}/change/"))
    for words in (
        "Here it is",
        "https://cdn.example/receipt.jpg",
        "image/jpeg",
        "Asha",
        "HTTP 400: bad type",
        f"/admin/campaigns/message/{message.pk}/change/",
        f"{REPLIES}{reply.pk}/retry/",
    ):
        assert words in shown


def test_an_inbound_message_that_cannot_be_decoded_is_still_shown(operator: Client, bsp: Provider) -> None:
    reply = inbound(bsp, content="{")
    assert "no message of ours" in text(operator.get(f"{REPLIES}{reply.pk}/change/"))


def test_forwarding_an_inbound_message_is_retried(operator: Client, bsp: Provider, woken: Woken) -> None:
    one, two = inbound(bsp, forward=Forward.PARKED), inbound(bsp, forward=Forward.PARKED)
    done = inbound(bsp, forward=Forward.DONE)
    assert "1 will be forwarded now" in text(operator.post(f"{REPLIES}{one.pk}/retry/", follow=True))
    form = {"action": "retry_selected", "_selected_action": [one.pk, two.pk, done.pk]}
    assert "2 will be forwarded now" in text(operator.post(REPLIES, form, follow=True))
    assert set(Reply.objects.filter(forward=Forward.PENDING)) == {one, two}
    assert f"callbacks.forward:{bsp.pk}" in woken()
    assert "Nothing to retry" in text(operator.post(f"{REPLIES}{done.pk}/retry/", follow=True))
    assert f"{REPLIES}{done.pk}/retry/" not in text(operator.get(f"{REPLIES}{done.pk}/change/"))


def test_only_those_who_may_retry(looker: Client, bsp: Provider) -> None:
    reply = inbound(bsp, forward=Forward.PARKED)
    assert f"{REPLIES}{reply.pk}/retry/" not in text(looker.get(f"{REPLIES}{reply.pk}/change/"))
    looker.post(f"{REPLIES}{reply.pk}/retry/", status=403)
    reply.refresh_from_db()
    assert reply.forward == Forward.PARKED


# People without a number


def test_messages_with_no_number_yet_are_counted_and_listed(operator: Client, bsp: Provider) -> None:
    waiting = inbound(bsp, sender="", user_id="ES.77aa88bb99", forward=Forward.NO_NUMBER)
    inbound(bsp)
    assert rows(operator, REPLIES, forward=str(Forward.NO_NUMBER.value)) == [waiting.pk]
    page = text(operator.get(f"/admin/providers/provider/{bsp.pk}/health/"))
    assert "Inbound messages with no number yet: 1" in page


def test_the_providers_page_shows_which_webhooks_came_and_which_never_did(operator: Client) -> None:
    provider = meta.number()
    meta.post(provider, meta.payload("account_review"))
    page = text(operator.get(f"/admin/providers/provider/{provider.pk}/change/"))
    for field in provider.connector.webhook_fields:
        assert field in page
    assert re.search(r"account_review_update</dt>\s*<dd>\s*Last \d{4}-", page)
    assert re.search(r"message_template_components_update</dt>\s*<dd>\s*Never", page)


def test_webhooks_for_a_number_that_is_not_here_are_listed(operator: Client, bsp: Provider) -> None:
    webhook(bsp)
    stray = webhook(bsp, state=State.NOT_OURS)
    assert rows(operator, WEBHOOKS, state=str(State.NOT_OURS.value)) == [stray.pk]
    shown = text(operator.get(f"{WEBHOOKS}{stray.pk}/change/"))
    assert "no provider here has" in shown
    assert "Read again" in shown
