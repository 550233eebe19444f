"""What an emulator does wrong on demand: error answers, delays, cuts, garbage, a closed door.

Invariant: a fault counts down only when it hits; an expired one never hits. Faults are tried in the order
given, the first that fits a request is the one that happens.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

Kind = Literal["status", "delay", "cut_before", "cut_after", "garbage", "hang"]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(slots=True, kw_only=True)
class Fault:
    """One rule.

    `method` is a pattern of method names; `times` and `until` (monotonic) bound it, None is no bound.

    status: answer with `status` (and `retry_after`, `description`) instead of doing the work.
    delay: wait `seconds`, then work.  hang: wait `seconds`, then cut without working.
    cut_before: cut the connection before the body is read.  cut_after: do the work, cut instead of answering.
    garbage: do the work, answer 200 with something that is not JSON.
    """

    kind: Kind
    method: str = "*"
    times: int | None = None
    until: float | None = None
    status: int = 500
    retry_after: float | None = None
    description: str | None = None
    error: str | None = None
    seconds: float = 0.0
    hits: int = 0

    def fits(self, method: str) -> bool:
        if self.times is not None and self.hits >= self.times:
            return False
        if self.until is not None and time.monotonic() >= self.until:
            return False
        return fnmatchcase(method.lower(), self.method.lower())


@dataclass(slots=True)
class FaultPlan:
    """The faults in force."""

    faults: list[Fault] = field(default_factory=list)

    def add(self, kind: str, *, for_seconds: float | None = None, times: int | None = None, **options: Any) -> Fault:
        """Add a fault; without `times` and `for_seconds` it happens once.

        Raises ValueError for an unknown kind.
        """
        if kind not in KINDS:
            raise ValueError(f"unknown kind of fault {kind!r}, one of {', '.join(KINDS)}")
        if times is None and for_seconds is None:
            times = 1
        until = None if for_seconds is None else time.monotonic() + for_seconds
        fault = Fault(kind=kind, times=times, until=until, **options)  # type: ignore[arg-type]
        self.faults.append(fault)
        return fault

    def take(self, method: str) -> Fault | None:
        """The fault that happens to this call, counted; cuts before reading are taken by `cuts_before`."""
        return self._hit(method, cut_before=False)

    def cuts_before(self, method: str) -> bool:
        return self._hit(method, cut_before=True) is not None

    def describe(self) -> list[dict[str, Any]]:
        return [{name: getattr(fault, name) for name in ("kind", "method", "times", "hits")} for fault in self.faults]

    def clear(self) -> None:
        self.faults.clear()

    def _hit(self, method: str, *, cut_before: bool) -> Fault | None:
        for fault in self.faults:
            if (fault.kind == "cut_before") == cut_before and fault.fits(method):
                fault.hits += 1
                return fault
        return None
