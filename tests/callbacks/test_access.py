"""Where callbacks come in: who is let in, what is kept, and what the BSP is told."""

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from callbacks.models import Webhook
from callbacks.webhooks import store
from lib.group_commit import Overloaded
from providers import lifecycle
from providers.models import CallbackToken, Provider
from tests.factories import make_provider
from tests.gateway import call, call_back, path_of

PURPOSES = ["delivery", "inbound", "webhook"]
META = {"access_token": "t", "phone_number_id": "1", "app_secret": "app-secret", "verify_token": "hub-token"}
INTERAKT = {"api_key": "key", "webhook_secret": "hook-secret"}


@pytest.fixture
def meta(db: None) -> Provider:
    return make_provider(connector_slug="meta", credentials=META)


@pytest.fixture
def interakt(db: None) -> Provider:
    return make_provider(connector_slug="interakt", credentials=INTERAKT)


def signed(body: bytes, secret: str, header: str) -> dict[str, str]:
    return {header: "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


# Kept


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_callback_is_stored_as_it_came(provider: Provider, purpose: str) -> None:
    body = b'{"statuses" :[ ]}\n\xff\x00'
    answer = call_back(provider, purpose, body, {"X-Trace": "abc"})
    assert (answer.status, answer.json) == (200, {"status": "success"})
    webhook = Webhook.objects.get()
    assert bytes(webhook.body) == body
    assert webhook.source == ("native" if purpose == "webhook" else purpose)
    assert webhook.headers["X-Trace"] == "abc"
    assert (webhook.provider, webhook.state, webhook.method) == (provider, Webhook.State.PENDING, "POST")


def test_callbacks_that_are_repeated_are_stored_again(provider: Provider) -> None:
    """Whether one says anything new is found out when it is read."""
    for _ in range(2):
        call_back(provider, "delivery", {"statuses": []})
    assert Webhook.objects.count() == 2


@pytest.mark.parametrize("name", ["Authorization", "Cookie", "X-Api-Key", "Access-Token", "X-Webhook-Secret"])
def test_credentials_are_not_kept(provider: Provider, name: str) -> None:
    call_back(provider, "delivery", {"statuses": []}, {name: "s3cret"})
    assert "s3cret" not in json.dumps(Webhook.objects.get().headers)


def test_a_secret_in_a_header_of_any_name_is_not_kept(db: None) -> None:
    options = {"webhook_header": "X-Shop"}
    credentials = {"api_key": "key", "webhook_secret": "hook-secret"}
    provider = make_provider(connector_slug="360dialog", credentials=credentials, options=options)
    assert call_back(provider, "webhook", {"entry": []}, {"X-Shop": "hook-secret"}).status == 200
    assert "hook-secret" not in json.dumps(Webhook.objects.get().headers)


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("purpose", PURPOSES)
def test_refusals_are_logged_without_the_token(
    provider: Provider, settings: Any, caplog: pytest.LogCaptureFixture, method: str, purpose: str
) -> None:
    """Of some BSPs' webhooks the URL is all that proves them."""
    settings.WEBHOOK_MAX_BODY = 0
    assert call(method, path_of(provider, purpose), b"{}").status in (400, 405)
    assert "•••" in caplog.text
    assert provider.callback_tokens.get(purpose=purpose).token not in caplog.text


@given(body=st.binary())
def test_any_bytes_are_kept(provider: Provider, body: bytes) -> None:
    assert call_back(provider, "delivery", body).status == 200
    assert bytes(Webhook.objects.latest("id").body) == body


# Turned away


@pytest.mark.parametrize("path", ["/callbacks/{}/delivery", "/callbacks/{}/inbound", "/webhooks/{}"])
@pytest.mark.parametrize("token", ["guessed", "\x00", "é", "x" * 300])
def test_an_unknown_url_is_404(db: None, path: str, token: str) -> None:
    answer = call("POST", path.format(token), b"{}")
    assert (answer.status, answer.json) == (404, {"message": "There is no such callback URL"})
    assert not Webhook.objects.exists()


def test_a_token_opens_one_door_only(provider: Provider) -> None:
    token = provider.callback_tokens.get(purpose="delivery").token
    assert call("POST", f"/callbacks/{token}/inbound", b"{}").status == 404
    assert call("POST", f"/webhooks/{token}", b"{}").status == 404


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_rotated_url_works_through_its_grace(provider: Provider, purpose: str) -> None:
    former = path_of(provider, purpose)
    lifecycle.rotate_callback(provider, purpose)
    current = path_of(Provider.objects.get(), purpose)
    assert former != current
    assert [call("POST", path, b"{}").status for path in (former, current)] == [200, 200]
    CallbackToken.objects.filter(expires_at__isnull=False).update(expires_at=timezone.now())
    assert [call("POST", path, b"{}").status for path in (former, current)] == [404, 200]


def test_a_body_beyond_all_measure_is_400(provider: Provider, settings: Any) -> None:
    settings.WEBHOOK_MAX_BODY = 100
    answer = call_back(provider, "delivery", b"x" * 101)
    assert (answer.status, answer.json) == (400, {"message": "the body is larger than 100 bytes"})
    assert not Webhook.objects.exists()


def test_three_megabytes_are_not(provider: Provider) -> None:
    """Meta's webhooks may be that large."""
    assert call_back(provider, "webhook", b"x" * 3_000_000).status == 200


@pytest.mark.parametrize("purpose", PURPOSES)
def test_webhooks_are_posted(provider: Provider, purpose: str) -> None:
    answer = call("GET", path_of(provider, purpose))
    assert answer.status == 405
    assert "POST" in answer.headers["Allow"]
    assert not Webhook.objects.exists()


def test_an_outage_asks_the_bsp_to_try_again(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any) -> None:
        raise OperationalError("gone away")

    monkeypatch.setattr(store.sql, "insert", failing)
    assert call_back(provider, "delivery", {}).status == 500


def test_so_does_overload(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: Any) -> None:
        raise Overloaded

    monkeypatch.setattr(store._writer, "submit", busy)
    assert call_back(provider, "delivery", {}).status == 503


# Meta's handshake and signature


def handshake(provider: Provider, token: str, mode: str = "subscribe") -> Any:
    query = f"?hub.mode={mode}&hub.challenge=4711&hub.verify_token={token}"
    return call("GET", path_of(provider, "webhook") + query)


def test_metas_handshake_is_answered_with_its_challenge(meta: Provider) -> None:
    answer = handshake(meta, "hub-token")
    assert (answer.status, answer.body, answer.content_type) == (200, b"4711", "text/plain")


@pytest.mark.parametrize(
    ("token", "mode"), [("guessed", "subscribe"), ("", "subscribe"), ("hub-token", "other")]
)
def test_a_wrong_handshake_is_not(meta: Provider, token: str, mode: str) -> None:
    answer = handshake(meta, token, mode)
    assert answer.status == 403
    assert b"4711" not in answer.body


SIGNED = [("meta", "app_secret", "X-Hub-Signature-256"), ("interakt", "webhook_secret", "Interakt-Signature")]


@pytest.mark.parametrize(("connector", "credential", "header"), SIGNED)
class TestSignatures:
    BODY = json.dumps({"entry": [], "type": "x", "name": "Zoë"}, ensure_ascii=False).encode()

    @pytest.fixture
    def owner(self, connector: str, meta: Provider, interakt: Provider) -> Provider:
        return meta if connector == "meta" else interakt

    def test_a_good_one_is_let_in(self, owner: Provider, credential: str, header: str) -> None:
        secret = owner.credentials[credential]
        assert call_back(owner, "webhook", self.BODY, signed(self.BODY, secret, header)).status == 200
        assert bytes(Webhook.objects.get().body) == self.BODY

    def test_any_other_is_not(self, owner: Provider, credential: str, header: str) -> None:
        secret = owner.credentials[credential]
        for headers in (
            {},
            signed(self.BODY, "guessed", header),
            signed(self.BODY + b" ", secret, header),
            {header: ""},
            {header: "sha256="},
            {header: "sha256=é"},
        ):
            answer = call_back(owner, "webhook", self.BODY, headers)
            assert (answer.status, answer.json) == (401, {"message": "Verification failed"})
        assert not Webhook.objects.exists()

    def test_a_replaced_secret_counts_for_its_grace(
        self, owner: Provider, credential: str, header: str
    ) -> None:
        former = owner.credentials[credential]
        lifecycle.set_credentials(owner, {credential: "new-secret"})
        owner.save()
        for secret in (former, "new-secret"):
            assert call_back(owner, "webhook", self.BODY, signed(self.BODY, secret, header)).status == 200
        Provider.objects.update(previous_until=timezone.now() - timedelta(seconds=1))
        assert call_back(owner, "webhook", self.BODY, signed(self.BODY, former, header)).status == 401
        assert call_back(owner, "webhook", self.BODY, signed(self.BODY, "new-secret", header)).status == 200


def test_without_a_secret_interakts_url_is_the_secret(db: None) -> None:
    provider = make_provider(connector_slug="interakt", credentials={"api_key": "key"})
    assert call_back(provider, "webhook", {"type": "x"}).status == 200
