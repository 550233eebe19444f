"""What a chart shows, and the places of its marks. Pure."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

Points = Sequence[tuple[float, float]]

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_MINUTES = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080, 20_160)
DAY = 86_400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One series: (unix time, value), and what it is called where there are several."""

    points: Points
    name: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A time that is to be seen at once, such as an anomaly."""

    start: float
    end: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """Lines from start to end, those of the time before faintly behind them, moved to the same place."""

    title: str
    unit: str
    start: float
    end: float
    zone: tzinfo
    lines: Sequence[Line]
    before: Sequence[Line] = ()
    spans: Sequence[Span] = ()


def value_marks(low: float, high: float, *, count: int = 5) -> list[float]:
    """Return round values from at or below low to at or above high."""
    if high - low < 1e-12 + 1e-9 * abs(high):
        low, high = low - max(1.0, abs(low) * 0.1), high + max(1.0, abs(high) * 0.1)
    raw = (high - low) / (count - 1)
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * each for each in _STEPS if size * each >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, last + 1)]


def value_range(values: Sequence[float]) -> tuple[float, float]:
    """Return lowest and highest; from zero on where the values are not far above it."""
    low, high = min(values), max(values)
    return (0.0 if 0 < low <= high / 2 else low), high


def time_marks(start: float, end: float, zone: tzinfo, *, count: int = 5) -> list[tuple[float, str]]:
    """Return round moments of a zone's clock with their names: times of day, and days where it is about days."""
    minutes = next((each for each in _MINUTES if (end - start) / (each * 60) <= count), _MINUTES[-1])
    whole = minutes >= 1440
    moment = datetime.fromtimestamp(start, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    marks: list[tuple[float, str]] = []
    while (at := moment.timestamp()) <= end:
        if at >= start:
            marks.append((at, moment.strftime("%m-%d" if whole else "%H:%M")))
        moment = _next(moment, minutes, zone)
    return marks


def _next(moment: datetime, minutes: int, zone: tzinfo) -> datetime:
    """Days follow the clock, so that one of 23 hours begins at midnight too; less than a day follows the sun."""
    if minutes >= 1440:
        return moment + timedelta(days=minutes // 1440)
    return datetime.fromtimestamp(moment.timestamp() + minutes * 60, zone)


def show_number(value: float) -> str:
    """Return a value in few characters: 0.25, 94.2, 1250, 45.2k, 1.2M."""
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (size if suffix != 'k' else 1e3):.4g}{suffix}"
    return f"{round(value, 10):.4g}" if abs(value) < 1000 else f"{value:.0f}"


def to_ascii(text: str, *, limit: int = 40) -> str:
    """Return what a picture can show of a text: accents are left off, other letters too."""
    folded = unicodedata.normalize("NFKD", text)
    kept = (" " if char.isspace() else char for char in folded if char.isspace() or "!" <= char <= "~")
    return " ".join("".join(kept).split())[:limit]
