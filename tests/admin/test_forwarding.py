"""CleverTap's URLs, the calls to them, parked reports, and refused requests."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.utils import timezone

from callbacks.forwarding import forward
from callbacks.models import ForwardCall
from campaigns.models import Event, Forward, Message, Refusal, Status
from providers.models import Provider
from tests.admin.conftest import failing, inbound, parked, reported
from tests.conftest import Woken
from tests.factories import MessageFactory, make_provider
from tests.months import plan

OUTLETS = "/admin/callbacks/outlet/"
CALLS = "/admin/callbacks/forwardcall/"
EVENTS = "/admin/campaigns/event/"
REFUSALS = "/admin/campaigns/refusal/"


def text(response: Any) -> str:
    return str(response.content.decode())


def rows(operator: Client, url: str, **query: str) -> list[int]:
    return [row.pk for row in operator.get(url, query).context["cl"].result_list]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (OUTLETS, "Nothing has been forwarded yet"),
        (CALLS, "CleverTap has not been called yet"),
        (EVENTS, "No delivery report yet"),
        (REFUSALS, "Nothing was refused"),
    ],
)
def test_an_empty_list_says_what_it_will_hold(operator: Client, url: str, words: str) -> None:
    assert words in text(operator.get(url))


@pytest.fixture
def sent(bsp: Provider) -> Message:
    message: Message = MessageFactory(provider=bsp, status=Status.SENT)
    return message


def test_outlets_tell_their_trouble_and_what_they_owe(
    operator: Client, bsp: Provider, other_shop: Provider, sent: Message
) -> None:
    parked(sent)
    reported(sent, "read")
    inbound(bsp)
    outlet, other = failing(bsp), failing(bsp, "inbound")
    of_others = MessageFactory(provider=other_shop, msg_id=sent.msg_id, to=sent.to, status=Status.SENT)
    parked(of_others)
    inbound(other_shop)
    inbound(other_shop, bsp_id="in-parked", forward=Forward.PARKED)
    stranger, silent = failing(other_shop), failing(other_shop, "inbound")
    shown = text(operator.get(OUTLETS))
    for words in ("Failing", "HTTP 503: Service Unavailable", "Shop: delivery reports", "never"):
        assert words in shown
    for state in (Forward.PENDING, Forward.PARKED):
        assert f"{EVENTS}?provider={bsp.pk}&amp;forward={state.value}" in shown
    counted = {
        row.pk: (row.n_pending, row.n_parked) for row in operator.get(OUTLETS).context["cl"].result_list
    }
    assert counted == {outlet.pk: (1, 1), other.pk: (1, 0), stranger.pk: (0, 1), silent.pk: (1, 1)}
    page = text(operator.get(f"{OUTLETS}{outlet.pk}/change/"))
    for words in (
        "https://clevertap.example/dlr",
        "Tried again",
        f"{OUTLETS}{outlet.pk}/retry/",
        f"{CALLS}?provider={bsp.pk}&amp;kind=delivery",
    ):
        assert words in page


def test_retrying_an_outlet_ends_the_hold_and_puts_back_what_was_parked(
    operator: Client, bsp: Provider, sent: Message, woken: Woken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "RETRIED_AT_ONCE", 2)
    events = [parked(MessageFactory(provider=bsp, status=Status.SENT)) for _ in range(5)]
    elsewhere = parked(MessageFactory(provider=make_provider(), status=Status.SENT))
    reply = inbound(bsp, forward=Forward.PARKED)
    outlet = failing(bsp)
    response = operator.post(f"{OUTLETS}{outlet.pk}/retry/", follow=True)
    assert "with 5 that were parked" in text(response)
    outlet.refresh_from_db()
    assert outlet.hold_until is None
    assert set(Event.objects.filter(forward=Forward.PENDING)) == set(events)
    for item in (elsewhere, reply):
        item.refresh_from_db()
        assert item.forward == Forward.PARKED
    assert f"callbacks.forward:{bsp.pk}" in woken()
    assert "Retried now" in LogEntry.objects.get().change_message


def test_an_outlet_with_nothing_parked_is_tried_at_once(
    operator: Client, bsp: Provider, woken: Woken
) -> None:
    outlet = failing(bsp, "inbound")
    form = {"action": "retry_selected", "_selected_action": [outlet.pk]}
    assert "tried now" in text(operator.post(OUTLETS, form, follow=True))
    outlet.refresh_from_db()
    assert outlet.hold_until is None
    assert woken() == {f"callbacks.forward:{bsp.pk}"}


def test_an_outlet_without_a_url_says_where_to_set_it(operator: Client, bsp: Provider) -> None:
    outlet = failing(bsp)
    Provider.objects.update(delivery_url="")
    assert "No URL" in text(operator.get(OUTLETS))
    shown = text(operator.post(f"{OUTLETS}{outlet.pk}/retry/", follow=True))
    assert "has no CleverTap URL for delivery reports" in shown


def call(bsp: Provider, **values: Any) -> ForwardCall:
    defaults = {
        "kind": "delivery",
        "started_at": timezone.now(),
        "url": bsp.delivery_url,
        "body": '{"statuses":[]}',
    }
    return ForwardCall.objects.create(provider=bsp, **defaults | values)


def test_calls_are_listed_filtered_and_shown(operator: Client, bsp: Provider) -> None:
    taken = call(bsp, status=200, answer='{"status":"success"}', milliseconds=41)
    refused = call(bsp, status=400, answer="<b>unknown</b>")
    silent = call(bsp, kind="inbound", error="No answer within 20 s")
    assert rows(operator, CALLS) == [silent.pk, refused.pk, taken.pk]
    assert rows(operator, CALLS, answer="taken") == [taken.pk]
    assert rows(operator, CALLS, answer="refused") == [refused.pk]
    assert rows(operator, CALLS, answer="none") == [silent.pk]
    assert rows(operator, CALLS, kind="inbound") == [silent.pk]
    page = text(operator.get(f"{CALLS}{taken.pk}/change/"))
    for words in ("&quot;statuses&quot;: []", "&quot;success&quot;", "41 ms", bsp.delivery_url):
        assert words in page
    assert "<b>unknown" not in text(operator.get(f"{CALLS}{refused.pk}/change/"))
    assert "No answer within 20 s" in text(operator.get(f"{CALLS}{silent.pk}/change/"))


def test_parked_reports_are_listed_and_retried(
    operator: Client, bsp: Provider, sent: Message, woken: Woken
) -> None:
    event = parked(sent)
    waiting = reported(MessageFactory(provider=bsp, status=Status.SENT), "delivered")[0]
    assert rows(operator, EVENTS, forward="3") == [event.pk]
    shown = text(operator.get(EVENTS, {"forward": "3"}))
    for words in (
        f"/admin/campaigns/message/{sent.pk}/change/",
        sent.msg_id,
        sent.to,
        "HTTP 400: unknown msgId",
    ):
        assert words in shown
    form = {"action": "retry_selected", "_selected_action": [event.pk]}
    assert "1 will be forwarded now" in text(operator.post(f"{EVENTS}?forward=3", form, follow=True))
    event.refresh_from_db()
    assert (event.forward, event.forward_error) == (Forward.PENDING, "")
    assert f"callbacks.forward:{bsp.pk}" in woken()
    assert rows(operator, EVENTS, forward="1") == [waiting.pk, event.pk]


def test_parked_reports_have_an_index(operator: Client, sent: Message) -> None:
    parked(sent)
    found = operator.get(EVENTS, {"forward": "3"}).context["cl"].queryset
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
    assert "event_parked" in plan(found)


def test_everything_parked_is_retried_across_pages(operator: Client, bsp: Provider) -> None:
    events = [parked(MessageFactory(provider=bsp, status=Status.SENT)) for _ in range(3)]
    form = {"action": "retry_selected", "_selected_action": [events[0].pk], "select_across": "1"}
    assert "3 will be forwarded now" in text(operator.post(f"{EVENTS}?forward=3", form, follow=True))


def test_a_reports_page_is_its_messages(operator: Client, sent: Message) -> None:
    event = parked(sent)
    response = operator.get(f"{EVENTS}{event.pk}/change/", status=302)
    assert response["Location"] == f"/admin/campaigns/message/{sent.pk}/change/"


def test_the_list_of_reports_reads_no_payload(operator: Client, sent: Message) -> None:
    parked(sent)
    queryset = operator.get(EVENTS).context["cl"].queryset
    assert '"payload"' not in str(queryset.query)


def test_only_those_who_may_retry(looker: Client, bsp: Provider, sent: Message) -> None:
    event, outlet = parked(sent), failing(bsp)
    assert "retry/" not in text(looker.get(f"{OUTLETS}{outlet.pk}/change/"))
    assert "Retry forwards now" not in text(looker.get(f"/admin/campaigns/message/{sent.pk}/change/"))
    looker.post(f"{OUTLETS}{outlet.pk}/retry/", status=403)
    looker.post(f"{EVENTS}of/{sent.pk}/retry/", status=403)
    for url, pk in ((OUTLETS, outlet.pk), (EVENTS, event.pk)):
        looker.post(url, {"action": "retry_selected", "_selected_action": [pk]})
    event.refresh_from_db()
    outlet.refresh_from_db()
    assert event.forward == Forward.PARKED
    assert outlet.hold_until is not None
    assert outlet.hold_until > timezone.now() + timedelta(minutes=1)


def refusal(bsp: Provider, **values: Any) -> Refusal:
    defaults = {
        "received_at": timezone.now(),
        "code": 2002,
        "text": "to: +91-98 is not a phone number",
        "msg_id": "1|2|3|4",
        "to_raw": "+91-98",
        "payload": '{"to":"+91-98"}',
    }
    return Refusal.objects.create(provider=bsp, **defaults | values)


def test_refused_requests_are_found_and_shown(operator: Client, bsp: Provider) -> None:
    phone = refusal(bsp)
    credentials = refusal(bsp, code=2000, text="Invalid credentials", msg_id="", to_raw="")
    assert rows(operator, REFUSALS) == [credentials.pk, phone.pk]
    assert rows(operator, REFUSALS, code="2002") == [phone.pk]
    assert rows(operator, REFUSALS, provider=str(bsp.pk)) == [credentials.pk, phone.pk]
    for term in ("1|2", "+91-98", "not a phone"):
        assert rows(operator, REFUSALS, q=term) == [phone.pk]
    page = text(operator.get(f"{REFUSALS}{phone.pk}/change/"))
    for words in (
        "2002 phone",
        "to: +91-98 is not a phone number",
        "&quot;to&quot;: &quot;+91-98&quot;",
        "Nothing was queued or sent",
    ):
        assert words in page
