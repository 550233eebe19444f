"""One outside service as others see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from clawsite.core.breaker import State, state_of
from clawsite.core.models import BreakerRow
from clawsite.core.redaction import redact


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceReport:
    """How a service does. `fallback` is what is used instead while it is left alone, in a few words."""

    name: str
    kind: str
    state: State = "closed"
    failing_since: datetime | None = None
    last_error_kind: str = ""
    error: str = ""
    open_until: datetime | None = None
    fallback: str = ""

    @property
    def is_failing(self) -> bool:
        """Whether it does not answer as it should."""
        return self.failing_since is not None

    def seconds(self, now: datetime) -> float:
        """Return for how long it has been failing, 0 when it is not."""
        return max(0.0, (now - self.failing_since).total_seconds()) if self.failing_since else 0.0


def report_row(
    kind: str, name: str, row: BreakerRow, *, now: datetime, error_kind: str = "", fallback: str = ""
) -> ServiceReport:
    """Return the report of a service whose breaker is a row."""
    return ServiceReport(
        name=redact(name),
        kind=kind,
        state=state_of(row, now=now),
        failing_since=row.failing_since,
        last_error_kind=error_kind or ("unavailable" if row.error else ""),
        error=redact(row.error),
        open_until=row.open_until,
        fallback=redact(fallback),
    )
