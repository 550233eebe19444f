"""A snapshot of the database as both engines give it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """One moment of the database in a file; counts are rows by table, schema a hash of its tables."""

    path: Path
    migrations: list[tuple[str, str]]
    counts: dict[str, int]
    schema: str
