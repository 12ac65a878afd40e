"""What CleverTap is answered: its own shapes and codes, whatever it sends and whatever fails."""

import json
from typing import Any

import pytest
from django.db import OperationalError
from hypothesis import given
from hypothesis import strategies as st

from campaigns.counting import deltas
from campaigns.intake import receive
from campaigns.ledger import ledger
from campaigns.models import Message, Refusal, StatCount
from providers import auth
from providers.models import Provider
from tests.dialects.shapes import anything, nearly_sends
from tests.factories import make_provider
from tests.gateway import SUCCESS, call, logged_in, post, template

OUTAGE = {"status": "failure", "error": {"message": "Unable to process the request"}}


def test_an_unknown_endpoint_is_refused_with_403(provider: Provider) -> None:
    answer = call("POST", "/v1/no-such-provider/messages", b"{}", logged_in(provider))
    assert (answer.status, answer.json) == (403, {"message": "Bad Request: there is no such endpoint"})


@pytest.mark.parametrize("public_id", ["\x00", "é", "%", "x" * 5000])
def test_so_is_an_impossible_one(provider: Provider, public_id: str) -> None:
    answer = call("POST", f"/v1/{public_id}/messages", b"{}", logged_in(provider))
    assert answer.status == 403


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_only_post_is_taken(provider: Provider, method: str) -> None:
    assert call(method, f"/v1/{provider.public_id}/messages", headers=logged_in(provider)).status == 405


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "nonsense", ""])
def test_the_answer_is_json_whatever_is_asked_for(provider: Provider, accept: str) -> None:
    answer = post(provider, template(), {"Accept": accept})
    assert (answer.status, answer.body, answer.content_type) == (200, SUCCESS, "application/json")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_the_content_type_is_not_looked_at(provider: Provider, kind: str) -> None:
    assert post(provider, template(), {"Content-Type": kind}).body == SUCCESS


# Bodies that are no message


NOT_JSON = {
    "utf-16": json.dumps(template()).encode("utf-16"),
    "latin-1": json.dumps(template(text="Zoë"), ensure_ascii=False).encode("latin-1"),
    "cut off": json.dumps(template()).encode()[:-3],
    "two objects": b"{}{}",
    "NaN": b'{"to": NaN}',
    "form": b"to=15550100777&msgId=1",
    "gzip": b"\x1f\x8b\x08\x00",
    "deep": b'{"a":' + b"[" * 100_000,
    "deep and closed": b"[" * 100_000 + b"]" * 100_000,
    "number beyond reason": b'{"to":1' + b"0" * 5000 + b"}",
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_what_is_no_json_is_a_bad_request(provider: Provider, body: bytes) -> None:
    answer = post(provider, body)
    assert answer.status == 403
    assert answer.json["message"].startswith("Bad Request: ")
    assert not Message.objects.exists()


def test_a_body_of_ten_megabytes_is_a_bad_request(provider: Provider) -> None:
    answer = post(provider, template(pad="x" * 10_000_000))
    assert answer.status == 403
    assert answer.json == {"message": "Bad Request: the body is larger than 1000000 bytes"}


@pytest.mark.parametrize("length", ["ten", "-1", "1e3", "0"])
def test_a_wrong_content_length_is_a_bad_request(provider: Provider, length: str) -> None:
    assert post(provider, template(), {"Content-Length": length}).status == 403


def test_a_body_in_chunks_is_read_to_its_end(provider: Provider) -> None:
    """Some HTTP clients never say how long a body will be."""
    assert post(provider, template(), {"Content-Length": ""}).body == SUCCESS


def test_but_not_for_ever(provider: Provider) -> None:
    answer = post(provider, template(pad="x" * 2_000_000), {"Content-Length": ""})
    assert (answer.status, answer.json["message"]) == (
        403,
        "Bad Request: the body is larger than 1000000 bytes",
    )


def test_a_body_that_breaks_off_is_a_bad_request(provider: Provider) -> None:
    body = json.dumps(template()).encode()
    assert post(provider, body, {"Content-Length": str(len(body) + 10)}).status in (200, 403)


# Bodies that are nearly one


def test_a_byte_order_mark_is_ignored(provider: Provider) -> None:
    assert post(provider, b"\xef\xbb\xbf" + json.dumps(template()).encode()).body == SUCCESS


def test_the_declared_charset_is_ignored(provider: Provider) -> None:
    body = json.dumps(template(msgId="Zoë"), ensure_ascii=False).encode()
    assert post(provider, body, {"Content-Type": "application/json; charset=iso-8859-1"}).body == SUCCESS
    assert Message.objects.get().msg_id == "Zoë"


def test_the_last_of_two_keys_counts(provider: Provider) -> None:
    body = json.dumps(template(to="15550100001")).encode()[:-1] + b', "to": "15550100002"}'
    assert post(provider, body).body == SUCCESS
    assert Message.objects.get().to == "15550100002"


def test_nul_characters_are_dropped(provider: Provider) -> None:
    message = template(msgId="a\x00b", customProps=[{"k\x00": "v\x00"}], surprise="\x00")
    message["template"]["namespace"] = "order\x00_ready"
    assert post(provider, message).body == SUCCESS
    stored = Message.objects.get()
    assert (stored.msg_id, stored.template, stored.custom_props) == ("ab", "order_ready", {"k": "v"})


def test_halves_of_emoji_become_question_marks(provider: Provider) -> None:
    assert post(provider, template(msgId="a\ud83d", to="+15550100001")).body == SUCCESS
    assert Message.objects.get().msg_id == "a?"


@pytest.mark.parametrize("key", sorted(template()))
@pytest.mark.parametrize("value", [None, True, 0, -1.5, "", " ", [], [[]], {}, {"a": {}}, "x" * 70_000])
def test_a_key_of_a_wrong_type_never_fails_on_our_side(provider: Provider, key: str, value: Any) -> None:
    answer = post(provider, template() | {key: value})
    assert answer.status == 200
    assert answer.json["status"] in ("success", "failure")
    if answer.json["status"] == "failure":
        assert answer.json["error"]["code"] in (2001, 2002, 2004)
        assert answer.json["error"]["message"]


@pytest.mark.parametrize("connector", ["generic", "interakt", "meta"])
@given(payload=nearly_sends())
def test_no_payload_fails_on_our_side(db: None, connector: str, payload: dict[str, Any]) -> None:
    answer = post(provider_of(connector), payload)
    assert answer.status == 200
    assert answer.body == SUCCESS or answer.json["error"]["code"] in (2001, 2002, 2004)


@given(body=st.binary() | anything.map(lambda value: json.dumps(value).encode()))
def test_no_body_fails_on_our_side(provider: Provider, body: bytes) -> None:
    assert post(provider, body).status in (200, 403)


def provider_of(connector: str) -> Provider:
    credentials = {
        "generic": {},
        "interakt": {"api_key": "key"},
        "meta": {"access_token": "t", "phone_number_id": "1", "app_secret": "s", "verify_token": "v"},
    }
    return make_provider(connector_slug=connector, credentials=credentials[connector])


# When we fail ourselves


def failing(*_: Any, **__: Any) -> None:
    raise OperationalError("the database has gone away")


def test_a_database_that_is_down_is_an_outage(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "accept", failing)
    answer = post(provider, template())
    assert (answer.status, answer.json) == (500, OUTAGE)


def test_so_is_one_that_cannot_tell_who_calls(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "_load", failing)
    assert (post(provider, template()).status, post(provider, template()).json) == (500, OUTAGE)


def test_an_outage_leaves_nothing_half_written(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(deltas, "add", failing)
        assert post(provider, template()).status == 500
    assert not Message.objects.exists()
    assert not StatCount.objects.exists()
    assert post(provider, template()).body == SUCCESS, "the next one is written"


def test_a_refusal_that_cannot_be_noted_is_an_outage_too(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "accept", failing)
    assert post(provider, template(to="nobody")).json == OUTAGE
    assert not Refusal.objects.exists()


def test_so_is_a_bug_of_ours(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("surprise")

    monkeypatch.setattr(receive, "check", broken)
    answer = post(provider, template())
    assert (answer.status, answer.json) == (500, OUTAGE)
