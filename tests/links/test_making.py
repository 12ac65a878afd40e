"""Which buttons get a short link, and what is sent in their place."""

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from campaigns.ledger import ledger
from campaigns.links import short_links
from campaigns.models import Attempt, Event, Link, Message, Status
from campaigns.sending import dispatch
from providers.models import Provider
from templates_app.content.link_tracking import prefixes
from templates_app.models import Template
from tests.endpoints import Endpoint
from tests.factories import MessageFactory
from tests.gateway import SUCCESS, post
from tests.links.conftest import (
    BODY,
    HELLO,
    HOST,
    SHOP,
    buttons,
    link,
    payload,
    press,
    sent,
    suffixes,
    url_button,
)

BASE = "https://wa.example.com"


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("https://wa.example.com/l/{{1}}", True),
        ("https://WA.Example.com/l/{{ 1 }}", True),
        ("https://go.shop.example/l/{{1}}", True),
        ("http://go.shop.example/l/{{token}}", True),
        ("https://go.shop.example/{{1}}", False),
        ("https://go.shop.example/l/{{1}}?utm=wa", False),
        ("https://go.shop.example/l/x/{{1}}", False),
        ("https://go.shop.example/l/", False),
        ("https://evil.example/https://go.shop.example/l/{{1}}", False),
        ("https://go.shop.example.evil.example/l/{{1}}", False),
        ("https://go.shop.example@evil.example/l/{{1}}", False),
        ("https://shop.example/l/{{1}}", False),
        ("ftp://go.shop.example/l/{{1}}", False),
        ("https://[go/l/{{1}}", False),
        ("", False),
    ],
)
def test_only_urls_that_lead_to_us_take_a_token(url: str, fits: bool) -> None:
    found = prefixes([buttons(url_button(url))], BASE, "go.shop.example")
    assert found == ({"button.0": url[: url.index("{{")]} if fits else {})


@pytest.mark.parametrize("domain", ["ct3.io", "CT1.io", "ct10.io"])
def test_clevertaps_own_domains_track_by_themselves(domain: str) -> None:
    assert prefixes([buttons(url_button(f"https://{domain}/l/{{{{1}}}}"))], BASE, domain) == {}


def test_an_address_of_ours_may_have_a_port_and_a_path() -> None:
    template = [buttons(url_button("http://127.0.0.1:8000/wa/l/{{1}}"))]
    assert prefixes(template, "http://127.0.0.1:8000/wa", "") == {"button.0": "http://127.0.0.1:8000/wa/l/"}


def test_a_tracked_button_is_sent_with_a_token_for_its_url(tracking: Provider, endpoint: Endpoint) -> None:
    message = sent(tracking)
    made = message.links.get()
    assert suffixes(endpoint.got[0]) == [made.token]
    assert (made.path, made.url, made.short_url) == ("button.0", SHOP, f"{HOST}/l/{made.token}")
    assert len(made.token) == 16
    assert made.expires_at - made.created_at == timedelta(days=30)
    assert message.status == Status.ACCEPTED
    assert SHOP in message.content, "what CleverTap sent is kept as it was"


def test_a_link_lives_as_long_as_the_provider_says(tracking: Provider) -> None:
    Provider.objects.filter(pk=tracking.pk).update(link_days=3)
    made = link(tracking)
    assert made.expires_at - made.created_at == timedelta(days=3)


def test_the_templates_url_may_come_before_the_one_it_leads_to(tracking: Provider) -> None:
    assert sent(tracking, press(f"{HOST}/l/{SHOP}")).links.get().url == SHOP


def test_each_card_has_a_link_of_its_own(listed: Template, endpoint: Endpoint) -> None:
    card = {"components": [BODY, buttons(url_button())]}
    listed.components = [BODY, {"type": "CAROUSEL", "cards": [card, card]}]
    listed.tracked = ["card.0.button.0", "card.1.button.0"]
    listed.save()
    cards = [{"card_index": n, "components": [HELLO, press(f"{SHOP}&card={n}")]} for n in (0, 1)]
    message = sent(listed.provider, {"type": "carousel", "cards": cards})
    made = list(message.links.order_by("path"))
    assert [(each.path, each.url) for each in made] == [
        ("card.0.button.0", f"{SHOP}&card=0"),
        ("card.1.button.0", f"{SHOP}&card=1"),
    ]
    assert suffixes(endpoint.got[0]) == [each.token for each in made]


@pytest.mark.parametrize(
    ("url", "tracked"), [(HOST + "/l/{{1}}", []), ("https://ct3.io/{{1}}", ["button.0"])]
)
def test_other_buttons_stay_as_they_are(
    listed: Template, endpoint: Endpoint, url: str, tracked: list[str]
) -> None:
    Template.objects.update(components=[BODY, buttons(url_button(url))], tracked=tracked)
    sent(listed.provider, press("wa/abc"))
    assert suffixes(endpoint.got[0]) == ["wa/abc"]
    assert not Link.objects.exists()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("t/88", "send the whole URL it leads to, with https://, instead of “t/88”"),
        (f"{HOST}/l/t/88", "send the whole URL it leads to, with https://, instead of “t/88”"),
        ("shop.example/t", "send the whole URL it leads to, with https://, instead of “shop.example/t”"),
        (
            "javascript:alert(1)",
            "send the whole URL it leads to, with https://, instead of “javascript:alert(1)”",
        ),
        ("https:///nowhere", "send the whole URL it leads to, with https://, instead of “https:///nowhere”"),
        ("https://[x/", "send the whole URL it leads to, with https://, instead of “https://[x/”"),
        ("https://a.example/\r\nX: y", "its URL must hold no line breaks or control characters"),
        ("https://a.example/" + "x" * 2000, "its URL must be no longer than 2000 characters"),
    ],
)
def test_a_value_that_names_no_destination_is_refused_at_the_door(
    tracking: Provider, value: str, words: str
) -> None:
    error = post(tracking, payload(press(value))).json["error"]
    assert (error["code"], error["message"]) == (2001, f"button 0 (Open): clicks are tracked, so {words}")
    assert not Message.objects.exists()


@pytest.mark.parametrize(("value", "suffix"), [("0", "0"), (HOST + "/l/{{1}}", "0"), ("1", "1")])
def test_saving_the_template_at_clevertap_goes_through(
    tracking: Provider, endpoint: Endpoint, value: str, suffix: str
) -> None:
    message = sent(tracking, press(value), msgId="0|0|0|0")
    assert suffixes(endpoint.got[0]) == [suffix]
    assert not message.links.exists()


def test_a_test_send_is_checked_like_any_other(tracking: Provider) -> None:
    error = post(tracking, payload(press("t/88"), msgId="0|0|0|0")).json["error"]
    assert error["code"] == 2001


def test_one_that_was_taken_before_its_button_was_tracked_fails(listed: Template, endpoint: Endpoint) -> None:
    Template.objects.update(tracked=[])
    assert post(listed.provider, payload(press("t/88"))).body == SUCCESS
    Template.objects.update(tracked=["button.0"])
    dispatch.drain(listed.provider_id)
    message = Message.objects.get()
    assert (message.status, message.error_code) == (Status.FAILED, 1001)
    assert "send the whole URL" in message.error_text
    assert not endpoint.got


def test_a_message_sent_again_keeps_its_link_and_the_link_lives_on(
    tracking: Provider, endpoint: Endpoint
) -> None:
    endpoint.reply = lambda body: (400, {}, b'{"status":"failure","error":{"code":2004,"message":"no"}}')
    message = sent(tracking)
    before = message.links.get()
    assert message.status == Status.FAILED
    endpoint.reply = lambda body: (200, {}, b'{"status":"success"}')
    with time_machine.travel(timezone.now() + timedelta(days=2)):
        assert ledger.resend([message.pk])
        dispatch.drain(tracking.pk)
    after = message.links.get()
    assert [suffixes(body) for body in endpoint.got] == [[before.token], [before.token]]
    assert timedelta(days=1) < after.expires_at - before.expires_at < timedelta(days=3)


def test_links_of_many_messages_are_stored_in_one_statement(tracking: Provider, endpoint: Endpoint) -> None:
    for _ in range(20):
        assert post(tracking, payload(press())).body == SUCCESS
    with CaptureQueriesContext(
        connection,
    ) as queries:
        dispatch.drain(tracking.pk)
    inserts = [one["sql"] for one in queries if one["sql"].startswith("INSERT INTO campaigns_link")]
    assert len(inserts) == 1
    tokens = {suffix for body in endpoint.got for suffix in suffixes(body)}
    assert tokens == set(Link.objects.values_list("token", flat=True))
    assert len(tokens) == 20


def test_when_links_cannot_be_stored_nothing_is_sent_or_lost(
    tracking: Provider, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert post(tracking, payload(press())).body == SUCCESS

    def broken(*_: Any) -> None:
        raise OperationalError("the database is gone")

    with monkeypatch.context() as patched:
        patched.setattr(short_links, "make", broken)
        with pytest.raises(OperationalError):
            dispatch.drain(tracking.pk)
    message = Message.objects.get()
    assert (message.status, message.attempt) == (Status.QUEUED, 0)
    dispatch.drain(tracking.pk)
    message.refresh_from_db()
    assert (message.status, message.error_text, len(endpoint.got)) == (Status.ACCEPTED, "", 1)


def test_a_held_message_has_no_link_yet(listed: Template) -> None:
    Template.objects.update(status="PAUSED")
    assert not sent(listed.provider).links.exists()


def test_content_that_cannot_be_read_costs_one_message(tracking: Provider, endpoint: Endpoint) -> None:
    MessageFactory(provider=tracking, content="[1]")
    good = sent(tracking)
    bad = Message.objects.exclude(pk=good.pk).get()
    assert (good.status, bad.status) == (Status.ACCEPTED, Status.FAILED)
    assert (Attempt.objects.get(message=bad).outcome, Event.objects.get().code) == ("rejected", 1009)
    assert len(endpoint.got) == 1


def test_links_go_a_month_after_they_expired(tracking: Provider) -> None:
    made = link(tracking)
    assert short_links.forget(made.expires_at + timedelta(days=29)) == 0
    assert short_links.forget(made.expires_at + timedelta(days=31)) == 1
    assert not Link.objects.exists()
    assert Message.objects.exists()


def test_what_is_stored_is_json_that_admin_can_show(tracking: Provider) -> None:
    attempt = sent(tracking).attempts.get()
    assert Link.objects.get().token in json.loads(attempt.request)["body"]
