"""Why a database cannot be worked with, as a sentence that says what to do. No password is ever part of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, ProgrammingError

NOT_SET_UP = "The database is not set up yet. Start clawsite once with ./run, or run: manage.py prepare"

# A part of what SQLite says, and what is said instead.
_SQLITE = (
    ("no such table", NOT_SET_UP),
    ("no such column", "The database is behind the code. Run: manage.py migrate (or ./run, which does it)"),
    ("unable to open", "The database file {name} cannot be opened. Who runs clawsite must own it and its folder."),
    ("readonly", "The database file {name} cannot be written. Who runs clawsite must own it and its folder."),
    ("not a database", "{name} is no database. Put it aside and restore a backup: manage.py restore latest"),
    ("malformed", "The database file {name} is damaged. Put it aside and restore a backup: manage.py restore latest"),
    ("is full", "The disk of {name} is full. Make room on it."),
    ("disk i/o", "The disk of {name} cannot be read or written. Is it full or broken?"),
    ("locked", "The database {name} is locked by another program. Try again in a moment, or end that program."),
)  # fmt: skip
_NOWHERE = "There is no machine of the name in DATABASE_URL. Correct its host."
_CROWDED = "PostgreSQL at {place} has no connection left. Raise its max_connections, or end what uses them."
# The same for PostgreSQL, in the order in which they are looked for.
_POSTGRES = (
    ("authentication failed", "PostgreSQL at {place} refuses the user and password of DATABASE_URL. Correct them."),
    ("no password supplied", "PostgreSQL at {place} wants a password, and DATABASE_URL has none. Add it."),
    ("no pg_hba.conf entry", "PostgreSQL at {place} lets this user or machine not in. Allow it in its pg_hba.conf."),
    ("too many", _CROWDED),
    ("connection slots", _CROWDED),
    ("permission denied", "The user of DATABASE_URL may not work in its database. Make it the owner."),
    ("not permitted to log in", "The user of DATABASE_URL may not log in to PostgreSQL at {place}. Give it LOGIN."),
    # Those above may name a role or a database, too.
    ("role \"", "PostgreSQL at {place} knows no such user as DATABASE_URL names. Create it or correct that."),
    ("database \"", "PostgreSQL at {place} has no such database as DATABASE_URL names. Create it or correct that."),
    ("invalid connection option", "DATABASE_URL has an option after its ? that PostgreSQL does not know. Take it out."),
    ("starting up", "PostgreSQL at {place} is just starting. Try again in a moment."),
    ("relation \"", NOT_SET_UP),
    ("column ", "The database is behind the code. Run: manage.py migrate (or ./run, which does it)"),
    ("resolve", _NOWHERE),
    ("translate host name", _NOWHERE),
    ("connection", "PostgreSQL does not answer at {place}. Is it running, and is that what DATABASE_URL should say?"),
)  # fmt: skip
# What PostgreSQL says of what may be over in a moment (its SQLSTATE, or the class of it): no connection, none left,
# a deadlock, a lock that others keep, and a server that stops, starts or gave up on a statement.
_PASSING = ("08", "53300", "40", "55P03", "57")
_OTHERWISE = "The database does not answer. Is it locked, full or switched off?"


def explain(error: DatabaseError) -> str:
    """Return what is wrong with the database of this installation, for whoever runs it."""
    return explain_words(str(error), settings.DATABASES["default"])


def is_trouble(error: DatabaseError) -> bool:
    """Tell whether a database is not there, not set up, damaged or not ours, rather than asked for something wrong."""
    from django.db.migrations.exceptions import MigrationSchemaMissing  # noqa: PLC0415 - it brings the models

    trouble = (OperationalError, ProgrammingError, MigrationSchemaMissing)
    return isinstance(error, trouble) or type(error) is DatabaseError  # SQLite's for a file that is none


def is_passing(error: BaseException) -> bool:
    """Tell whether it is a database that may answer in a moment, rather than one that somebody must look after."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    if "sqlite" in settings.DATABASES["default"]["ENGINE"]:
        return "locked" in str(error)
    # A connection that was never made, or is lost, has no state.
    state = getattr(error.__cause__, "sqlstate", None)
    return state is None or state.startswith(_PASSING)


def is_known(error: DatabaseError) -> bool:
    """Tell whether `explain` has more to say than that something is wrong."""
    return explain(error) != _OTHERWISE


def explain_words(words: str, database: Mapping[str, Any]) -> str:
    """Return what these words of a database mean; `database`: as in settings."""
    known = _SQLITE if "sqlite" in database["ENGINE"] else _POSTGRES
    sentence = next((said for part, said in known if part in words.lower()), _OTHERWISE)
    place = f"{database.get('HOST') or 'this machine'}:{database.get('PORT') or 5432}"
    return sentence.format(name=database["NAME"], place=place)
