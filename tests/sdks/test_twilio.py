"""Twilio's own library: what it signs we take, and what it would send we send."""

from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from lib.http import HttpRequest
from providers.connectors import CONNECTORS
from providers.connectors.base import Config
from tests.connectors import cases
from tests.connectors.cases import Case

TOKEN = "unit-test-auth-token"
TWILIO = CONNECTORS["twilio"]
CONFIG = Config(credentials={"auth_token": TOKEN})

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
forms = st.dictionaries(words.filter(bool), st.lists(words, min_size=1, max_size=3), max_size=5)
plain = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=10)


@st.composite
def urls(draw: st.DrawFn) -> str:
    host = draw(st.sampled_from(["gw.example.test", "127.0.0.1"]))
    port = draw(st.sampled_from(["", ":443", ":80"]) | st.integers(1, 65535).map(lambda port: f":{port}"))
    path = "".join(f"/{part}" for part in draw(st.lists(plain, max_size=3)))
    query = urlencode(draw(st.dictionaries(plain, words, max_size=3)))
    return f"{draw(st.sampled_from(['https', 'http']))}://{host}{port}{path}" + (f"?{query}" if query else "")


class Form(dict[str, list[str]]):
    """Keys that may repeat, as the library takes them from web frameworks."""

    def getall(self, name: str) -> list[str]:
        return self[name]


def taken(url: str, body: bytes, signature: str) -> bool:
    return TWILIO.verify(HttpRequest("POST", url, {"X-Twilio-Signature": signature}, body), CONFIG)


many = settings(max_examples=300)


@many
@given(urls(), urls(), forms, forms, st.booleans())
def test_signed_forms(url: str, signed_url: str, form: Any, signed_form: Any, true: bool) -> None:
    """Of the same request, and of any other."""
    if true:
        signed_url, signed_form = url, form
    validator = RequestValidator(TOKEN)
    signature = validator.compute_signature(signed_url, Form(signed_form))
    theirs = validator.validate(url, Form(form), signature)
    assert taken(url, urlencode(form, doseq=True).encode(), signature) is theirs
    assert theirs or not true


@many
@given(urls(), forms, st.integers(1, 65535))
def test_a_url_is_signed_with_its_port_or_without(url: str, form: Any, port: int) -> None:
    head, _, rest = url.partition("://")
    name, slash, path = rest.partition("/")
    other = f"{head}://{name.partition(':')[0].partition('?')[0]}:{port}{slash}{path}"
    validator = RequestValidator(TOKEN)
    signature = validator.compute_signature(other, Form(form))
    body = urlencode(form, doseq=True).encode()
    assert taken(url, body, signature) is validator.validate(url, Form(form), signature)


@many
@given(urls(), words, words)
def test_signed_json(url: str, body: str, other: str) -> None:
    """The URL names the body's digest, and the signature is of the URL alone."""
    joint = "&" if "?" in url else "?"
    url += f"{joint}bodySHA256={sha256(body.encode()).hexdigest()}"
    validator = RequestValidator(TOKEN)
    signature = validator.compute_signature(url, {})
    assert taken(url, body.encode(), signature)
    for sent in (body, other):
        assert taken(url, sent.encode(), signature) is validator.validate(url, sent, signature)


def test_another_secret_signs_nothing() -> None:
    url = "https://gw.example.test/hooks/t"
    signature = RequestValidator("another").compute_signature(url, {"To": "1"})
    assert not taken(url, b"To=1", signature)


class Wire:
    """Keeps what the library would send."""

    def request(self, method: str, url: str, **rest: Any) -> Response:
        self.sent = (method, url, rest["data"])
        return Response(201, '{"sid": "SM1"}')


# The library's arguments, by the form fields that they become.
ARGUMENTS = {
    "To": "to",
    "From": "from_",
    "MessagingServiceSid": "messaging_service_sid",
    "StatusCallback": "status_callback",
    "Body": "body",
    "MediaUrl": "media_url",
    "PersistentAction": "persistent_action",
    "ContentSid": "content_sid",
    "ContentVariables": "content_variables",
}
LISTS = ("MediaUrl", "PersistentAction")


@pytest.mark.parametrize(("slug", "case"), cases.parameters("send", "request", of="twilio"))
def test_messages(slug: str, case: Case) -> None:
    config = cases.config(slug, case)
    ours = TWILIO.build_request(cases.outbound(case), config)
    form = dict(parse_qsl(ours.body.decode()))
    arguments = {ARGUMENTS[name]: [value] if name in LISTS else value for name, value in form.items()}
    wire = Wire()
    client = Client(config.credential("account_sid"), "secret", http_client=wire)
    client.messages.create(**arguments)
    method, url, data = wire.sent
    assert method == ours.method
    assert url.partition("/2010")[2] == ours.url.partition("/2010")[2]
    assert {name: value[0] if name in LISTS else value for name, value in data.items()} == form
