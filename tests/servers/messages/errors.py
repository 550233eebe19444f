"""The error of the Messages emulator, in the shape of the real API."""

from __future__ import annotations

from typing import Any

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
TEXTS = {
    429: "This request would exceed your organization's rate limit",
    500: "Internal server error",
    529: "Overloaded",
    401: "invalid x-api-key",
    403: "Your account does not have access to this",
    504: "Request timed out",
}


class ApiError(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, message: str | None = None, *, kind: str | None = None, **extra: Any) -> None:
        self.status = status
        self.kind = kind or TYPES.get(status, "api_error")
        self.message = message or TEXTS.get(status, "Error")
        self.retry_after: float | None = extra.get("retry_after")
        self.error_code: str | None = extra.get("error_code")
        super().__init__(f"{status} {self.kind}: {self.message}")

    def to_json(self, request_id: str) -> dict[str, Any]:
        error: dict[str, Any] = {"type": self.kind, "message": self.message}
        if self.error_code:
            error["details"] = {"error_code": self.error_code}
        return {"type": "error", "error": error, "request_id": request_id}


def invalid(message: str) -> ApiError:
    return ApiError(400, message)
