"""Writing the audit log. Call it inside the transaction of what it records.

A refusal is an error, and undoes the transaction that it is raised in: what is recorded of it is written again then.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from clawsite.core.errors import ClawError
from clawsite.core.models import AuditEvent


class _Refused(threading.local):
    """What this thread has recorded of refusals within `keeping_refusals`; None outside of it."""

    rows: list[AuditEvent] | None = None


_refused = _Refused()


def record(action: str, *, actor: str, subject: str = "", origin: str = "", **data: Any) -> AuditEvent:
    """Add one audit row and return it. `data` must be JSON and must hold no secret."""
    return AuditEvent.objects.create(
        action=action, actor=actor[:64], subject=subject[:128], origin=origin[:64], data=data
    )


def record_refusal(action: str, *, actor: str, subject: str = "", origin: str = "", **data: Any) -> None:
    """Record that something was not allowed, so that it outlives what the refusal undoes."""
    row = record(action, actor=actor, subject=subject, origin=origin, **data)
    if _refused.rows is not None:
        _refused.rows.append(row)


@contextmanager
def keeping_refusals() -> Iterator[None]:
    """Write again what was recorded of refusals within, when it was undone. It goes around a transaction."""
    before, _refused.rows = _refused.rows, []
    try:
        try:
            yield
        except ClawError:
            _write_again(_refused.rows)
            raise
        _write_again(_refused.rows)
    finally:
        _refused.rows = before


def _write_again(rows: list[AuditEvent]) -> None:
    for row in rows:
        # Its number may be another's by now.
        if not AuditEvent.objects.filter(pk=row.pk, at=row.at, action=row.action).exists():
            row.pk = None
            row.save(force_insert=True)
