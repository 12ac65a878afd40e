import json
import logging
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.http import HttpRequest
from lib.redact import MASK, UrlTokens, redact_request, redact_text

SECRET = 'p@ss/wörd+1 "x"'
FORMS = {
    "plain": SECRET,
    "percent-encoded": quote(SECRET, safe=""),
    "percent-encoded in a path": quote(SECRET),
    "percent-encoded in lower case": quote(SECRET, safe="").lower(),
    "form": quote_plus(SECRET),
    "JSON": json.dumps(SECRET)[1:-1],
    "JSON in UTF-8": json.dumps(SECRET, ensure_ascii=False)[1:-1],
    "base64": b64encode(SECRET.encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_is_masked(form: str) -> None:
    assert redact_text(f"before ({form}) after", [SECRET]) == f"before ({MASK}) after"


@given(st.text(), st.text(min_size=6), st.text(max_size=9))
def test_basic_credentials_are_masked_for_a_user_of_any_length(user: str, secret: str, after: str) -> None:
    pair = f"{user}:{secret}{after}".encode()
    for encode in (b64encode, urlsafe_b64encode):
        assert redact_text(f"Basic {encode(pair).decode()}", [secret]) == f"Basic {MASK}"


def test_the_longer_of_two_secrets_goes_first() -> None:
    assert redact_text("key-1 and key-1-longer", ["key-1", "key-1-longer"]) == f"{MASK} and {MASK}"


def test_empty_secrets_mask_nothing() -> None:
    assert redact_text("as it was", ["", ""]) == "as it was"


def test_request_headers_are_masked_by_name_and_by_value() -> None:
    names = ["Authorization", "api-key", "X-API-Key", "apikey", "Token", "X-Auth-Token", "password", "Cookie"]
    headers = {**dict.fromkeys(names, "not declared"), "user": "s3cret", "Content-Type": "application/json"}
    request = HttpRequest("POST", "https://bsp.example.test/s3cret?key=s3cret", headers, b'{"k": "s3cret"}')
    stored = redact_request(request, iter(["s3cret"]))
    shown = {**dict.fromkeys(names, MASK), "user": MASK, "Content-Type": "application/json"}
    assert stored.headers == shown
    assert stored.url == f"https://bsp.example.test/{MASK}?key={MASK}"
    assert stored.body.decode() == f'{{"k": "{MASK}"}}'


def test_a_body_that_is_not_text_survives() -> None:
    request = HttpRequest("POST", "https://bsp.example.test/", {}, b"\xff\x00s3cret\xfe")
    assert redact_request(request, ["s3cret"]).body == b"\xff\x00" + MASK.encode() + b"\xfe"


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        ("/callbacks/t0ken/delivery", f"/callbacks/{MASK}/delivery"),
        ("/webhooks/t0ken", f"/webhooks/{MASK}"),
        ("/media/12:t0ken", f"/media/{MASK}"),
        ("/l/t0ken", f"/l/{MASK}"),
        ("/l/t0ken?x=1", f"/l/{MASK}"),
        ("/admin/t0ken", "/admin/t0ken"),
        ("/v1/t0ken/messages", "/v1/t0ken/messages"),
    ],
)
def test_the_token_in_a_logged_url_is_masked(path: str, logged: str) -> None:
    """As Django logs a refused request: the path is among the arguments."""
    record = logging.LogRecord("django.request", logging.WARNING, "", 0, "%s: %s", ("Gone", path), None)
    assert UrlTokens().filter(record)
    assert record.getMessage() == f"Gone: {logged}"
