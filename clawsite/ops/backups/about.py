"""The first member of a backup: what made it, what state the database is in, and how many rows each table has."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from typing import Literal

import msgspec
from django.conf import settings
from django.db.migrations.loader import MigrationLoader

from clawsite.ops.backups.database import Properties
from clawsite.ops.backups.errors import BadArchive

ABOUT = "about.json"
FORMAT = 1

Engine = Literal["sqlite", "postgresql"]


class About(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True, kw_only=True):
    """`counts` are rows by table in the snapshot, `schema` a hash of its tables, `migrations` those applied in it.

    name: that of its row, whatever the file is called now. properties: what the database of a server is besides its
    tables.
    """

    format: int
    version: str
    engine: Engine
    created_at: str
    migrations: list[tuple[str, str]]
    counts: dict[str, int]
    schema: str
    database_sha256: str
    database_bytes: int
    python: str = ""
    name: str = ""
    properties: Properties | None = None


def engine() -> Engine:
    """Return which database this installation uses."""
    return "sqlite" if settings.CLAW_ON_SQLITE else "postgresql"


def describe(
    *,
    migrations: list[tuple[str, str]],
    counts: dict[str, int],
    schema: str,
    sha256: str,
    size: int,
    name: str = "",
    properties: Properties | None = None,
) -> About:
    """Return the description of a snapshot that was just taken."""
    return About(
        format=FORMAT,
        version=settings.VERSION,
        engine=engine(),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        migrations=migrations,
        counts=counts,
        schema=schema,
        database_sha256=sha256,
        database_bytes=size,
        python=platform.python_version(),
        name=name,
        properties=properties,
    )


def read_about(data: bytes) -> About:
    """Return the description in an archive; BadArchive when this version cannot restore it."""
    try:
        about = msgspec.json.decode(data, type=About)
    except msgspec.MsgspecError:
        raise BadArchive("The archive does not begin as a backup of ours does.") from None
    if about.format != FORMAT:
        raise BadArchive(f"The backup has format {about.format}; this version reads format {FORMAT}.")
    if about.engine != engine():
        raise BadArchive(f"The backup is of {about.engine}, and DATABASE_URL here says {engine()}.")
    check_known(about)
    return about


def check_known(about: About) -> None:
    """Raise BadArchive for a database with migrations that this version does not have."""
    known = known_migrations()
    unknown = next((f"{app}.{name}" for app, name in about.migrations if (app, name) not in known), "")
    if unknown:
        raise BadArchive(
            f"The backup was made by a newer version ({about.version}): this one does not know {unknown}. Install "
            "that version first."
        )


def is_older(about: About) -> bool:
    """Tell whether the database of a backup lacks migrations that this version has."""
    return known_migrations() > set(about.migrations)


def known_migrations() -> set[tuple[str, str]]:
    """Return the migrations of this version."""
    return set(MigrationLoader(None).disk_migrations)
