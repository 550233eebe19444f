"""How each method is called: how long an answer may take, how often to try, which calls carry a key of their own."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEFAULT_SECONDS = 30.0
SPARE_SECONDS = 5.0
"""How much longer than a gateway that waits: what it says at the end of its time is more than that it said nothing."""
FINAL_SECONDS = 600.0 + SPARE_SECONDS
"""For methods that answer twice: how long the second answer may take. A gateway ends a run after 600 s."""

SECONDS = {
    "jobs.create": 10.0, "jobs.start": 10.0, "jobs.result": 30.0, "jobs.subscribe": 10.0, "ping": 10.0,
    "agent.wait": 30.0 + SPARE_SECONDS,
}  # fmt: skip

# Methods that take an idempotencyKey. With the key a repeated call is the same call to the gateway.
# (jobs.start needs none: starting what runs changes nothing.)
KEYED = frozenset({"jobs.create", "chat.send", "agent", "send", "poll", "node.invoke", "message.action"})


@dataclass(frozen=True, slots=True)
class Rule:
    """Seconds for one try, and how many tries there are at most."""

    seconds: float
    tries: int


def find_rule(method: str, params: Mapping[str, Any] | None = None, *, expect_final: bool = False) -> Rule:
    """Return the rule of a method: two more tries to ask how things are, one more to create and start.

    A method that was told to wait (`timeoutMs`, or `timeout` in seconds where there are two answers) gets that much
    time, and some to answer.
    """
    seconds = FINAL_SECONDS if expect_final else SECONDS.get(method, DEFAULT_SECONDS)
    given = params or {}
    waits_ms, waits = given.get("timeoutMs"), given.get("timeout") if expect_final else None
    if isinstance(waits_ms, int | float):
        seconds = max(seconds, waits_ms / 1000 + SPARE_SECONDS)
    if isinstance(waits, int | float):
        seconds = max(seconds, waits + SPARE_SECONDS)
    if is_read(method):
        return Rule(seconds, 3)
    return Rule(seconds, 2 if method in ("jobs.create", "jobs.start") else 1)


def is_read(method: str) -> bool:
    """Tell whether a method only asks how things are, so that it may be called any number of times, anywhere."""
    return method in ("ping", "health", "status") or method.endswith(".status")


def add_key(method: str, params: Mapping[str, Any] | None, key: str | None) -> dict[str, Any]:
    """Return the parameters with their idempotency key: the one given, the one there, or a fresh one."""
    full = dict(params or {})
    if key is not None:
        full["idempotencyKey"] = key
    elif method in KEYED:
        full.setdefault("idempotencyKey", uuid.uuid4().hex)
    return full
