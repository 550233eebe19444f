"""A collector of traces: takes what OpenTelemetry's exporter sends by OTLP over HTTP, and remembers the spans.

Invariant: it reads the published protobuf and nothing of ours, so what it understands others understand, too.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One span. Times are nanoseconds since the epoch; `parent` is "" for the first of a trace."""

    name: str
    trace_id: str
    span_id: str
    parent: str
    began: int
    ended: int
    failed: str
    attributes: dict[str, str]


class Collector:
    """Listens on a free port of loopback for the length of a `with` block."""

    def __init__(self) -> None:
        self.spans: list[Seen] = []
        self.tokens: list[str] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.take(self.path, self.headers.get("authorization", ""), body)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def take(self, path: str, token: str, body: bytes) -> None:
        """Remember the spans of one request."""
        assert path == "/v1/traces"
        self.tokens.append(token)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.spans.extend(_read(span) for span in scope.spans)

    def named(self, name: str) -> Seen:
        """Return the one span of this name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _read(span: Any) -> Seen:
    return Seen(
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        began=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
        failed=span.status.message if span.status.code == 2 else "",
        attributes={pair.key: pair.value.string_value for pair in span.attributes},
    )
