"""Whether a feature is on for somebody. The only way to ask; rows of FeatureFlag are the truth.

A process keeps the rows in memory. A change drops them everywhere by a nudge, and a second read follows anyway after
FRESH_SECONDS, so no restart is needed. Asking may read the database: never ask on an event loop.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from clawsite.core.features import FEATURES
from clawsite.core.models import FeatureFlag
from clawsite.core.nudge import NudgeListener, nudge

TOPIC = "flags"
FRESH_SECONDS = 5.0

_cached: tuple[float, Mapping[str, FeatureFlag]] | None = None


def is_on(name: str, *, person: str = "", channel: str = "") -> bool:
    """Tell whether a feature of the catalogue is on for this person in this channel (one query in FRESH_SECONDS)."""
    feature = FEATURES[name]
    flag = _read().get(name)
    decided = None if flag is None else flag.decide(person=person, channel=channel)
    return feature.default if decided is None else decided


def _read() -> Mapping[str, FeatureFlag]:
    global _cached
    now = time.monotonic()
    if _cached is None or now - _cached[0] > FRESH_SECONDS:
        _cached = (now, {flag.name: flag for flag in FeatureFlag.objects.all()})
    return _cached[1]


def forget(_: dict[str, Any] | None = None) -> None:
    """Let the next question read the rows; takes a nudge's data, so that it can be its callback."""
    global _cached
    _cached = None


def tell_all() -> None:
    """Have every process forget what it knows, once the transaction that changed a flag is committed."""

    def tell() -> None:
        forget()
        nudge(TOPIC)

    transaction.on_commit(tell, robust=True)


def listen(listener: NudgeListener) -> None:
    """Follow the changes that other processes make."""
    listener.on(TOPIC, forget)


def ensure_rows() -> None:
    """Make a row for each feature of the catalogue that has none. Safe to repeat."""
    known = set(FeatureFlag.objects.values_list("name", flat=True))
    rows = [FeatureFlag(name=name) for name in FEATURES if name not in known]
    FeatureFlag.objects.bulk_create(rows, ignore_conflicts=True)
