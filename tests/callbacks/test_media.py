"""Inbound media that CleverTap cannot fetch from the BSP: it gets it from us, for a while."""

import gzip
from concurrent.futures import Future
from datetime import timedelta
from threading import Barrier, BoundedSemaphore
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.core.files.storage import FileSystemStorage
from django.db import connection
from django.test import Client, RequestFactory
from django.utils import timezone

from callbacks.forwarding import forward
from callbacks.media import downloads, signed_urls, views
from callbacks.media.fetching import Fetched, Unavailable
from callbacks.models import Media, Reply
from callbacks.webhooks import ingest
from providers.models import Provider
from tests.endpoints import Endpoint, listening
from tests.factories import make_provider
from tests.gateway import call_back
from tests.waiting import PATIENCE

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
        connector_slug="meta",
        credentials=credentials | {"access_token": "EAAsecret"},
        options={"base_url": base},
        inbound_url=endpoint.url,
    )
    monkeypatch.setattr(type(provider.connector), "verify", lambda *args: True)
    return provider


def arrives(provider: Provider, kind: str = "image", content: Any = None, number: int = 1) -> Media:
    message = {"from": "919812300001", "id": f"wamid.{number}", "timestamp": "1767225600", "type": kind}
    value = {"messaging_product": "whatsapp", "messages": [message | {kind: content or IMAGE}]}
    call_back(provider, "webhook", {"entry": [{"changes": [{"field": "messages", "value": value}]}]})
    ingest.drain()
    return Media.objects.get(reply__bsp_id=f"wamid.{number}")


def files(tmp_path: Any) -> list[Any]:
    return [path for path in tmp_path.rglob("*") if path.is_file()]


def fetched(row: Media) -> Any:
    return Client().get(urlsplit(signed_urls.url(row.reply_id)).path)


def test_it_is_fetched_soon_and_kept(meta: Provider, endpoint: Endpoint) -> None:
    arrives(meta)
    assert downloads.drain() == 1
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


def test_its_url_is_logged_without_the_token(
    meta: Provider, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever has the URL has the picture."""
    endpoint.pages["/blob/1"] = (404, {}, b"gone")
    row = arrives(meta)
    downloads.drain()
    path = urlsplit(signed_urls.url(row.reply_id)).path
    assert Client().get(path).status_code == 410
    assert "/media/•••" in caplog.text
    assert path not in caplog.text


def test_a_url_outlives_the_key_that_signed_it(meta: Provider, settings: Any) -> None:
    row = arrives(meta)
    settings.SECRET_KEY = "former"
    token = signed_urls.url(row.reply_id).rstrip("/").rpartition("/")[2]
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["former"]
    assert signed_urls.media_of(token) == row
    settings.SECRET_KEY_FALLBACKS = []
    assert signed_urls.media_of(token) is None


def test_a_forged_or_old_url_leads_nowhere(meta: Provider) -> None:
    row = arrives(meta)
    path = urlsplit(signed_urls.url(row.reply_id)).path
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
        ((302, {"Location": "http://["}, b""), "not a web address"),
        ((302, {"Location": "file:///etc/passwd"}, b""), "not a web address"),
        ((200, {"Content-Type": "image/png"}, bytes(2000)), "larger than 1000 bytes"),
        (
            (200, {"Content-Type": "image/png", "Content-Encoding": "gzip"}, gzip.compress(bytes(200_000))),
            "larger than 1000 bytes",
        ),
    ],
)
def test_what_is_no_image_is_not_handed_out(
    meta: Provider, endpoint: Endpoint, settings: Any, blob: Any, why: str
) -> None:
    settings.MEDIA_MAX_BYTES = 1000
    endpoint.pages["/blob/1"] = blob
    row = arrives(meta)
    downloads.drain()
    row.refresh_from_db()
    assert row.state == Media.State.FAILED
    assert why in row.error
    assert fetched(row).status_code == 410


# What WhatsApp carries: Meta, "Media > Supported media types". A document may be anything else, too.
OFFICE = "application/vnd.openxmlformats-officedocument"
CARRIED = [
    *(("audio", kind) for kind in ("aac", "amr", "mpeg", "mp4", "ogg", "ogg; codecs=opus")),
    *(("image", kind) for kind in ("jpeg", "png", "webp")),
    *(("video", kind) for kind in ("mp4", "3gpp")),
    ("sticker", "webp"),
]
DOCUMENTS = [
    "text/plain", "application/pdf", "application/msword", "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint", f"{OFFICE}.wordprocessingml.document",
    f"{OFFICE}.spreadsheetml.sheet", f"{OFFICE}.presentationml.presentation", "application/zip", "text/csv",
    "application/x-anything",
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "mime_type"),
    [(kind, f"{'image' if kind == 'sticker' else kind}/{sub}") for kind, sub in CARRIED]
    + [("document", mime_type) for mime_type in DOCUMENTS],
)
def test_every_type_that_whatsapp_carries_is_kept(
    meta: Provider, endpoint: Endpoint, kind: str, mime_type: str
) -> None:
    content = b"Dear shop,\n" + bytes(range(256))
    endpoint.pages["/blob/1"] = (200, {"Content-Type": mime_type}, content)
    row = arrives(meta, kind, {"id": "88001", "mime_type": mime_type})
    downloads.drain()
    row.refresh_from_db()
    assert (row.state, row.error) == (Media.State.STORED, "")
    assert b"".join(fetched(row).streaming_content) == content


HTML = b"\xef\xbb\xbf\n<!DOCTYPE html><html><body>Session expired</body></html>"
JSON_ERROR = b'{"error": {"message": "Unsupported get request", "code": 100}}'


@pytest.mark.parametrize("page", [HTML, JSON_ERROR, b'{"meta": {"success": false}}'])
@pytest.mark.parametrize(
    "said", ["", "text/html", "application/json", "application/octet-stream", "the document's own"]
)
@pytest.mark.parametrize(
    ("kind", "mime_type"),
    [
        ("document", "application/pdf"),
        ("document", "text/plain"),
        ("image", "image/png"),
        ("audio", "audio/ogg"),
    ],
)
def test_an_error_page_is_never_kept_as_what_somebody_sent(
    meta: Provider, endpoint: Endpoint, kind: str, mime_type: str, said: str, page: bytes
) -> None:
    """Whatever the server says of its type."""
    content_type = mime_type if said == "the document's own" else said
    endpoint.pages["/blob/1"] = (200, {"Content-Type": content_type}, page)
    row = arrives(meta, kind, {"id": "88001", "mime_type": mime_type})
    downloads.drain()
    row.refresh_from_db()
    assert row.state != Media.State.STORED
    assert row.error
    assert fetched(row).status_code in (410, 502)


@pytest.mark.parametrize(
    ("filename", "mime_type", "content"),
    [
        ("a.html", "text/html", HTML),
        ("order.json", "application/json", JSON_ERROR),
        ("a.json", "", JSON_ERROR),
    ],
)
def test_a_page_that_somebody_sent_as_a_document_is_kept(
    meta: Provider, endpoint: Endpoint, filename: str, mime_type: str, content: bytes
) -> None:
    endpoint.pages["/blob/1"] = (200, {"Content-Type": mime_type}, content)
    row = arrives(meta, "document", {"id": "88001", "mime_type": mime_type, "filename": filename})
    downloads.drain()
    row.refresh_from_db()
    assert row.state == Media.State.STORED


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (400, Media.State.FAILED), (404, Media.State.FAILED), (407, Media.State.FAILED),
        (408, Media.State.PENDING), (410, Media.State.FAILED), (428, Media.State.FAILED),
        (429, Media.State.PENDING), (499, Media.State.FAILED), (500, Media.State.PENDING),
        (599, Media.State.PENDING),
    ],
)  # fmt: skip
def test_what_the_bsp_answers_decides_whether_it_is_asked_again(
    meta: Provider, endpoint: Endpoint, status: int, state: Media.State
) -> None:
    endpoint.pages["/blob/1"] = (status, {}, b"")
    row = arrives(meta)
    downloads.drain()
    row.refresh_from_db()
    assert row.state == state


@pytest.mark.parametrize(("size", "state"), [(999, "stored"), (1000, "stored"), (1001, "failed")])
def test_the_largest_that_is_kept(
    meta: Provider, endpoint: Endpoint, settings: Any, size: int, state: str
) -> None:
    settings.MEDIA_MAX_BYTES = 1000
    endpoint.pages["/blob/1"] = (200, {"Content-Type": "image/png"}, bytes(size))
    row = arrives(meta)
    downloads.drain()
    row.refresh_from_db()
    assert row.get_state_display().lower() == state


def test_an_outage_is_tried_again(meta: Provider, endpoint: Endpoint) -> None:
    good = endpoint.pages["/blob/1"]
    endpoint.pages["/blob/1"] = (503, {}, b"later")
    row = arrives(meta)
    downloads.drain()
    assert fetched(row).status_code == 502
    endpoint.pages["/blob/1"] = good
    with time_machine.travel(timezone.now() + timedelta(minutes=10)):
        downloads.drain()
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
    downloads.drain()
    assert Media.objects.get().state == Media.State.STORED
    assert [headers.get("Authorization") for headers in endpoint.headers] == [
        "Bearer EAAsecret",
        "Bearer EAAsecret",
        None,
    ]


def test_nothing_private_is_reachable(meta: Provider, settings: Any) -> None:
    settings.ALLOW_PRIVATE_TARGETS = False
    row = arrives(meta)
    downloads.drain()
    row.refresh_from_db()
    assert row.state == Media.State.PENDING
    assert "not a public address" in row.error


def test_endless_redirects_end(meta: Provider, endpoint: Endpoint) -> None:
    endpoint.pages["/blob/1"] = (302, {"Location": "/blob/1"}, b"")
    row = arrives(meta)
    downloads.drain()
    row.refresh_from_db()
    assert row.state == Media.State.FAILED


def test_old_media_is_deleted_with_its_file(meta: Provider, tmp_path: Any) -> None:
    arrives(meta)
    downloads.drain()
    assert files(tmp_path)
    assert downloads.forget(timezone.now() + timedelta(days=15), days=14) == 1
    assert not files(tmp_path)
    assert Reply.objects.exists(), "the message itself stays"


def test_an_operator_opens_it_from_the_messages_page(meta: Provider, admin_client: Client) -> None:
    row = arrives(meta)
    page = admin_client.get(f"/admin/callbacks/reply/{row.reply_id}/change/").content.decode()
    assert f"/media/{row.reply_id}:" in page
    assert "to be fetched" in page


def test_an_answer_that_names_no_place_is_not_taken_for_the_media(meta: Provider, endpoint: Endpoint) -> None:
    endpoint.pages["/v25.0/88001"] = (200, {"Content-Type": "application/json"}, b'{"error": "expired"}')
    row = arrives(meta, "document", {"id": "88001", "mime_type": "application/pdf"})
    downloads.drain()
    row.refresh_from_db()
    assert (row.state, row.error) == (Media.State.FAILED, "the BSP did not say where the media is")


@pytest.mark.parametrize(
    ("told", "served"),
    [
        ("image/jpg", "image/jpeg"),
        ("binary/octet-stream", "image/png"),
        ("", "image/png"),
        ("IMAGE/PNG; x=1", "image/png"),
    ],
)
def test_types_as_bsps_spell_them(meta: Provider, endpoint: Endpoint, told: str, served: str) -> None:
    endpoint.pages["/blob/1"] = (200, {"Content-Type": told}, PNG)
    assert fetched(arrives(meta))["Content-Type"] == served


def test_bytes_of_no_known_type_are_only_ever_saved(meta: Provider, endpoint: Endpoint) -> None:
    endpoint.pages["/blob/1"] = (200, {"Content-Type": "application/octet-stream"}, PNG)
    answer = fetched(arrives(meta, content={"id": "88001", "mime_type": "image/svg+xml"}))
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"] == 'attachment; filename="image.bin"'


def test_a_reader_leaves_no_cookie_and_no_session(meta: Provider) -> None:
    row = arrives(meta)
    path = urlsplit(signed_urls.url(row.reply_id)).path
    answer = Client().head(path)
    assert (answer.status_code, answer["Content-Length"]) == (200, str(len(PNG)))
    assert not answer.cookies
    assert "Cookie" not in answer.get("Vary", "")
    assert not Session.objects.exists()


def test_a_key_goes_to_no_other_port_either(meta: Provider, endpoint: Endpoint) -> None:
    with listening() as other:
        other.pages["/blob/2"] = (200, {"Content-Type": "image/png"}, PNG)
        target = other.url.removesuffix("/messages") + "/blob/2"
        endpoint.pages["/blob/1"] = (302, {"Location": target}, b"")
        arrives(meta)
        downloads.drain()
        assert "Authorization" not in other.headers[0]
    assert Media.objects.get().state == Media.State.STORED


# Several at once


def test_two_that_fetch_the_same_leave_one_file(meta: Provider, tmp_path: Any) -> None:
    arrives(meta)
    one, two = Media.objects.get(), Media.objects.get()
    downloads._keep(one, Fetched(PNG, "image/png"))
    downloads._keep(two, Fetched(b"late", "image/jpeg"))
    assert [path.read_bytes() for path in files(tmp_path)] == [PNG]
    assert (two.content_type, two.file.read()) == ("image/png", PNG)


def test_what_is_deleted_meanwhile_does_not_come_back(meta: Provider, tmp_path: Any) -> None:
    row = arrives(meta)
    downloads.forget(timezone.now() + timedelta(days=15), days=14)
    with pytest.raises(Unavailable):
        downloads._keep(row, Fetched(PNG, "image/png"))
    assert not files(tmp_path)
    assert not Media.objects.exists()


def test_a_failure_does_not_undo_what_a_reader_got(meta: Provider) -> None:
    row = arrives(meta)
    assert fetched(row).status_code == 200
    failed: Future[Fetched] = Future()
    failed.set_exception(Unavailable("the BSP answered HTTP 500"))
    downloads._settle(row, failed)
    row.refresh_from_db()
    assert (row.state, row.error) == (Media.State.STORED, "")


def test_a_reader_uses_up_none_of_the_workers_tries(meta: Provider, endpoint: Endpoint) -> None:
    endpoint.pages["/blob/1"] = (503, {}, b"later")
    row = arrives(meta)
    assert [fetched(row).status_code for _ in range(10)] == [502] * 10
    row.refresh_from_db()
    assert (row.state, row.attempts) == (Media.State.PENDING, 0)


def test_a_file_that_is_not_on_this_machine_is_fetched_again(meta: Provider, tmp_path: Any) -> None:
    row = arrives(meta)
    downloads.drain()
    for path in files(tmp_path):
        path.unlink()
    assert b"".join(fetched(row).streaming_content) == PNG


@pytest.mark.parametrize("trouble", [OSError(28, "No space left on device"), RuntimeError("a bug")])
def test_what_cannot_be_stored_stops_no_other(
    meta: Provider, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    first, second = arrives(meta), arrives(meta, number=2)
    save = FileSystemStorage._save

    def fail_once(self: Any, name: str, content: Any) -> str:
        if name.endswith(str(first.reply_id)):
            raise trouble
        return save(self, name, content)

    monkeypatch.setattr(FileSystemStorage, "_save", fail_once)
    downloads.drain()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == (Media.State.PENDING, Media.State.STORED)
    assert str(trouble) in first.error


def test_one_slow_file_holds_up_no_other(meta: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    together = Barrier(4)

    def slow(*args: Any) -> Fetched:
        together.wait(PATIENCE)  # for the others, who would never come if one waited for another
        return Fetched(PNG, "image/png")

    monkeypatch.setattr(downloads, "fetch", slow)
    for number in range(4):
        arrives(meta, number=number)
    assert downloads.drain() == 4


def test_a_slow_bsp_ties_up_few_threads_of_the_web(meta: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    row = arrives(meta)
    monkeypatch.setattr(views, "_WAIT", 0.01)
    for gate, words in (("_fetching", "is fetching the file"), ("_waiting", "Too many")):
        taken = BoundedSemaphore(1)
        with taken, monkeypatch.context() as patch:
            patch.setattr(views, gate, taken)
            answer = fetched(row)
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
        assert words in answer.json()["message"]
    assert fetched(row).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_slow_bsp_holds_no_connection_of_the_pool(
    settings: Any, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*args: Any) -> Fetched:
        assert connection.connection is None
        return Fetched(PNG, "image/png")

    monkeypatch.setattr(downloads, "fetch", slow)
    content = '{"kind": "image", "sender": "919812300001", "media": {"id": "1"}}'
    now = timezone.now()
    reply = Reply.objects.create(
        provider=make_provider(), bsp_id="1", content=content, at=now, received_at=now, owed_since=now
    )
    row = Media.objects.create(reply=reply, next_attempt_at=now)
    token = urlsplit(signed_urls.url(row.reply_id)).path.removeprefix("/media/")
    answer = views.MediaView.as_view()(RequestFactory().get("/"), token=token)
    assert answer.status_code == 200
    assert connection.connection is None, "nor does a slow reader"
    answer.close()


# Another set-up meanwhile


def test_a_provider_that_changed_its_connector_says_why(meta: Provider) -> None:
    row = arrives(meta)
    Provider.objects.update(connector_slug="generic")
    downloads.drain()
    row.refresh_from_db()
    assert (row.state, row.error) == (
        Media.State.FAILED,
        "the provider's connector was changed and cannot fetch it any more",
    )
    assert fetched(row).status_code == 410


def test_clevertap_gets_the_url_that_was_right_when_the_message_came(db: None, endpoint: Endpoint) -> None:
    """The new connector would fetch such a URL, but nobody noted that this one is to be fetched."""
    provider = make_provider(inbound_url=endpoint.url)
    sent = {"from": "919812300001", "type": "image", "image": {"mediaURL": "https://m.example.test/a.png"}}
    call_back(provider, "inbound", sent)
    ingest.drain()
    Provider.objects.update(connector_slug="gupshup")
    forward.drain(provider.pk)
    assert endpoint.got[0]["image"]["mediaURL"] == "https://m.example.test/a.png"
