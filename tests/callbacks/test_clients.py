"""What programs expect of a URL: gzip, a trailing slash, HEAD and OPTIONS."""

import gzip
import json
from typing import Any

import pytest

from callbacks.models import Webhook
from providers.models import Provider
from tests.gateway import SUCCESS, call, call_back, logged_in, path_of, post, template

GZIP = {"Content-Encoding": "gzip"}
STATUSES = {"statuses": [{"msgId": "1|2|3|4|5", "status": "sent", "timestamp": "1767603900"}]}


def test_messages_may_be_zipped(provider: Provider) -> None:
    body = gzip.compress(json.dumps(template()).encode())
    assert post(provider, body, GZIP).body == SUCCESS


@pytest.mark.parametrize("body", [b"no gzip", gzip.compress(b"{}" * 50)[:-9]], ids=["no gzip", "cut off"])
def test_broken_gzip_is_refused(provider: Provider, body: bytes) -> None:
    assert call_back(provider, "delivery", body, GZIP).status == 400


def test_what_unzips_to_more_than_is_allowed_is_refused(provider: Provider, settings: Any) -> None:
    settings.WEBHOOK_MAX_BODY = 100
    assert call_back(provider, "delivery", gzip.compress(b" " * 101), GZIP).status == 400
    assert call_back(provider, "delivery", gzip.compress(b" " * 100), GZIP).status == 200


@pytest.mark.parametrize("purpose", ["delivery", "inbound", "webhook"])
def test_a_trailing_slash_is_no_other_url(provider: Provider, purpose: str) -> None:
    answer = call("POST", path_of(provider, purpose) + "/", json.dumps(STATUSES).encode())
    assert answer.status == 200
    assert Webhook.objects.count() == 1


def test_nor_is_it_one_for_messages(provider: Provider) -> None:
    body = json.dumps(template()).encode()
    path = f"/v1/{provider.public_id}/messages/"
    assert call("POST", path, body, logged_in(provider)).body == SUCCESS


@pytest.mark.parametrize("purpose", ["delivery", "inbound", "webhook"])
def test_head_tells_whether_the_url_is_there(provider: Provider, purpose: str) -> None:
    path = path_of(provider, purpose)
    assert (call("HEAD", path).status, call("HEAD", path).body) == (200, b"")
    assert (
        call("HEAD", path[:-20] + "x" * 20 if purpose == "webhook" else f"/callbacks/x/{purpose}").status
        == 404
    )
    assert not Webhook.objects.exists()


@pytest.mark.parametrize("purpose", ["delivery", "inbound", "webhook"])
def test_options_tells_the_methods(provider: Provider, purpose: str) -> None:
    answer = call("OPTIONS", path_of(provider, purpose))
    assert (answer.status, answer.body) == (204, b"")
    allowed = set(answer.headers["Allow"].split(", "))
    assert {"POST", "HEAD", "OPTIONS"} <= allowed
    assert ("GET" in allowed) == (purpose == "webhook")


@pytest.mark.parametrize("path", ["/1/upload", "/1/upload/"])
def test_so_does_the_upload_api(db: None, path: str) -> None:
    answer = call("OPTIONS", path)
    assert (answer.status, answer.headers["Allow"]) == (204, "POST, OPTIONS")
