"""Randomness in waits, so that what failed together does not come back together."""

from __future__ import annotations

import random


def jitter(seconds: float, *, spread: float = 0.3) -> float:
    """Return a wait that differs from `seconds` by up to `spread` of it, either way."""
    return seconds * random.uniform(1 - spread, 1 + spread)  # noqa: S311 - no secret depends on it
