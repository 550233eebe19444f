"""What a chat reads of a job whose answer it waited for, when there is no answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from bots.reasons import say_reason


def said_end(data: Mapping[str, Any]) -> str:
    """Say how a job ended; `failed` is its state and `error` what is written beside it, with the error's id."""
    if data["failed"] == "cancelled":
        return _("It was cancelled.")
    if data["failed"] == "timed_out":
        return _("It took too long and was stopped.")
    why = say_reason(str(data["error"]).strip()).rstrip(".")
    return _("That did not work: {why}.").format(why=why) if why else _("That did not work.")
