"""What can go wrong with a gateway, as a tree of types. No message ever carries a token.

`retryable` says that the same call may go well later; whether it may be repeated is the caller's to know.
"""

from __future__ import annotations

from typing import Any

from clawsite.rpc import codes
from clawsite.rpc.frames import ErrorShape


class ClientError(Exception):
    """The root: catch it to catch everything that this package raises on purpose."""

    retryable = False
    retry_after: float | None = None
    """Seconds that the gateway asks to wait, when it does."""


class BadTarget(ClientError):
    """A target, a token reference or a list of targets cannot be used; the message says which and why."""


class ClientClosed(ClientError):
    """The client was closed by its owner."""


class Unreachable(ClientError):
    """No connection could be made: nobody listens, the name or the certificate is wrong, the proxy refuses."""

    retryable = True


class ConnectionLost(ClientError):
    """The connection ended. `was_sent`: the request had left, so the gateway may have acted on it."""

    retryable = True

    def __init__(self, message: str, *, close_code: int | None = None, was_sent: bool = True) -> None:
        super().__init__(message)
        self.close_code = close_code
        self.was_sent = was_sent


class RequestTimeout(ClientError):
    """No answer came in time; the gateway may have acted, or may yet."""

    retryable = True

    def __init__(self, method: str, seconds: float) -> None:
        super().__init__(f"{method} was not answered within {seconds:g} s.")
        self.method = method
        self.seconds = seconds


class RequestTooBig(ClientError):
    """The request is larger than the gateway takes; sending it would have cost everybody the connection."""


class EventsLost(ClientError):
    """The gateway no longer has the events between `expected` and `received` of a job.

    With `received` below `expected` it counts anew: what it numbers now is not what it numbered before.
    """

    def __init__(self, job_id: str, *, expected: int, received: int) -> None:
        gone = f"Events {expected} to {received - 1} of job {job_id} are gone."
        anew = f"Job {job_id} has no event {expected - 1}: its gateway was set back, or never had it."
        super().__init__(gone if received >= expected else anew)
        self.job_id = job_id
        self.expected = expected
        self.received = received


class NoTarget(ClientError):
    """No gateway of the registry may, or can now, do this; the message says what was asked for."""

    retryable = True


class RpcError(ClientError):
    """The gateway answered with an error. `code` and `detail_code` are for programs, `message` for people."""

    def __init__(self, method: str, shape: ErrorShape, *, payload: Any = None) -> None:
        super().__init__(f"{method}: {shape.message} [{shape.code}]")
        self.method = method
        self.code = shape.code
        self.message = shape.message
        self.details = shape.details
        self.payload = payload
        self.retryable = bool(shape.retryable)
        self.retry_after = None if shape.retry_after_ms is None else shape.retry_after_ms / 1000

    @property
    def detail_code(self) -> str:
        """The finer code in `details`, or ""."""
        return _detail(self.details, "code")


# How the detail codes end that say: not with this token, this device, this version.
_WRONG = ("_MISMATCH", "_MISSING", "_NOT_CONFIGURED", "_INVALID", "_REQUIRED", "_UNAUTHORIZED")


class HandshakeRefused(ClientError):
    """The gateway is there and does not let this client in. `is_terminal`: not until something is changed."""

    def __init__(self, shape: ErrorShape, *, close_code: int | None = None) -> None:
        super().__init__(f"The gateway refused the connection: {shape.message}")
        self.code = shape.code
        self.message = shape.message
        self.details = shape.details
        self.close_code = close_code
        self.retry_after = None if shape.retry_after_ms is None else shape.retry_after_ms / 1000
        self.is_terminal = _is_terminal(shape, self.detail_code)
        self.retryable = not self.is_terminal

    @property
    def detail_code(self) -> str:
        """The finer code in `details`, or ""."""
        return _detail(self.details, "code")


# In the details of UNAVAILABLE: what was asked for may have been done all the same.
TIMEOUT = "TIMEOUT"


def may_have_acted(error: ClientError) -> bool:
    """Tell whether the gateway may have done what it was asked for, although it did not say so."""
    if isinstance(error, RpcError):
        return error.detail_code == TIMEOUT
    return isinstance(error, RequestTimeout) or (isinstance(error, ConnectionLost) and error.was_sent)


def has_surely_not_acted(error: ClientError) -> bool:
    """Tell whether the gateway was not reached, cannot be at all, or said that it does nothing now."""
    if isinstance(error, RpcError):
        return error.retryable and not may_have_acted(error)
    return isinstance(error, Unreachable | HandshakeRefused | BadTarget)


def _is_terminal(shape: ErrorShape, detail_code: str) -> bool:
    """Decide whether to give up. A wrong token is never tried again, what only says "not now" always is."""
    if detail_code == "PAIRING_REQUIRED":
        waits = _detail(shape.details, "recommendedNextStep") == "wait_then_retry"
        return not waits and shape.details.get("pauseReconnect") is not False
    if detail_code.endswith(_WRONG):
        return True
    is_passing = shape.retryable or shape.retry_after_ms is not None or shape.code == codes.UNAVAILABLE
    return not is_passing and detail_code != "AUTH_RATE_LIMITED"


def _detail(details: Any, name: str) -> str:
    value = details.get(name) if isinstance(details, dict) else None
    return value if isinstance(value, str) else ""
