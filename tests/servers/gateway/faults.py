"""What the scripted gateway does instead of answering a request."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

Kind = Literal["error", "silent", "delay", "twice", "garbage", "foreign", "close", "cut", "cut_after"]


@dataclass(kw_only=True, slots=True)
class Fault:
    """One rule for requests whose method fits the pattern, the first `times` of them (None: all).

    error: answer ok false with `error`.  silent: do not answer.  delay: wait `seconds`, then answer.  twice: answer
    twice.  garbage: send `data` instead.  foreign: send a frame of an unknown type, then answer.  close: close
    with `code` and `reason` (after `error`, when there is one).  cut: reset the connection without acting;
    cut_after: act, then reset it instead of answering.
    """

    kind: Kind
    method: str = "*"
    times: int | None = 1
    error: dict[str, Any] | None = None
    seconds: float = 0.0
    code: int = 1011
    reason: str = ""
    data: str | bytes = "{not json"
    hits: int = 0


@dataclass(slots=True)
class FaultPlan:
    """The faults in force, tried in the order given."""

    faults: list[Fault] = field(default_factory=list)

    def take(self, method: str) -> Fault | None:
        """Return the fault that happens to this request, counted."""
        for fault in self.faults:
            if fnmatchcase(method, fault.method) and (fault.times is None or fault.hits < fault.times):
                fault.hits += 1
                return fault
        return None
