"""Traces, sent by OTLP where OTEL_EXPORTER_OTLP_ENDPOINT is set; else nothing of it is loaded.

A message is one trace, whoever works on it. The ids of the trace and of its first span follow from the
message's own, by a digest that all processes share. So no row keeps them, and each process and machine adds
its spans when it has done its part.
"""

import hashlib
import threading
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

Attributes = Mapping[str, str | int]
FIRST = "accept"

_wanted = threading.local()


def on() -> bool:
    return bool(settings.OTEL_EXPORTER_OTLP_ENDPOINT)


def span(
    name: str,
    message_id: int,
    began: datetime,
    ended: datetime,
    attributes: Attributes,
    failed: str = "",
) -> None:
    """Adds a span to the message's trace: its first one if it is called FIRST, else one below that.

    `failed` says what went wrong. Does nothing while traces are off, and waits for nobody.
    """
    if not on():
        return
    from opentelemetry import trace
    from opentelemetry.context import Context

    trace_id, first_id = _ids(message_id)
    context = Context()
    if name == FIRST:
        _wanted.ids = trace_id, first_id
    else:
        parent = trace.SpanContext(trace_id, first_id, is_remote=True, trace_flags=trace.TraceFlags(1))
        context = trace.set_span_in_context(trace.NonRecordingSpan(parent), context)
    mine = {"waypost.message": message_id, **attributes}
    tracer = _provider().get_tracer("waypost")
    made = tracer.start_span(name, context, attributes=mine, start_time=_nanoseconds(began))
    if failed:
        made.set_status(trace.StatusCode.ERROR, failed)
    made.end(_nanoseconds(max(began, ended)))


def flush() -> None:
    """Sends what waits, before the process ends."""
    if on() and _provider.cache_info().currsize:
        _provider().force_flush(5000)


@cache
def _provider() -> "TracerProvider":
    """Configured by OpenTelemetry's own variables, such as OTEL_TRACES_SAMPLER."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class Ids(RandomIdGenerator):
        """The ids that are wanted for the span begun next in this thread, else random ones."""

        def generate_trace_id(self) -> int:
            ids: tuple[int, int] | None = getattr(_wanted, "ids", None)
            return ids[0] if ids else super().generate_trace_id()

        def generate_span_id(self) -> int:
            ids: tuple[int, int] | None = _wanted.__dict__.pop("ids", None)
            return ids[1] if ids else super().generate_span_id()

    resource = Resource({SERVICE_NAME: "waypost"}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, id_generator=Ids())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _ids(message_id: int) -> tuple[int, int]:
    """Of the trace and of its first span. The key tells installations apart that share a backend."""
    key = hashlib.sha256(settings.SECRET_KEY.encode()).digest()
    digest = hashlib.blake2b(str(message_id).encode(), digest_size=24, key=key).digest()
    return int.from_bytes(digest[:16]), int.from_bytes(digest[16:])


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000
