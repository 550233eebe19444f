"""Writing the audit log. Call it inside the transaction of what it records."""

from __future__ import annotations

from typing import Any

from clawsite.core.models import AuditEvent


def record(action: str, *, actor: str, subject: str = "", origin: str = "", **data: Any) -> AuditEvent:
    """Add one audit row and return it. `data` must be JSON and must hold no secret."""
    return AuditEvent.objects.create(
        action=action, actor=actor[:64], subject=subject[:128], origin=origin[:64], data=data
    )
