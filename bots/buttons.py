"""The buttons that decide a request, wherever it is shown."""

from __future__ import annotations

from bots import texts
from bots.channels.base import Button


def decision_buttons(key: str) -> tuple[tuple[Button, ...], ...]:
    """Return the two buttons of a decision; they carry only the approval's random key."""
    yes, no = texts.decision_labels()
    return ((Button(label=yes, data=f"ok:{key}", style="success"), Button(label=no, data=f"no:{key}", style="danger")),)
