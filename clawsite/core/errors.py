"""The one error tree. Raised where a thing is known, caught at a boundary: RPC, task, delivery, tool call.

A message of a ClawError may be shown to a user. Of any other error a user sees an id that is in the log, not its text.
"""

from __future__ import annotations

import logging
import secrets

logger = logging.getLogger(__name__)


class ClawError(Exception):
    """Something went wrong in a way the project knows. `code` is for programs, the message for people."""

    code = "failed"
    retryable = False

    def __init__(self, message: str, *, retryable: bool | None = None) -> None:
        super().__init__(message)
        self.message = message
        if retryable is not None:
            self.retryable = retryable


class BadInput(ClawError):
    """What was given cannot be used; the message says what to give instead."""

    code = "bad_input"


class NotAllowed(ClawError):
    """The actor may not do this. Says the same for what does not exist and what is not theirs."""

    code = "not_allowed"


class NotFound(NotAllowed):
    """There is no such thing, or it is not theirs: one answer for both."""


class NotConfigured(ClawError):
    """A setting is missing; the message names it."""

    code = "not_configured"


class Unavailable(ClawError):
    """An outside service does not answer now. `retry_after`: it asked to be left alone for so many seconds."""

    code = "unavailable"
    retryable = True

    def __init__(self, message: str, *, retryable: bool | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, retryable=retryable)
        self.retry_after = retry_after


class LeaseLost(ClawError):
    """Another process took the work over; whatever was computed must not be committed."""

    code = "lease_lost"


def log_unknown(error: BaseException, *, where: str) -> str:
    """Log an unexpected error with a fresh id and return the id, which is all a user may see of it."""
    error_id = secrets.token_hex(4)
    logger.error("unexpected error %s in %s", error_id, where, exc_info=error)
    return error_id
