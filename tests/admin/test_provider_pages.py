"""The provider list, its buttons, and what CleverTap and the BSP need from us."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db.models import ProtectedError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns.counting.keys import minute
from campaigns.models import StatCount
from lib.http import HttpResponse
from lib.transport import NotSent, transport
from providers import description, lifecycle
from providers.models import Provider
from tests.admin.conftest import SECRETS, failing
from tests.conftest import Woken
from tests.factories import MessageFactory, make_provider

LIST = "/admin/providers/provider/"


def url(provider: Provider, what: str) -> str:
    return f"/admin/providers/provider/{provider.pk}/{what}/"


def text(response: Any) -> str:
    return str(response.content.decode())


def test_an_empty_list_says_what_to_do(operator: Client) -> None:
    shown = text(operator.get(LIST))
    assert "No provider yet" in shown
    assert "Add the first one" in shown


def test_the_list_tells_state_queue_and_trouble(operator: Client, bsp: Provider) -> None:
    paused = make_provider(nickname="Paused one")
    lifecycle.pause(paused, "Credentials were refused")
    MessageFactory.create_batch(3, provider=bsp)
    StatCount.objects.create(
        provider=bsp, minute=minute(timezone.now()), metric=StatCount.Metric.ACCEPTED, count=3
    )
    until = timezone.now() + timedelta(minutes=3)
    Provider.objects.filter(pk=bsp.pk).update(hold_until=until, hold_reason="80 a second at most")
    outlet = failing(bsp)
    shown = text(operator.get(LIST))
    assert f"/admin/campaigns/message/?provider={bsp.pk}&amp;status=10" in shown
    for words in (
        "Paused",
        "Credentials were refused",
        "Held",
        "80 a second at most",
        "40 a minute",
        "delivery reports failing",
        f"/admin/callbacks/outlet/{outlet.pk}/change/",
    ):
        assert words in shown
    rows = {row.pk: row for row in operator.get(LIST).context["cl"].result_list}
    assert rows[bsp.pk].n_queued == 3
    assert rows[paused.pk].n_queued == 0
    assert rows[paused.pk].last_minute is None


def test_counting_a_queue_stops_at_the_cap(
    operator: Client, bsp: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lib import admin

    monkeypatch.setattr(admin.CappedCount.__init__, "__defaults__", (2,))
    monkeypatch.setattr(admin, "CAP", 2)
    MessageFactory.create_batch(4, provider=bsp)
    assert "2+" in text(operator.get(LIST))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=paused", ["B"]),
        ("state=active", ["A"]),
        ("state=held", ["A"]),
        ("connector_slug=interakt", ["B"]),
        ("q=8889", ["B"]),
        ("q=a", ["A"]),
    ],
)
def test_filters_and_search(operator: Client, query: str, found: list[str]) -> None:
    held = make_provider(nickname="A")
    Provider.objects.filter(pk=held.pk).update(hold_until=timezone.now() + timedelta(hours=1))
    b = make_provider(
        nickname="B", connector_slug="interakt", waba_number="+918889500122", credentials=SECRETS
    )
    lifecycle.pause(b, "x")
    assert [row.nickname for row in operator.get(f"{LIST}?{query}").context["cl"].result_list] == found


def test_the_page_shows_every_address_to_copy(operator: Client, bsp: Provider) -> None:
    shown = text(operator.get(url(bsp, "change")))
    urls = description.urls(bsp)
    for name in ("messages_url", "templates_url", "webhook_url"):
        assert urls[name] in shown
    assert urls["delivery_callback_url"] not in shown, "Interakt has no place for it"
    assert shown.count("data-copy=") >= 3
    assert bsp.api_credentials.get().label in shown
    assert "POST" in shown


def test_why_it_is_paused_or_held_is_on_its_page(operator: Client, bsp: Provider) -> None:
    lifecycle.pause(bsp, "Five refusals in a row")
    assert "Five refusals in a row" in text(operator.get(url(bsp, "change")))
    lifecycle.resume(bsp)
    until = timezone.now() + timedelta(minutes=5)
    Provider.objects.filter(pk=bsp.pk).update(hold_until=until, hold_reason="Slow down")
    shown = text(operator.get(url(bsp, "change")))
    assert "Held until" in shown
    assert "Slow down" in shown
    assert url(bsp, "resume") in shown


def test_pausing_asks_for_a_reason(operator: Client, bsp: Provider) -> None:
    assert "Messages that CleverTap posts meanwhile are still accepted" in text(
        operator.get(url(bsp, "pause"))
    )
    assert "This field is required" in text(operator.post(url(bsp, "pause"), {"reason": ""}))
    operator.post(url(bsp, "pause"), {"reason": "Maintenance at the BSP"})
    bsp.refresh_from_db()
    assert (bsp.state, bsp.paused_reason) == ("paused", "Maintenance at the BSP")
    assert "Maintenance at the BSP" in LogEntry.objects.get().change_message
    assert url(bsp, "resume") in text(operator.get(url(bsp, "change")))


def test_resuming_clears_the_hold_and_wakes_the_sender(operator: Client, bsp: Provider, woken: Woken) -> None:
    lifecycle.pause(bsp, "x")
    Provider.objects.filter(pk=bsp.pk).update(hold_until=timezone.now() + timedelta(hours=1))
    operator.get(url(bsp, "resume"))
    bsp.refresh_from_db()
    assert bsp.state == "paused"  # looking at the page resumes nothing
    operator.post(url(bsp, "resume"), {"confirmed": "yes"})
    bsp.refresh_from_db()
    assert (bsp.state, bsp.hold_until) == ("active", None)
    assert f"campaigns.resumed:{bsp.pk}" in woken()


def test_several_are_paused_and_resumed_in_the_list(operator: Client, bsp: Provider) -> None:
    form = {"action": "pause_selected", "_selected_action": [bsp.pk]}
    assert "Paused 1" in text(operator.post(LIST, form, follow=True))
    bsp.refresh_from_db()
    assert bsp.paused_reason == "Paused in the list by mira."
    operator.post(LIST, form | {"action": "resume_selected"})
    bsp.refresh_from_db()
    assert bsp.state == "active"
    assert LogEntry.objects.count() == 2


def answered(monkeypatch: pytest.MonkeyPatch, answer: HttpResponse | Exception) -> list[Any]:
    sent: list[Any] = []

    def send(request: Any, timeout: float) -> HttpResponse:
        sent.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(transport, "send", send)
    return sent


def test_check_connection_shows_request_answer_and_verdict(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = make_provider(
        credentials={"username": "shop", "password": "pass-w0rd-31", "header:Token": "t0k-55"}
    )
    sent = answered(monkeypatch, HttpResponse(200, {}, b'{"status":"success"}', 37))
    operator.get(url(provider, "check"))
    assert not sent  # looking sends nothing
    shown = text(operator.post(url(provider, "check"), {"confirmed": "yes"}))
    assert len(sent) == 1
    for words in (
        "The BSP accepted the validation message",
        "whatsapp:hsm:technology:generic:verify",
        "37 ms",
        "&quot;success&quot;",
        "•••",
        "http://127.0.0.1:9/messages",
    ):
        assert words in shown
    assert "pass-w0rd-31" not in shown
    assert "t0k-55" not in shown


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (HttpResponse(401, {}, b"{}"), "The BSP refused the credentials"),
        (HttpResponse(503, {}, b"{}"), "The BSP had an error of its own"),
        (HttpResponse(429, {}, b"{}"), "accepts no more requests for now"),
        (HttpResponse(200, {}, b"<html>"), "could not be understood"),
        (NotSent("connection refused"), "Is the address right"),
    ],
)
def test_a_failed_check_says_why(
    operator: Client, bsp: Provider, monkeypatch: pytest.MonkeyPatch, answer: Any, words: str
) -> None:
    answered(monkeypatch, answer)
    assert words in text(operator.post(url(bsp, "check")))


def test_a_provider_with_messages_cannot_be_deleted(operator: Client, bsp: Provider) -> None:
    MessageFactory(provider=bsp)
    shown = text(operator.get(url(bsp, "delete")))
    assert "cannot be deleted" in shown
    assert "Pause it instead" in shown
    assert url(bsp, "pause") in shown
    assert url(bsp, "archive") in shown
    operator.post(url(bsp, "delete"), {"post": "yes"})
    assert Provider.objects.filter(pk=bsp.pk).exists()


def test_a_message_that_comes_while_deleting_stops_it_in_plain_words(
    operator: Client, bsp: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def delete(self: Provider, *args: Any, **options: Any) -> None:
        raise ProtectedError("protected", set())

    monkeypatch.setattr(Provider, "delete", delete)
    shown = text(operator.post(url(bsp, "delete"), {"post": "yes"}, follow=True))
    assert "This provider cannot be deleted" in shown


def test_a_provider_without_messages_is_deleted_with_all_it_has(operator: Client, bsp: Provider) -> None:
    assert "Callback tokens: 3" in text(operator.get(url(bsp, "delete")))
    operator.post(url(bsp, "delete"), {"post": "yes"})
    assert not Provider.objects.exists()


def test_deleting_several_is_no_action(operator: Client, bsp: Provider) -> None:
    assert "delete_selected" not in text(operator.get(LIST))


def test_the_history_opens(operator: Client, bsp: Provider) -> None:
    lifecycle.pause(bsp, "x")
    assert operator.get(reverse("admin:providers_provider_history", args=[bsp.pk])).status_code == 200


def test_the_page_shows_what_the_bsp_told_of_the_account(operator: Client, bsp: Provider) -> None:
    assert "What the BSP reported about this account" not in text(operator.get(url(bsp, "health")))
    bsp.account_events.create(
        happened_at=timezone.now(), kind="ACCOUNT_RESTRICTION", text="For spam", effect="paused the provider"
    )
    shown = text(operator.get(url(bsp, "health")))
    assert "What the BSP reported about this account" in shown
    assert "ACCOUNT_RESTRICTION</strong>: For spam" in shown
    assert "Waypost paused the provider." in shown
