"""The only door to OpenTelemetry: spans go to a collector by OTLP over HTTP, in batches, from a thread of its own.

The span that begins a trace has the trace's id as its own. So a part that is done later and elsewhere (a job, a
delivery) knows what it is a part of from the id in its row alone.
"""

from __future__ import annotations

import os
import threading
from typing import Any

from django.conf import settings
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

EXPORT_SECONDS = 5
FLUSH_SECONDS = 2
# Spans that wait at most; with a collector that is away the newest are dropped.
QUEUE_MAX = 2048


class _Ids(RandomIdGenerator):
    """Random ids, but for the first span of a trace, whose ids are given."""

    def __init__(self) -> None:
        self._given = threading.local()

    def give(self, number: int) -> None:
        """Use this number for the next trace of this thread and for its first span."""
        self._given.numbers = [number, number]

    def _take(self) -> int:
        numbers: list[int] = getattr(self._given, "numbers", [])
        return numbers.pop() if numbers else 0

    def generate_trace_id(self) -> int:
        """Return the given number, or a random one."""
        return self._take() or super().generate_trace_id()

    def generate_span_id(self) -> int:
        """Return the given number, or a random one."""
        return self._take() or super().generate_span_id()


_ids = _Ids()
_lock = threading.Lock()
_made: dict[tuple[int, str], TracerProvider] = {}


def _provider() -> TracerProvider:
    """Return the provider of this process; a forked one makes its own, because threads do not follow."""
    with _lock:
        if _key() not in _made:
            _made.clear()
            _made[_key()] = _make()
        return _made[_key()]


def _key() -> tuple[int, str]:
    return os.getpid(), settings.CLAW_OTLP_URL


def _make_exporter() -> OTLPSpanExporter:
    token = settings.CLAW_OTLP_TOKEN
    return OTLPSpanExporter(
        endpoint=f"{settings.CLAW_OTLP_URL}/v1/traces",
        headers={"authorization": f"Bearer {token}"} if token else {},
        timeout=EXPORT_SECONDS,
    )


def ask() -> bool:
    """Send the collector no spans, as spans are sent; tell whether it took them."""
    exporter = _make_exporter()
    try:
        return exporter.export([]) is SpanExportResult.SUCCESS
    finally:
        exporter.shutdown()  # type: ignore[no-untyped-call]


def _make() -> TracerProvider:
    told: dict[str, str | int] = {
        "service.name": "clawsite",
        "service.version": settings.VERSION,
        "process.pid": os.getpid(),
    }
    provider = TracerProvider(id_generator=_ids, resource=Resource(told), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_make_exporter(), max_queue_size=QUEUE_MAX))
    return provider


def start_root(name: str, *, trace_id: str, is_new: bool, began: int, attributes: dict[str, Any]) -> Span:
    """Open the first span of a trace, or the first of a further part of it."""
    number = int(trace_id, 16)
    if is_new:
        _ids.give(number)
        return _provider().get_tracer("clawsite").start_span(name, attributes=attributes, start_time=began)
    context = SpanContext(number, number & (2**64 - 1), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return start(name, parent=NonRecordingSpan(context), began=began, attributes=attributes)


def start(name: str, *, parent: Span, began: int, attributes: dict[str, Any]) -> Span:
    """Open a span that is a part of another."""
    tracer = _provider().get_tracer("clawsite")
    return tracer.start_span(name, context=set_span_in_context(parent), attributes=attributes, start_time=began)


def mark_failed(span: Span, kind: str) -> None:
    """Say that what a span shows ended with an error of this type."""
    span.set_status(Status(StatusCode.ERROR, kind))


def flush() -> None:
    """Send what waits, if there is anything, within two seconds."""
    provider = _made.get(_key())
    if provider is not None:
        provider.force_flush(FLUSH_SECONDS * 1000)
