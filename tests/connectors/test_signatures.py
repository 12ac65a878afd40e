"""Proofs of origin: which secrets count, and that an empty one proves nothing."""

import hmac
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha1, sha256

import pytest

from lib.jwt_tokens import verified_hs256
from lib.signatures import same_secret, signed_form, signed_sha256

BODY = b'{"entry": []}'
URL = "https://shop.example.test/webhooks/t?x=1"
FORM = b"To=whatsapp%3A%2B15550001111&Body=Hi"
FORM_AS_SIGNED = f"{URL}BodyHiTowhatsapp:+15550001111".encode()
LIVE = ["former-secret", "present-secret"]


def sha256_of(secret: str) -> str:
    return "sha256=" + hmac.new(secret.encode(), BODY, sha256).hexdigest()


def form_of(secret: str) -> str:
    return b64encode(hmac.new(secret.encode(), FORM_AS_SIGNED, sha1).digest()).decode()


def token_of(secret: str) -> str:
    """A JSON Web Token, written out: libraries refuse to sign with an empty secret."""
    signed = ".".join(map(_base64, (b'{"alg":"HS256"}', b'{"iss":"shop"}')))
    return f"{signed}.{_base64(hmac.new(secret.encode(), signed.encode(), sha256).digest())}"


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


PROOFS: dict[str, Callable[[str, list[str]], bool]] = {
    "itself": same_secret,
    "sha256": lambda secret, live: signed_sha256(sha256_of(secret), BODY, live),
    "form": lambda secret, live: signed_form(form_of(secret), URL, FORM, live),
    "token": lambda secret, live: verified_hs256(token_of(secret), live) == {"iss": "shop"},
}


@pytest.mark.parametrize("proves", PROOFS.values(), ids=PROOFS)
def test_every_live_secret_counts_and_no_other(proves: Callable[[str, list[str]], bool]) -> None:
    assert proves("former-secret", LIVE)
    assert proves("present-secret", LIVE)
    assert not proves("other-secret", LIVE)


@pytest.mark.parametrize("proves", PROOFS.values(), ids=PROOFS)
@pytest.mark.parametrize("secrets", [[], [""], ["", ""], ["", "present-secret"]])
def test_an_empty_secret_proves_nothing(secrets: list[str], proves: Callable[[str, list[str]], bool]) -> None:
    """A provider whose secret is not entered yet must not take what anybody could have signed."""
    assert not proves("", secrets)


def test_what_is_signed_counts_to_the_last_byte() -> None:
    secret = LIVE[1]
    assert not signed_sha256(sha256_of(secret), BODY + b" ", LIVE)
    assert not signed_sha256(sha256_of(secret).removeprefix("sha256="), BODY, LIVE)
    assert not signed_form(form_of(secret), URL.replace("x=1", "x=2"), FORM, LIVE)
    assert not signed_form(form_of(secret), URL, b"To=whatsapp%3A%2B15550001111", LIVE)
