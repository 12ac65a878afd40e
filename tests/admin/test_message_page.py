"""The page of one message: its whole story, what can be copied, and sending it again."""

import json
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from callbacks.models import ForwardCall
from campaigns.ledger import anonymising
from campaigns.models import Event, Forward, Message, Status
from providers import description, lifecycle
from providers.messages import Outcome
from providers.models import Provider
from tests.admin.conftest import SECRETS, failed, inbound, parked, reported, tried
from tests.conftest import Woken
from tests.factories import MessageFactory

LIST = "/admin/campaigns/message/"


def url(message: Message, what: str = "change") -> str:
    return f"{LIST}{message.pk}/{what}/"


def shown(client: Client, message: Message) -> str:
    return client.get(url(message)).content.decode()


REQUEST = json.dumps(
    {
        "method": "POST",
        "url": "https://api.interakt.ai/v1/public/message/",
        "headers": {"Authorization": "•••", "Content-Type": "application/json"},
        "body": '{"phoneNumber": "9812345678"}',
    }
)


def test_the_whole_story_in_order(operator: Client, bsp: Provider) -> None:
    start = timezone.now() - timedelta(minutes=5)
    message: Message = MessageFactory(provider=bsp, accepted_at=start, answer_ms=1340, notes=["an odd thing"])
    tried(
        message,
        Outcome.RETRY,
        started_at=start + timedelta(seconds=1),
        retry_at=timezone.now(),
        text="HTTP 503: busy",
        response_status=503,
        response_body='{"result": false}',
        request=REQUEST,
        milliseconds=212,
    )
    tried(
        message,
        Outcome.ACCEPTED,
        started_at=start + timedelta(seconds=3),
        bsp_id="wamid.1",
        milliseconds=90,
        request=REQUEST,
        response_status=201,
    )
    sent, _ = reported(message, "sent", "delivered")
    call = ForwardCall.objects.create(
        provider=bsp, kind="delivery", started_at=timezone.now(), url=bsp.delivery_url, body="{}", status=200
    )
    Event.objects.filter(pk=sent.pk).update(
        forward=Forward.DONE, forwarded_at=timezone.now(), forward_attempts=1, forward_log=call.pk
    )
    reply = inbound(bsp, answers=message)
    response = operator.get(url(message))
    titles = [step.title for step in response.context["steps"]]
    assert titles == [
        "Accepted from CleverTap",
        "Attempt 1: not accepted, to be retried",
        "Attempt 2: submitted",
        "Sent",
        "Delivered",
        "Waiting to be forwarded to CleverTap (delivered)",
        "Forwarded to CleverTap (sent)",
        "Answered with image",
        "Waiting to be forwarded to CleverTap (inbound message)",
    ]
    text = response.content.decode()
    for words in (
        "late accept",
        "1340 ms",
        "an odd thing",
        "HTTP 503: busy",
        "212 ms",
        "201",
        "wamid.1",
        f"/admin/callbacks/forwardcall/{call.pk}/change/",
        f"/admin/callbacks/reply/{reply.pk}/change/",
        "It is on the phone.",
        "Lag",
    ):
        assert words in text
    assert [step.at for step in response.context["steps"]] == sorted(
        step.at for step in response.context["steps"]
    )


def test_a_quick_accept_is_not_late(operator: Client, bsp: Provider) -> None:
    assert "late accept" not in shown(operator, MessageFactory(provider=bsp, answer_ms=1000))


def test_it_shows_what_came_in_and_what_was_read(operator: Client, bsp: Provider) -> None:
    payload = json.dumps({"to": "+919812345678", "components": [{"customProps": [{"city": "Pune"}]}]})
    message = MessageFactory(provider=bsp, payload=payload, custom_props={"city": "Pune"}, variant="7")
    text = shown(operator, message)
    for words in (
        "&quot;components&quot;: [\n",
        "city: Pune",
        message.campaign,
        message.batch,
        "order_ready (en)",
    ):
        assert words in text


def test_a_failure_says_its_reason_once_and_nobody_saw_it(operator: Client, bsp: Provider) -> None:
    message = MessageFactory(
        provider=bsp,
        payload='{"to": "+919812345678"}',
        status=Status.FAILED,
        error_text="EC_UNKNOWN_USER: EC_UNKNOWN_USER",
    )
    text = shown(operator, message)
    assert text.count("EC_UNKNOWN_USER") == 1
    assert "What the person would see" in text


def test_content_that_was_removed_is_not_made_up(operator: Client, bsp: Provider) -> None:
    """The template's examples once stood in its place, as if the person had seen them."""
    message = MessageFactory(provider=bsp, payload='{"to": "+919812345678"}', status=Status.READ)
    assert "What the person saw" in shown(operator, message)
    anonymising.drop_bodies([message.pk])
    text = shown(operator, message)
    assert "The content was removed" in text
    assert "What the person saw" not in text
    assert "Copy as curl" not in text


def test_both_requests_can_be_copied_as_curl(operator: Client, bsp: Provider) -> None:
    message = MessageFactory(provider=bsp, payload='{"to": "it\'s"}')
    tried(message, Outcome.ACCEPTED, request=REQUEST)
    context = operator.get(url(message)).context
    inbound_curl = context["inbound_curl"]
    assert description.urls(bsp)["messages_url"] in inbound_curl
    assert "-u USERNAME:PASSWORD" in inbound_curl
    assert """--data-raw '{"to": "it'"'"'s"}'""" in inbound_curl
    [attempt] = [step for step in context["steps"] if step.curl]
    assert "curl -X POST https://api.interakt.ai/v1/public/message/" in attempt.curl
    assert "-H 'Authorization: •••'" in attempt.curl
    lifecycle.new_login(bsp, ("user", "password"))
    inbound_curl = operator.get(url(message)).context["inbound_curl"]
    assert "-H 'user: VALUE'" in inbound_curl
    assert "USERNAME" not in inbound_curl


def test_no_secret_is_on_the_page(operator: Client, bsp: Provider) -> None:
    message = failed(provider=bsp)
    hidden = [*SECRETS.values(), *bsp.callback_tokens.values_list("token", flat=True)]
    hidden += [digest for login in bsp.api_credentials.all() for digest in login.headers.values()]
    text = shown(operator, message)
    assert not [secret for secret in hidden if secret in text]


def test_it_says_why_it_waits(operator: Client, bsp: Provider) -> None:
    message = MessageFactory(provider=bsp)
    assert "next in line" in shown(operator, message)
    Message.objects.update(next_attempt_at=timezone.now() + timedelta(minutes=2))
    assert "Waypost retries it at" in shown(operator, message)
    Provider.objects.update(
        hold_until=timezone.now() + timedelta(minutes=2), hold_reason="80 a second at most"
    )
    assert "80 a second at most" in shown(operator, message)
    lifecycle.pause(bsp, "Bad key.")
    assert "Shop is paused: Bad key. Resume the provider to send it." in shown(operator, message)


def test_a_failure_of_our_own_claims_no_time_at_the_bsp(operator: Client, bsp: Provider) -> None:
    steps = operator.get(url(failed(provider=bsp))).context["steps"]
    [step] = [step for step in steps if step.title == "Failed"]
    assert [name for name, _ in step.facts] == ["CleverTap code", "Reason"]


def test_an_attempt_without_a_request_is_shown(operator: Client, bsp: Provider) -> None:
    """A message that could not be put into the BSP's form was never a request."""
    message = failed(provider=bsp)
    assert "No such template" in shown(operator, message)


def test_forwards_are_retried_at_once(operator: Client, bsp: Provider, woken: Woken) -> None:
    message = MessageFactory(provider=bsp, status=Status.SENT)
    event = parked(message)
    reply = inbound(bsp, answers=message, forward=Forward.PARKED)
    text = shown(operator, message)
    assert "Parked: CleverTap did not accept it (delivered)" in text
    assert "HTTP 400: unknown msgId" in text
    assert "Retry forwards now" in text
    response = operator.post(f"/admin/campaigns/event/of/{message.pk}/retry/", follow=True)
    assert "2 will be forwarded now." in response.content.decode()
    event.refresh_from_db()
    reply.refresh_from_db()
    assert event.forward == reply.forward == Forward.PENDING
    assert f"callbacks.forward:{bsp.pk}" in woken()


def test_what_was_forwarded_offers_no_retry(operator: Client, bsp: Provider) -> None:
    message = MessageFactory(provider=bsp, status=Status.SENT)
    reported(message, "delivered")
    Event.objects.update(forward=Forward.DONE, forwarded_at=timezone.now())
    assert "Retry forwards now" not in shown(operator, message)


def test_the_page_asks_a_handful_of_queries(
    operator: Client, bsp: Provider, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    message = MessageFactory(provider=bsp)
    for _ in range(4):
        tried(message, Outcome.RETRY, retry_at=timezone.now())
    reported(message, "sent", "delivered", "read")
    with django_assert_max_num_queries(19):  # three are of the trail, one of user ids
        operator.get(url(message))


def test_a_message_that_is_not_there(operator: Client, db: None) -> None:
    response = operator.get(f"{LIST}4711/change/", follow=True)
    assert "doesn’t exist. Perhaps it was deleted?" in response.content.decode()


def test_it_leads_to_all_messages_of_its_campaign_and_template(
    operator: Client, bsp: Provider, signed_in: Callable[[Iterable[str]], Client]
) -> None:
    message = MessageFactory(provider=bsp, campaign="1731583253", template="order_ready")
    for query in ("campaign=1731583253", "template=order_ready"):
        address = f"/admin/stats/messages/?figure=accepted&range=all&{query}"
        assert f'href="{address.replace("&", "&amp;")}"' in shown(operator, message)
        operator.get(address)
    of_a_test = MessageFactory(provider=bsp, untracked=True, campaign="1731583253", template="order_ready")
    without_stats = signed_in(["view_message"])
    for page in (shown(operator, of_a_test), shown(without_stats, message)):
        assert "order_ready" in page
        assert "all its messages" not in page


@pytest.mark.parametrize(
    ("bsp_code", "advice"),
    [
        ("131026", "The number is not on WhatsApp"),
        ("131049", "Wait a day at least"),
        ("", "Resend makes one more attempt."),
    ],
)
def test_a_failed_message_is_advised_on_by_the_bsps_code(
    operator: Client, bsp: Provider, bsp_code: str, advice: str
) -> None:
    message = MessageFactory(provider=bsp, status=Status.FAILED, error_code=1005, bsp_code=bsp_code)
    page = shown(operator, message)
    assert advice in page
    assert ("Resend makes one more attempt." in page) is (bsp_code == "")
