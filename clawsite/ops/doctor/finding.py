"""What an examination finds: how bad it is, what it is, what to do, and the mend where one is safe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How bad something is, from nothing at all to what keeps people from being served."""

    FINE = "fine"
    NOTE = "note"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that was looked at. `fix` mends it, may be repeated, loses nothing, and says what it did."""

    area: str
    level: Level
    text: str
    advice: str = ""
    fix: Callable[[], str] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it for a program."""
        found = {"area": self.area, "level": str(self.level), "text": self.text, "advice": self.advice}
        return found | {"fixable": self.fix is not None}


def fine(area: str, text: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(area=area, level=Level.FINE, text=text)


def note(area: str, text: str, advice: str = "") -> Finding:
    """Return what is worth knowing."""
    return Finding(area=area, level=Level.NOTE, text=text, advice=advice)


def warn(area: str, text: str, advice: str, fix: Callable[[], str] | None = None) -> Finding:
    """Return what should be changed."""
    return Finding(area=area, level=Level.WARN, text=text, advice=advice, fix=fix)


def bad(area: str, text: str, advice: str, fix: Callable[[], str] | None = None) -> Finding:
    """Return what does not work, or lets others in."""
    return Finding(area=area, level=Level.BAD, text=text, advice=advice, fix=fix)
