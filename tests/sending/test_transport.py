"""One call out: what counts as sent, and how much of an answer is read."""

import gzip

import pytest

from lib.http import HttpRequest
from lib.transport import NotSent, transport
from tests.endpoints import Endpoint

MOST = 1_000_000


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("", {"Authorization": "key\nwith a line break"}),
        ("http://shop..example.test/", {}),
        (f"http://{'a' * 64}.example.test/", {}),
        ("http://[", {}),
    ],
)
def test_what_cannot_be_written_was_not_sent(endpoint: Endpoint, url: str, headers: dict[str, str]) -> None:
    """As an unknown outcome it would never be tried again."""
    with pytest.raises(NotSent):
        transport.send(HttpRequest("POST", url or endpoint.url, headers, b"{}"), 5.0)
    assert endpoint.got == []


@pytest.mark.parametrize("size", [0, MOST - 1, MOST, MOST + 1, 50 * MOST])
@pytest.mark.parametrize("packed", [True, False])
def test_an_answer_is_read_up_to_a_limit(endpoint: Endpoint, size: int, packed: bool) -> None:
    """Counted as it unpacks: fifty megabytes of nothing travel in fifty kilobytes."""
    body = bytes(size)
    headers = {"Content-Encoding": "gzip"} if packed else {}
    endpoint.pages["/page"] = (200, headers, gzip.compress(body) if packed else body)
    url = endpoint.url.replace("/messages", "/page")
    assert transport.send(HttpRequest("GET", url), 10.0, MOST).body == body[:MOST]
