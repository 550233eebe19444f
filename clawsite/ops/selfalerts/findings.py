"""What a check finds, and the checks there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from clawsite.models import SelfAlert

WARNING, CRITICAL = SelfAlert.Severity.WARNING, SelfAlert.Severity.CRITICAL


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Something that is wrong now. One check finds each subject once; `data` are numbers for the words.

    `lasted`: for how many seconds it is known to have been wrong; 0: since it was first found.
    """

    check: str
    subject: str = ""
    severity: SelfAlert.Severity = WARNING
    data: dict[str, Any] = field(default_factory=dict)
    lasted: float = 0.0

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same trouble as before."""
        return self.check, self.subject[:220]


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """Something to look at in each round. What it finds must have lasted for `seconds` before it is told."""

    name: str
    find: Callable[[datetime], Iterable[Finding]]
    seconds: float = 30.0
