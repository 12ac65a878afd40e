"""Inbound media that CleverTap cannot fetch from the BSP: it gets it from us, for a while."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from callbacks import forward, ingest, media
from callbacks.models import Media, Reply
from providers.models import Provider
from tests.endpoints import Endpoint
from tests.factories import make_provider
from tests.gateway import call_back

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
IMAGE = {"id": "88001", "mime_type": "image/png", "sha256": "x"}


@pytest.fixture(autouse=True)
def _storage(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = str(tmp_path)


@pytest.fixture
def meta(db: None, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """A provider at a Meta whose media `88001` is a PNG; its webhooks need no signature here."""
    base = endpoint.url.removesuffix("/messages")
    endpoint.pages["/v25.0/88001"] = (200, {}, f'{{"url": "{base}/blob/1"}}'.encode())
    endpoint.pages["/blob/1"] = (200, {"Content-Type": "image/png"}, PNG)
    credentials = dict.fromkeys(("phone_number_id", "app_secret", "verify_token"), "x")
    provider = make_provider(
        connector="meta",
        credentials=credentials | {"access_token": "EAAsecret"},
        options={"base_url": base},
        inbound_url=endpoint.url,
    )
    monkeypatch.setattr(type(provider.bsp), "verify", lambda *args: True)
    return provider


def arrives(provider: Provider, kind: str = "image", content: Any = None) -> Media:
    message = {"from": "919812300001", "id": "wamid.1", "timestamp": "1767225600", "type": kind}
    value = {"messaging_product": "whatsapp", "messages": [message | {kind: content or IMAGE}]}
    call_back(provider, "webhook", {"entry": [{"changes": [{"field": "messages", "value": value}]}]})
    ingest.drain()
    return Media.objects.get()


def fetched(row: Media) -> Any:
    return Client().get(urlsplit(media.url(row.reply_id)).path)


def test_it_is_fetched_soon_and_kept(meta: Provider, endpoint: Endpoint) -> None:
    arrives(meta)
    assert media.drain() == 1
    row = Media.objects.get()
    assert (row.state, row.content_type) == (Media.State.STORED, "image/png")
    endpoint.pages.clear()  # the BSP has forgotten it
    answer = fetched(row)
    assert answer.status_code == 200
    assert b"".join(answer.streaming_content) == PNG
    assert answer["Content-Type"] == "image/png"
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_clevertap_is_told_our_url(meta: Provider, endpoint: Endpoint) -> None:
    row = arrives(meta)
    forward.drain(meta.pk)
    (payload,) = endpoint.got
    assert "/media/" in payload["image"]["mediaURL"]
    path = urlsplit(payload["image"]["mediaURL"]).path
    assert b"".join(Client().get(path).streaming_content) == PNG, "faster than our own fetching"
    assert Media.objects.get(pk=row.pk).state == Media.State.STORED


def test_media_anybody_may_fetch_keeps_its_own_url(db: None, endpoint: Endpoint) -> None:
    provider = make_provider(inbound_url=endpoint.url)
    sent = {"from": "919812300001", "type": "image", "image": {"mediaURL": "https://m.example.test/a.png"}}
    call_back(provider, "inbound", sent)
    ingest.drain()
    forward.drain(provider.pk)
    assert endpoint.got[0]["image"]["mediaURL"] == "https://m.example.test/a.png"
    assert not Media.objects.exists()


def test_a_forged_or_old_url_leads_nowhere(meta: Provider) -> None:
    row = arrives(meta)
    path = urlsplit(media.url(row.reply_id)).path
    assert Client().get(path[:-1] + ("A" if path[-1] != "A" else "B")).status_code == 404
    assert Client().get("/media/1").status_code == 404
    with time_machine.travel(timezone.now() + timedelta(days=8)):
        assert Client().get(path).status_code == 404
    assert Client().post(path).status_code == 405


@pytest.mark.parametrize(
    ("blob", "why"),
    [
        ((200, {"Content-Type": "text/html"}, b"<script>alert(1)</script>"), "text/html"),
        ((200, {"Content-Type": "image/svg+xml"}, b"<svg/>"), "image/svg+xml"),
        ((404, {}, b"gone"), "HTTP 404"),
        ((200, {"Content-Type": "image/png"}, bytes(2000)), "larger than 1000 bytes"),
    ],
)
def test_what_is_no_image_is_not_handed_out(
    meta: Provider, endpoint: Endpoint, settings: Any, blob: Any, why: str
) -> None:
    settings.MEDIA_MAX_BYTES = 1000
    endpoint.pages["/blob/1"] = blob
    row = arrives(meta)
    media.drain()
    row.refresh_from_db()
    assert row.state == Media.State.FAILED
    assert why in row.error
    assert fetched(row).status_code == 410


def test_an_outage_is_tried_again(meta: Provider, endpoint: Endpoint) -> None:
    good = endpoint.pages["/blob/1"]
    endpoint.pages["/blob/1"] = (503, {}, b"later")
    row = arrives(meta)
    media.drain()
    assert fetched(row).status_code == 502
    endpoint.pages["/blob/1"] = good
    with time_machine.travel(timezone.now() + timedelta(minutes=10)):
        media.drain()
    row.refresh_from_db()
    assert (row.state, row.error) == (Media.State.STORED, "")


def test_a_document_of_any_type_is_only_ever_saved(meta: Provider, endpoint: Endpoint) -> None:
    endpoint.pages["/blob/1"] = (200, {"Content-Type": "text/html"}, b"<script>alert(1)</script>")
    row = arrives(meta, "document", {"id": "88001", "mime_type": "text/html", "filename": "a.html"})
    answer = fetched(row)
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment")
    assert "sandbox" in answer["Content-Security-Policy"]


def test_no_key_follows_a_redirect_elsewhere(meta: Provider, endpoint: Endpoint) -> None:
    elsewhere = endpoint.url.replace("127.0.0.1", "localhost").removesuffix("/messages")
    endpoint.pages["/blob/1"] = (302, {"Location": f"{elsewhere}/blob/2"}, b"")
    endpoint.pages["/blob/2"] = (200, {"Content-Type": "image/png"}, PNG)
    arrives(meta)
    media.drain()
    assert Media.objects.get().state == Media.State.STORED
    assert [headers.get("Authorization") for headers in endpoint.headers] == [
        "Bearer EAAsecret",
        "Bearer EAAsecret",
        None,
    ]


def test_nothing_private_is_reachable(meta: Provider, settings: Any) -> None:
    settings.ALLOW_PRIVATE_TARGETS = False
    row = arrives(meta)
    media.drain()
    row.refresh_from_db()
    assert row.state == Media.State.PENDING
    assert "not a public address" in row.error


def test_endless_redirects_end(meta: Provider, endpoint: Endpoint) -> None:
    endpoint.pages["/blob/1"] = (302, {"Location": "/blob/1"}, b"")
    row = arrives(meta)
    media.drain()
    row.refresh_from_db()
    assert row.state == Media.State.FAILED


def test_old_media_is_deleted_with_its_file(meta: Provider, tmp_path: Any) -> None:
    arrives(meta)
    media.drain()
    assert [path for path in tmp_path.rglob("*") if path.is_file()]
    assert media.forget(timezone.now() + timedelta(days=15), days=14) == 1
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert Reply.objects.exists(), "the message itself stays"


def test_an_operator_opens_it_from_the_messages_page(meta: Provider, admin_client: Client) -> None:
    row = arrives(meta)
    page = admin_client.get(f"/admin/callbacks/reply/{row.reply_id}/change/").content.decode()
    assert urlsplit(media.url(row.reply_id)).path.rpartition(":")[0] in page
    assert "to be fetched" in page


def test_an_answer_that_names_no_place_is_not_taken_for_the_media(meta: Provider, endpoint: Endpoint) -> None:
    endpoint.pages["/v25.0/88001"] = (200, {"Content-Type": "application/json"}, b'{"error": "expired"}')
    row = arrives(meta, "document", {"id": "88001", "mime_type": "application/pdf"})
    media.drain()
    row.refresh_from_db()
    assert (row.state, row.error) == (Media.State.FAILED, "the BSP did not say where the media lies")
