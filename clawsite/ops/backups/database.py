"""A snapshot of the database as both engines give it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec


class Properties(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """provider: c of the C library, i of ICU, b of PostgreSQL itself. settings: NAME=VALUE, set by ALTER DATABASE."""

    encoding: str
    collate: str
    ctype: str
    provider: str = "c"
    locale: str = ""
    settings: list[str] = []


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """One moment of the database in a file; counts are rows by table, schema a hash of its tables.

    properties: of the database of a server.
    """

    path: Path
    migrations: list[tuple[str, str]]
    counts: dict[str, int]
    schema: str
    properties: Properties | None = None
