"""People's pages leave half of the connections to machines."""

import io
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse

from config import seats
from config.seats import SeatsMiddleware


@pytest.fixture
def one_seat(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PAGES_AT_ONCE = 1
    monkeypatch.setattr(seats, "PATIENCE", 0.01)
    monkeypatch.setattr("lib.outages.give_back", lambda: None)


@pytest.mark.usefixtures("one_seat", "db")
def test_a_download_keeps_its_seat_to_the_end() -> None:
    pages = SeatsMiddleware(lambda request: StreamingHttpResponse(iter(["a", "b"])))
    download = pages(HttpRequest())
    refused = pages(HttpRequest())
    assert (refused.status_code, refused.reason_phrase) == (503, "Busy: 1 pages are under way"), "for the log"
    download.close()
    assert pages(HttpRequest()).status_code == 200


@pytest.mark.usefixtures("one_seat", "db")
@pytest.mark.parametrize("made", [HttpResponse, lambda: FileResponse(io.BytesIO(b"a"))])
def test_what_is_complete_leaves_its_seat_before_it_is_sent(made: Callable[[], Any]) -> None:
    pages = SeatsMiddleware(lambda request: made())
    assert [pages(HttpRequest()).status_code for _ in range(2)] == [200, 200]


@pytest.mark.usefixtures("one_seat", "db")
def test_a_page_that_fails_leaves_its_seat() -> None:
    def fails(request: HttpRequest) -> HttpResponse:
        raise RuntimeError

    pages = SeatsMiddleware(fails)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            pages(HttpRequest())


@pytest.mark.usefixtures("one_seat", "db")
def test_a_page_waits_for_a_seat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seats, "PATIENCE", 60.0)
    pages = SeatsMiddleware(lambda request: StreamingHttpResponse(iter(["a"])))
    first = pages(HttpRequest())
    threading.Timer(0.1, first.close).start()
    assert pages(HttpRequest()).status_code == 200
