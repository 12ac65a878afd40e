"""Vonage's own packages: their models make the messages that we send, and tokens mean the same to both."""

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from vonage_jwt import JwtClient, VonageVerifyJwtError, verify_signature
from vonage_messages import models

from lib.jwt_tokens import verified_hs256
from providers.connectors import CONNECTORS
from providers.connectors.base import Config
from providers.messages import Freeform, Outbound
from tests.connectors import cases
from tests.connectors.cases import Case

VONAGE = CONNECTORS["vonage"]
MODELS = {
    "text": models.WhatsappText,
    "image": models.WhatsappImage,
    "audio": models.WhatsappAudio,
    "video": models.WhatsappVideo,
    "file": models.WhatsappFile,
    "custom": models.WhatsappCustom,
}


@pytest.mark.parametrize(("slug", "case"), cases.parameters("send", "request", of="vonage"))
def test_messages(slug: str, case: Case) -> None:
    ours = json.loads(VONAGE.build_request(cases.outbound(case), cases.config(slug, case)).body)
    theirs = MODELS[ours["message_type"]](**{"from_" if key == "from" else key: ours[key] for key in ours})
    assert json.loads(theirs.model_dump_json(by_alias=True, exclude_none=True)) == ours


def test_every_model_is_of_a_message_that_we_send() -> None:
    requests = [case["request"] for _, case in cases.read("vonage", "send") if "request" in case]
    sent = {request["json"]["message_type"] for request in requests}
    assert sent == MODELS.keys()


KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()


def test_the_token_of_our_calls_is_theirs() -> None:
    """But for the moment it was made, which is ours to choose, and its random id."""
    now = 1_770_000_123
    credentials = {"application_id": "5d0c9e3a", "private_key": PEM}
    outbound = Outbound("wp-1-1", "1|2|3|4|5", "34600111222", "34911222333", Freeform("text", text="Hi"))
    request = VONAGE.build_request(outbound, Config(credentials=credentials, now=now))
    ours = request.header("Authorization").removeprefix("Bearer ")
    issued = read(ours)["iat"]
    theirs = JwtClient("5d0c9e3a", PEM).generate_application_jwt({"iat": issued}).decode()
    assert jwt.get_unverified_header(ours) == jwt.get_unverified_header(theirs)
    assert read(ours).keys() == read(theirs).keys()
    alike = ("application_id", "iat", "exp")
    assert [read(ours)[name] for name in alike] == [read(theirs)[name] for name in alike]


def read(token: str) -> dict[str, Any]:
    options = {"verify_exp": False}
    claims: dict[str, Any] = jwt.decode(token, KEY.public_key(), algorithms=["RS256"], options=options)
    return claims


secrets = st.text("abcdefghij0123456789", min_size=32, max_size=40)


NAMES = ["iss", "api_key", "payload_hash", "application_id"]


@given(st.dictionaries(st.sampled_from(NAMES), st.text()), secrets, secrets)
def test_webhook_tokens(claims: dict[str, str], secret: str, other: str) -> None:
    token = jwt.encode(claims, secret, "HS256")
    for tried in (secret, other):
        assert (verified_hs256(token, [tried]) is not None) is verify_signature(token, tried)


@pytest.mark.parametrize("token", ["", "no token", "a.b.c", jwt.encode({}, None, "none")])
def test_what_is_no_signed_token(token: str) -> None:
    secret = "s" * 32
    assert verified_hs256(token, [secret]) is None
    with pytest.raises(VonageVerifyJwtError):
        verify_signature(token, secret)
