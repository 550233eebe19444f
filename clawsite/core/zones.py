"""Names of time zones, as people write them in settings."""

from __future__ import annotations

from zoneinfo import ZoneInfo


def is_time_zone(name: str) -> bool:
    """Tell whether a name such as America/Sao_Paulo is one that can be loaded."""
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return False
    return True
