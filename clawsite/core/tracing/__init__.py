"""Following one message: its ids on every log line and, where a collector is set, spans of all that was done for it.

A *trace* begins with a message, a job or a delivery; what is done inside it finds it by context, in tasks and on the
database thread, too. OpenTelemetry is imported by `otlp` alone, and only with CLAW_OTLP_URL.
"""

from clawsite.core.tracing.marks import carry, ids, new_trace_id, trace_id
from clawsite.core.tracing.spans import flush, span, trace

__all__ = ["carry", "flush", "ids", "new_trace_id", "span", "trace", "trace_id"]
