"""From an error to what the wire says of it: one place, for every method."""

from __future__ import annotations

from typing import Any

import msgspec

from clawsite.core.dbtrouble import is_passing
from clawsite.core.errors import BadInput, ClawError, NotAllowed, log_unknown
from clawsite.gateway.principal import Principal, Scope
from clawsite.rpc import codes
from clawsite.rpc.errors import TIMEOUT
from clawsite.rpc.frames import ErrorShape


class GatewayError(ClawError):
    """An error with the exact words of the wire. `payload` goes along where the protocol wants both."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        details: dict[str, Any] | None = None,
        retryable: bool | None = None,
        retry_after_ms: int | None = None,
        payload: Any = None,
    ) -> None:
        super().__init__(message, retryable=retryable)
        self.shape = ErrorShape(
            code=code, message=message, details=details, retryable=retryable, retry_after_ms=retry_after_ms
        )
        self.payload = payload


def missing_scope(needed: str) -> GatewayError:
    """Say which right is missing, in the words that clients look for."""
    details = {"code": "MISSING_SCOPE", "missingScope": needed, "requiredScopes": [needed]}
    return GatewayError(codes.FORBIDDEN, f"missing scope: {needed}", details=details)


def check_sees_all(principal: Principal) -> None:
    """Refuse whoever may see only what is their own; said like a missing scope, because that is what it is."""
    if not principal.sees_all:
        raise missing_scope(Scope.ADMIN)


def unknown_method(name: str) -> GatewayError:
    """Say that there is no such method, in the words that clients look for."""
    return GatewayError(codes.INVALID_REQUEST, f"unknown method: {name}")


def to_shape(error: BaseException, *, where: str) -> ErrorShape:
    """Return what the wire says of an error; of one that nobody expected it says an id that is in the log."""
    if isinstance(error, GatewayError):
        return error.shape
    if isinstance(error, msgspec.ValidationError | msgspec.DecodeError | BadInput | UnicodeDecodeError):
        text = error.message if isinstance(error, BadInput) else str(error)
        return ErrorShape(code=codes.INVALID_REQUEST, message=f"invalid {where} params: {text}"[:500])
    if isinstance(error, NotAllowed):
        return ErrorShape(code=codes.FORBIDDEN, message=error.message)
    if isinstance(error, TimeoutError):
        return _not_now("The server did not get to this in time. Please try again.")
    if is_passing(error):
        log_unknown(error, where=f"the method {where}")
        return _not_now("The database does not answer. Please try again.")
    if isinstance(error, ClawError):
        details = {"code": error.code}
        return ErrorShape(
            code=codes.UNAVAILABLE, message=error.message, details=details, retryable=error.retryable or None
        )
    error_id = log_unknown(error, where=f"the method {where}")
    details = {"code": "INTERNAL", "errorId": error_id}
    return ErrorShape(code=codes.UNAVAILABLE, message=f"internal error {error_id}", details=details)


def _not_now(text: str) -> ErrorShape:
    """Ask to try again; what was asked for may have been done all the same."""
    return ErrorShape(
        code=codes.UNAVAILABLE, message=text, details={"code": TIMEOUT}, retryable=True, retry_after_ms=1000
    )
