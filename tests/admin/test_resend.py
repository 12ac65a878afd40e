"""Sending again: one message, several, everything that matches; asked first, noted, allowed."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from campaigns.models import Message, Status
from campaigns.sending import resend
from providers import lifecycle
from providers.models import Provider
from tests.admin.conftest import failed, unknown
from tests.conftest import Woken
from tests.factories import MessageFactory

LIST = "/admin/campaigns/message/"


def url(message: Message, what: str = "change") -> str:
    return f"{LIST}{message.pk}/{what}/"


def shown(client: Client, message: Message) -> str:
    return client.get(url(message)).content.decode()


@pytest.mark.parametrize("make", [failed, unknown])
def test_sending_again_asks_first(
    operator: Client, operator_user: User, bsp: Provider, woken: Woken, make: Callable[..., Message]
) -> None:
    message = make(provider=bsp)
    assert url(message, "resend") in shown(operator, message)
    asked = operator.get(url(message, "resend")).content.decode()
    assert ("may have been delivered" in asked) == (make is unknown)
    message.refresh_from_db()
    assert message.status != Status.QUEUED
    response = operator.post(url(message, "resend"), {"confirmed": "yes"}, follow=True)
    message.refresh_from_db()
    assert message.status == Status.QUEUED
    assert f"campaigns.send:{bsp.pk}" in woken()
    assert "Queued again." in response.content.decode()
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (operator_user, str(message.pk))
    assert "Sent again by mira" in shown(operator, message)


def test_sending_again_on_a_paused_provider_says_so(operator: Client, bsp: Provider) -> None:
    message = failed(provider=bsp)
    lifecycle.pause(bsp, "x")
    response = operator.post(url(message, "resend"), follow=True)
    assert "Resume sends the message" in response.content.decode()


def test_what_needs_no_resend_has_no_button(operator: Client, bsp: Provider) -> None:
    message = MessageFactory(provider=bsp, status=Status.DELIVERED)
    assert url(message, "resend") not in shown(operator, message)
    assert (
        "only failed and unknown messages can be resent"
        in operator.get(url(message, "resend")).content.decode()
    )
    response = operator.post(url(message, "resend"), follow=True)
    assert "no longer failed or unknown" in response.content.decode()
    message.refresh_from_db()
    assert message.status == Status.DELIVERED
    assert not LogEntry.objects.exists()


def picked(*messages: Message, across: bool = False, **more: str) -> dict[str, Any]:
    selected = [message.pk for message in messages]
    action = {"action": "resend_selected", "_selected_action": selected, "select_across": str(int(across))}
    return action | more


def test_sending_several_again_counts_first(operator: Client, bsp: Provider, woken: Woken) -> None:
    lost, doubtful = failed(provider=bsp), unknown(provider=bsp)
    fine = MessageFactory(provider=bsp, status=Status.READ)
    asked = operator.post(LIST, picked(lost, doubtful, fine)).content.decode()
    for words in (
        "1 failed will be resent",
        "1 unknown will be resent",
        "may have been delivered",
        "1 skipped",
    ):
        assert " ".join(words.split()) in " ".join(asked.split())
    assert not Message.objects.filter(status=Status.QUEUED).exists()
    assert not woken()
    response = operator.post(LIST, picked(lost, doubtful, fine, confirmed="yes"), follow=True)
    assert "2 queued again." in response.content.decode()
    assert set(Message.objects.filter(status=Status.QUEUED)) == {lost, doubtful}
    assert woken() == {f"campaigns.send:{bsp.pk}"}
    assert set(LogEntry.objects.values_list("object_id", flat=True)) == {str(lost.pk), str(doubtful.pk)}


def test_sending_again_everything_that_matches(
    operator: Client, bsp: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resend, "CHUNK", 2)
    wanted = [failed(provider=bsp, to=f"9198000000{n:02d}") for n in range(5)]
    other = failed(provider=bsp, to="14155550100")
    across = f"{LIST}?q=9198&status=60"
    asked = operator.post(across, picked(wanted[0], across=True)).content.decode()
    assert "5 failed will be resent" in asked
    assert 'name="select_across" value="1"' in asked
    operator.post(across, picked(wanted[0], across=True, confirmed="yes"))
    assert set(Message.objects.filter(status=Status.QUEUED)) == set(wanted)
    other.refresh_from_db()
    assert other.status == Status.FAILED
    assert LogEntry.objects.count() == 5


def test_nothing_to_send_again_offers_no_button(operator: Client, bsp: Provider) -> None:
    message = MessageFactory(provider=bsp, status=Status.READ)
    asked = operator.post(LIST, picked(message)).content.decode()
    assert "1 skipped" in asked
    assert 'name="confirmed"' not in asked


def test_only_those_who_may_send_again(
    signed_in: Callable[[Iterable[str]], Client], looker: Client, bsp: Provider
) -> None:
    message = failed(provider=bsp)
    assert url(message, "resend") not in shown(looker, message)
    looker.get(url(message, "resend"), status=403)
    looker.post(url(message, "resend"), status=403)
    assert "resend_selected" not in looker.get(LIST).content.decode()
    looker.post(LIST, picked(message, confirmed="yes"))
    message.refresh_from_db()
    assert message.status == Status.FAILED
    sender = signed_in(["view_message", "change_message"])
    assert url(message, "resend") in shown(sender, message)
    sender.post(url(message, "resend"))
    message.refresh_from_db()
    assert message.status == Status.QUEUED
