"""An anomaly in words: what it is, and the lines of its numbers."""

from __future__ import annotations

import math
from datetime import datetime

from django.utils.translation import gettext as _

from bots.commands.figures import show_number, show_span
from runbooks.models import Anomaly

Kind = Anomaly.Kind
# What is smaller is told as a power of ten.
LEAST = 1e-6


def kind_words(kind: str) -> str:
    """Return what kind of anomaly it is, as people read it."""
    return {
        Kind.DROP: _("Drop"),
        Kind.SPIKE: _("Spike"),
        Kind.FLAT: _("Stands still"),
        Kind.MISSING: _("No data"),
    }[Kind(kind)]


def describe(row: Anomaly, *, now: datetime) -> list[str]:
    """Return the lines about one anomaly: scores where its kind has some, value, state, duration."""
    state = _("open") if row.state == Anomaly.State.OPEN else _("resolved")
    return [
        *_scores(row),
        _("State: {state}").format(state=state),
        _("Duration: {span}").format(span=show_span(row.lasted(now))),
    ]


def _scores(row: Anomaly) -> list[str]:
    if row.kind == Kind.MISSING:
        return []
    value = show_value(row.value, row.unit)
    if row.kind == Kind.FLAT:
        return [_("Value: {value}, always the same").format(value=value)]
    return [
        _("Robust score: {score}").format(score=show_number(row.robust, digits=1)),
        _("Z-score: {score}").format(score=show_number(row.zscore, digits=1)),
        _("Value: {value} (usual: {usual})").format(value=value, usual=show_value(row.expected, row.unit)),
    ]


def show_value(value: float, unit: str) -> str:
    """Return a value with its unit and as many digits as it needs: 1,247 /min, 94.2%, 0.123 s, 0.00042 s."""
    size = abs(value)
    digits = 0 if size >= 100 or value == int(value) else 1 if size >= 10 else 2 if size >= 1 else _small_digits(size)
    number = f"{value:.1e}" if 0 < size < LEAST else show_number(value, digits=digits)
    return f"{number}{unit}" if unit == "%" else f"{number} {unit}".strip()


def _small_digits(size: float) -> int:
    """Return how many digits a number below one needs so that two of them say something."""
    return max(3, 1 - math.floor(math.log10(max(size, LEAST))))
