"""What a PostgreSQL database is besides its tables: encoding, locale, settings of its own. No dump tells any of it."""

from __future__ import annotations

import logging
from typing import Any, Protocol

import psycopg
from django.db import DatabaseError
from psycopg import sql

from clawsite.ops.backups.database import Properties

logger = logging.getLogger(__name__)

_ERRORS = (DatabaseError, psycopg.Error)

# Columns that not every version has are read by way of JSON.
_DATABASE = """
SELECT pg_encoding_to_char(encoding), datcollate, datctype, coalesce(to_jsonb(d) ->> 'datlocprovider', 'c'),
    coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', '')
FROM pg_database d WHERE datname = current_database()
"""
_SETTINGS = """
SELECT unnest(setconfig) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
WHERE d.datname = current_database() AND s.setrole = 0
"""
_PROVIDERS = {
    "i": "LOCALE_PROVIDER icu ICU_LOCALE {locale}",
    "b": "LOCALE_PROVIDER builtin BUILTIN_LOCALE {locale}",
}


class Cursor(Protocol):
    """A cursor, as far as this needs one."""

    def execute(self, query: Any, params: Any = ..., /) -> Any:
        """Run a statement."""

    def fetchall(self) -> list[Any]:
        """Return its rows."""


def read_properties(cursor: Cursor) -> Properties:
    """Return those of the database that is connected to."""
    cursor.execute(_DATABASE)
    encoding, collate, ctype, provider, locale = cursor.fetchall()[0]
    cursor.execute(_SETTINGS)
    kept = sorted(str(row[0]) for row in cursor.fetchall())
    return Properties(encoding=encoding, collate=collate, ctype=ctype, provider=provider, locale=locale, settings=kept)


def create_alike(cursor: Cursor, name: str, properties: Properties | None) -> None:
    """Create an empty database with these. Where the server knows no such locale it gets the server's own."""
    plain = sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
    if properties is not None:
        try:
            cursor.execute(plain + _describe(properties))
            return
        except _ERRORS as error:
            told = str(error).strip().splitlines()[0]
            logger.warning("The database is restored with the locale of this server, not its own: %s", told)
    cursor.execute(plain)


def _describe(properties: Properties) -> sql.Composed:
    text = " ENCODING {encoding} LC_COLLATE {collate} LC_CTYPE {ctype} " + _PROVIDERS.get(properties.provider, "")
    return sql.SQL(text).format(
        encoding=sql.Literal(properties.encoding),
        collate=sql.Literal(properties.collate),
        ctype=sql.Literal(properties.ctype),
        locale=sql.Literal(properties.locale),
    )


def apply_settings(cursor: Cursor, name: str, properties: Properties) -> None:
    """Give the database that is connected to its settings; one that this role may not set is told and left out."""
    for each in properties.settings:
        setting, _, value = each.partition("=")
        alter = sql.SQL("ALTER DATABASE {} SET {} FROM CURRENT").format(sql.Identifier(name), sql.Identifier(setting))
        try:
            # Not as a literal: only the server knows which settings are lists.
            cursor.execute("SELECT set_config(%s, %s, false)", [setting, value])
            cursor.execute(alter)
        except _ERRORS as error:
            told = str(error).strip().splitlines()[0]
            logger.warning("The database is restored without its setting %s: %s", setting, told)
