"""A message is one trace, at a receiver that speaks OTLP by HTTP."""

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from lib import tracing
from tests.operations.conftest import Way

pytestmark = pytest.mark.django_db


class Receiver:
    """What came in, by the name of its service."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, Span]] = []

    def take(self, body: bytes) -> None:
        for each in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = next(a.value.string_value for a in each.resource.attributes if a.key == "service.name")
            self.spans += [(service, span) for scope in each.scope_spans for span in scope.spans]


@pytest.fixture
def receiver(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/v1/traces"
            found.take(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = url
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    tracing._provider.cache_clear()
    yield found
    tracing._provider().shutdown()
    tracing._provider.cache_clear()
    server.shutdown()
    server.server_close()


def test_accept_send_webhook_and_forward_are_one_trace(way: Way, receiver: Receiver) -> None:
    message = way()
    tracing.flush()
    spans = {span.name: span for service, span in receiver.spans if service == "waypost"}
    assert [span.name for _, span in receiver.spans] == ["accept", "send", "webhook", "forward"]
    first = spans["accept"]
    assert {span.trace_id for span in spans.values()} == {first.trace_id}
    assert first.parent_span_id == b""
    assert first.start_time_unix_nano == int(message.accepted_at.timestamp() * 1e6) * 1000
    assert {span.parent_span_id for name, span in spans.items() if name != "accept"} == {first.span_id}
    assert {a.key: a.value.string_value for a in spans["send"].attributes}["waypost.outcome"] == "accepted"
    assert message.to not in str(receiver.spans), "no phone numbers"
    waited = spans["webhook"].end_time_unix_nano - spans["webhook"].start_time_unix_nano
    assert waited > 100e9, "from the webhook's coming on"


def test_another_process_finds_the_trace_by_the_message(receiver: Receiver) -> None:
    before = tracing._ids(7)
    tracing._provider.cache_clear()
    assert tracing._ids(7) == before != tracing._ids(8)
