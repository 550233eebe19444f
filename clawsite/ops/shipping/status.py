"""How the copying of the log is, in one look at its files: for health, metrics, doctor and self alerts."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from clawsite.ops.shipping.spool import FOLDER, now, read_state, waiting


@dataclass(frozen=True, kw_only=True, slots=True)
class Shipped:
    """`lag` is how many seconds of commits would be lost with this disk, None while nothing was ever copied.

    `waiting` is how many parts the stores do not have yet, `snapshot_age` the seconds since the newest snapshot.
    """

    lag: float | None
    waiting: int
    snapshot_age: float | None


def shipped() -> Shipped | None:
    """Return how far the log is copied; None where that is not wanted."""
    if not settings.CLAW_ON_SQLITE or not settings.CLAW_SHIPPING_SECONDS:
        return None
    root = settings.CLAW_HOME / FOLDER
    state, parts = read_state(root), waiting(root)
    if state is None or not state.snapshot_at:
        return Shipped(lag=None, waiting=len(parts), snapshot_age=None)
    copied = min([state.moment, *(part.moment for part in parts)])
    return Shipped(lag=_age(copied), waiting=len(parts), snapshot_age=_age(state.snapshot_at))


def _age(moment: int) -> float:
    return max(0.0, (now() - moment) / 1000)
