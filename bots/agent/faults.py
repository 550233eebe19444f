"""What a failed answer of a model server means for us. Pure: status, error type and headers in, a Fault out."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from bots.agent.provider import Fault

_BILLING_CODES = {
    "contract_spend_limit_reached",
    "enforced_spend_limit_reached",
    "linked_organization_billing_unavailable",
    "linked_organization_spend_limit_reached",
    "ramp_limit_exceeded",
}
_BY_TYPE = {
    "billing_error": Fault.BILLING,
    "authentication_error": Fault.FAILOVER,
    "permission_error": Fault.FAILOVER,
    "not_found_error": Fault.FAILOVER,
    "rate_limit_error": Fault.RETRY,
    "timeout_error": Fault.RETRY,
    "api_error": Fault.RETRY,
    "overloaded_error": Fault.RETRY,
    "conflict_error": Fault.RETRY,
}
_BY_STATUS = {401: Fault.FAILOVER, 402: Fault.BILLING, 403: Fault.FAILOVER, 404: Fault.FAILOVER}
_RETRY_STATUS = {408, 409, 425, 429}


def classify(status: int, kind: str | None, code: str | None, *, own_server: bool) -> Fault:
    """Return what to do about an error answer; `status` is 200 for an error in mid-stream, which has only a type.

    A bad request is wrong everywhere, unless the server is one of the user's own, which may speak a dialect.
    """
    if code in _BILLING_CODES:
        return Fault.BILLING
    if kind in _BY_TYPE:
        return _BY_TYPE[kind]
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status in _RETRY_STATUS or status >= 500 or (status < 400 and kind != "invalid_request_error"):
        return Fault.RETRY
    return Fault.FAILOVER if own_server else Fault.PERMANENT


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds the server asks us to wait (a number or a date), or None when it says nothing usable."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        raw = headers.get(name)
        if raw is None:
            continue
        seconds = _number(raw, unit)
        if seconds is None:
            seconds = _date(raw)
        if seconds is not None:
            return max(seconds, 0.0)
    return None


def _number(raw: str, unit: float) -> float | None:
    try:
        value = float(raw) / unit
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _date(raw: str) -> float | None:
    try:
        return parsedate_to_datetime(raw).timestamp() - time.time()
    except (TypeError, ValueError, OverflowError):
        return None
