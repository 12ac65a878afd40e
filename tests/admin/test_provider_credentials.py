"""What CleverTap presents and where it calls back: generated, shown once, replaced in two steps."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from lib import crypto
from providers.models import Provider
from tests.factories import make_provider


def url(provider: Provider, what: str) -> str:
    return f"/admin/providers/provider/{provider.pk}/{what}/"


def text(response: Any) -> str:
    return str(response.content.decode())


def test_credentials_are_shown_once(operator: Client, bsp: Provider) -> None:
    response = operator.post(url(bsp, "new-credentials"), {"kind": "basic"}, follow=True)
    current = bsp.api_credentials.get(expires_at=None)
    login = response.context["login"]
    assert login.password in text(response)
    assert login.username in text(response)
    assert crypto.matches(f"{login.username}:{login.password}", current.headers["authorization"])
    assert "no-store" in response["Cache-Control"]
    again = text(operator.get(url(bsp, "login")))
    assert login.password not in again
    assert "have been shown already" in again


def test_nothing_of_them_lies_readable_in_the_session(operator: Client, bsp: Provider) -> None:
    operator.post(url(bsp, "new-credentials"), {"kind": "basic"})
    stored = dict(operator.session.items())
    login = operator.get(url(bsp, "login")).context["login"]
    assert login.password not in str(stored)


def test_two_credentials_live_side_by_side(operator: Client, bsp: Provider) -> None:
    first = bsp.api_credentials.get()
    operator.post(url(bsp, "new-credentials"), {"kind": "basic"})
    first.refresh_from_db()
    assert first.expires_at is not None
    assert first.expires_at > timezone.now()
    shown = text(operator.get(url(bsp, "change")))
    assert "works until" in shown
    assert "current" in shown
    operator.post(url(bsp, "new-credentials"), {"kind": "basic"})
    assert bsp.api_credentials.count() == 2
    assert not bsp.api_credentials.filter(pk=first.pk).exists()


def test_header_credentials_with_the_names_the_operator_chose(operator: Client, bsp: Provider) -> None:
    form = {"kind": "headers", "names": "user, password"}
    response = operator.post(url(bsp, "new-credentials"), form, follow=True)
    headers = response.context["login"].headers
    assert list(headers) == ["user", "password"]
    stored = bsp.api_credentials.get(expires_at=None).headers
    assert all(crypto.matches(value, stored[name]) for name, value in headers.items())
    assert all(value in text(response) for value in headers.values())


@pytest.mark.parametrize(
    ("names", "words"), [("", "at least one"), ("a b", "Not a header name"), ("A, a", "there twice")]
)
def test_header_names_are_checked(operator: Client, bsp: Provider, names: str, words: str) -> None:
    response = operator.post(url(bsp, "new-credentials"), {"kind": "headers", "names": names})
    assert words in text(response)
    assert bsp.api_credentials.count() == 1


@pytest.mark.parametrize("purpose", ["delivery", "inbound", "webhook"])
def test_a_rotated_address_works_on_for_a_while(operator: Client, bsp: Provider, purpose: str) -> None:
    if purpose != "webhook":
        bsp = make_provider()  # its BSP speaks CleverTap's format
    former = bsp.callback_tokens.get(purpose=purpose)
    asked = text(operator.get(url(bsp, f"rotate/{purpose}")))
    assert "keeps working for 7 days" in asked
    assert bsp.callback_tokens.count() == 3  # only asked
    operator.post(url(bsp, f"rotate/{purpose}"), {"confirmed": "yes"})
    current = bsp.callback_tokens.get(purpose=purpose, expires_at=None)
    shown = text(operator.get(url(bsp, "change")))
    assert current.token in shown
    assert former.token not in shown
    assert "The former URL works until" in shown
