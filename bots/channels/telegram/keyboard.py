"""Buttons under a message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bots.channels.base import Button

STYLES = frozenset({"primary", "success", "danger"})


def inline_keyboard(rows: Sequence[Sequence[Button]]) -> dict[str, Any]:
    """Return the rows as an inline keyboard."""
    return {"inline_keyboard": [[_button(button) for button in row] for row in rows]}


def _button(button: Button) -> dict[str, str]:
    plain = {"text": button.label, "callback_data": button.data}
    return plain | {"style": button.style} if button.style in STYLES else plain
