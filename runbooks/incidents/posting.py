"""One event of an incident as a request: JSON, signed so that the receiver knows that it is ours and when it was made.

The signature is HMAC-SHA256 over the timestamp, a dot and the body, as `sha256=` and hexadecimal digits.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from clawsite.core.crypto import check_secret
from clawsite.core.errors import BadInput, Unavailable
from clawsite.core.retry import told_wait
from clawsite.core.services import guard
from guardrails.http import call
from runbooks.incidents.snapshot import describe_event, state_of
from runbooks.models import IncidentEvent, IncidentHook

# The kind under which these are in the list of outside services.
SERVICE = "ticket system"
SECONDS, ASK_SECONDS = 10.0, 5.0
# What a server says that does not know HEAD.
NOT_IMPLEMENTED = 501
MAX_BYTES = 64 * 1024
# What says "not now" rather than "not this".
_LATER = frozenset({408, 425, 429})
# What says "not this event", whoever sends it: it would be said again each time.
_NOT_THIS = frozenset({400, 409, 413, 422})


class EventRefused(BadInput):
    """The receiver takes other events, but not this one."""

    code = "event_refused"


def post_event(hook: IncidentHook, event: IncidentEvent) -> None:
    """Send one event; Unavailable when it may be taken later, BadInput when it will not be.

    EventRefused is about this event alone, any other BadInput about all that this hook sends.
    """
    delivery = f"{event.incident.number}-{event.seq}"
    told = {
        "delivery": delivery,
        "incident": state_of(event.incident),
        "event": describe_event(event) | {"text": event.text},
    }
    _post(hook, told, delivery=delivery, kind=event.kind)


def post_test(hook: IncidentHook) -> None:
    """Send an event of no incident, which only shows that the way is open; raises like `post_event`."""
    _post(hook, {"delivery": "test", "incident": None, "event": None}, delivery="test", kind="test")


def ask_address(url: str) -> None:
    """See whether anybody answers there, without an event; Unavailable when not. Any status but 5xx is an answer."""
    reply = call(url, method="HEAD", seconds=ASK_SECONDS, max_bytes=MAX_BYTES)
    if reply.status >= 500 and reply.status != NOT_IMPLEMENTED:
        raise Unavailable(f"It answered with status {reply.status}.")


def _post(hook: IncidentHook, told: dict[str, Any], *, delivery: str, kind: str) -> None:
    body = json.dumps(told, ensure_ascii=False).encode()
    moment = str(int(timezone.now().timestamp()))
    headers = {
        "Content-Type": "application/json",
        "X-Claw-Event": kind,
        "X-Claw-Delivery": delivery,
        "X-Claw-Timestamp": moment,
        "X-Claw-Signature": sign(check_secret(hook.secret), moment, body),
    }
    with guard(SERVICE, hook.name):
        _send(hook, headers=headers, body=body)


def _send(hook: IncidentHook, *, headers: Mapping[str, str], body: bytes) -> None:
    reply = call(hook.url, method="POST", headers=headers, body=body, seconds=SECONDS, max_bytes=MAX_BYTES)
    if reply.status >= 500 or reply.status in _LATER:
        told = told_wait(reply.headers)
        raise Unavailable(f"{hook.name} answered with status {reply.status}.", retry_after=told)
    if reply.status in _NOT_THIS:
        raise EventRefused(f"{hook.name} does not take it: status {reply.status}.")
    if reply.status >= 300:
        raise BadInput(f"{hook.name} does not take it: status {reply.status}.")


def sign(secret: str, moment: str, body: bytes) -> str:
    """Return the signature of a body that was sent at a moment (seconds since 1970, as text)."""
    digest = hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"sha256={digest}"
