"""How CleverTap proves itself, and what it is told when it cannot."""

import json
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest
from django.utils import timezone

from campaigns.models import Message
from lib import crypto, ttl_cache
from providers import lifecycle
from providers.models import ApiCredential, Provider
from tests.factories import make_provider
from tests.gateway import SUCCESS, Answer, basic, call, logged_in, template, until

INVALID = {"status": "failure", "error": {"code": 2000, "message": "Invalid Credentials"}}


def post(provider: Provider, headers: dict[str, str]) -> Answer:
    return call("POST", f"/v1/{provider.public_id}/messages", json.dumps(template()).encode(), headers)


def test_basic_credentials_are_taken(provider: Provider) -> None:
    assert post(provider, logged_in(provider)).body == SUCCESS


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("someone", "else"),
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic /w=="},
        {"Authorization": "Bearer token"},
        {"Authorization": "\xff\xfe"},
        {"user": "someone", "password": "else"},
    ],
    ids=["none", "wrong", "empty", "no base64", "no utf-8", "bearer", "bytes", "other headers"],
)
def test_any_other_is_refused_with_2000(provider: Provider, headers: dict[str, str]) -> None:
    answer = post(provider, headers)
    assert (answer.status, answer.json) == (200, INVALID)
    assert not Message.objects.exists()


def test_the_password_alone_is_not_enough(provider: Provider) -> None:
    login = provider.login  # type: ignore[attr-defined]
    assert post(provider, basic("", login.password)).json == INVALID
    assert post(provider, basic(login.username, "")).json == INVALID


def test_the_scheme_is_read_in_any_case(provider: Provider) -> None:
    value = logged_in(provider)["Authorization"].replace("Basic", "bAsIc")
    assert post(provider, {"Authorization": value}).body == SUCCESS


def test_refusal_with_401_where_that_is_asked_for(provider: Provider) -> None:
    provider.stored_quirks = {"bad_credentials_answer": "401"}
    provider.save()
    answer = post(provider, {})
    assert (answer.status, answer.json) == (401, {"message": "Invalid Credentials"})


def test_header_credentials_need_every_header(provider: Provider) -> None:
    login = lifecycle.new_login(provider, ("User", "X-Api-Key"))
    assert post(provider, dict(login.headers)).body == SUCCESS
    for name in login.headers:
        assert post(provider, dict(login.headers) | {name: "wrong"}).json == INVALID
        others = {other: value for other, value in login.headers.items() if other != name}
        assert post(provider, others).json == INVALID


def test_a_raw_key_in_the_authorization_header(provider: Provider) -> None:
    login = lifecycle.new_login(provider, ("Authorization",))
    assert post(provider, dict(login.headers)).body == SUCCESS


def test_the_former_login_works_through_its_grace(provider: Provider) -> None:
    former = logged_in(provider)
    login = lifecycle.new_login(provider)
    assert post(provider, former).body == SUCCESS
    assert post(provider, basic(login.username, login.password)).body == SUCCESS


def test_a_login_ends_with_its_grace(provider: Provider) -> None:
    former = logged_in(provider)
    lifecycle.new_login(provider)
    provider.api_credentials.filter(expires_at__isnull=False).update(expires_at=timezone.now())
    assert post(provider, former).json == INVALID


def test_a_second_rotation_ends_the_first_login(provider: Provider) -> None:
    first = logged_in(provider)
    lifecycle.new_login(provider)
    lifecycle.new_login(provider)
    assert post(provider, first).json == INVALID


def test_a_provider_without_credentials_admits_nobody(provider: Provider) -> None:
    provider.api_credentials.all().delete()
    assert post(provider, {}).json == INVALID
    ApiCredential.objects.create(provider=provider, label="empty", headers={})
    assert post(provider, {}).json == INVALID


def test_another_providers_login_is_refused(provider: Provider) -> None:
    assert post(provider, logged_in(make_provider())).json == INVALID


def test_no_secret_is_stored(provider: Provider) -> None:
    login = lifecycle.new_login(provider, ("Token",))
    stored = ApiCredential.objects.get(expires_at__isnull=True)
    assert stored.headers == {"token": crypto.digest(login.headers["Token"])}
    assert login.headers["Token"] not in str(vars(stored))


def test_a_change_shows_once_the_cache_has_aged(
    provider: Provider, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PROVIDER_CACHE_SECONDS = 600
    assert post(provider, logged_in(provider)).body == SUCCESS
    provider.api_credentials.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert post(provider, logged_in(provider)).body == SUCCESS, "nothing is asked of the database meanwhile"
    monkeypatch.setattr(ttl_cache, "monotonic", lambda: monotonic() + 601)
    until(lambda: post(provider, logged_in(provider)).json == INVALID)
