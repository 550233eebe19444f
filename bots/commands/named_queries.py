"""Finding the named query, or the system, that somebody means: by name, title or plain words in any language.

Near misses get a suggestion. The names are few; they are read once in half a minute by whoever asks in plain words.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from difflib import get_close_matches

from bots.commands.spelling import plain
from runbooks.models import NamedQuery

CLOSE = 0.6
MOST_NEAR = 3
KEPT_SECONDS = 30.0
MOST_CHARS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """A query with all its spellings, alone and together with its system's."""

    query: NamedQuery
    names: frozenset[str]


def read_named() -> list[Named]:
    """Return the queries of the enabled systems, by system and name."""
    rows = NamedQuery.objects.filter(system__enabled=True).select_related("system").defer("system__credentials")
    return [Named(query=row, names=_spellings(row)) for row in rows.order_by("system__name", "name")]


def find_queries(words: str, named: list[Named]) -> list[NamedQuery]:
    """Return the queries that words name: one, or the same of several systems; `#12` is the query of that number."""
    wanted = fold(words)
    if words.startswith("#"):
        return [each.query for each in named if f"#{each.query.pk}" == words.strip()]
    return [each.query for each in named if wanted in each.names]


def near_queries(words: str, named: list[Named]) -> list[NamedQuery]:
    """Return the queries whose names are nearest to words that name none."""
    spellings = {name: each.query for each in named for name in sorted(each.names, reverse=True)}
    near = get_close_matches(fold(words)[:MOST_CHARS], list(spellings), n=MOST_NEAR * 3, cutoff=CLOSE)
    found = {spellings[name].pk: spellings[name] for name in near}
    return list(found.values())[:MOST_NEAR]


def fold(text: str) -> str:
    """Return a name as names are compared: approval_rate and "Approval rate" are the same."""
    return " ".join(plain(text).replace("_", " ").replace("-", " ").split())


def _spellings(row: NamedQuery) -> frozenset[str]:
    words = [word for word in row.words if isinstance(word, str)]
    own = {fold(text) for text in (row.name, row.title, *words)} - {""}
    systems = {fold(text) for text in (row.system.name, row.system.title)} - {""}
    return frozenset(own | {f"{system} {name}" for system in systems for name in own})


class _Known:
    """The spellings of all queries, as they were read last."""

    names: frozenset[str] = frozenset()
    until = 0.0


def is_named(words: str) -> bool:
    """Tell whether words are exactly a query's name. Asks the database once in half a minute at most."""
    if len(words) > MOST_CHARS:
        return False
    if time.monotonic() >= _Known.until:
        _Known.names = frozenset(name for each in read_named() for name in each.names)
        _Known.until = time.monotonic() + KEPT_SECONDS
    return fold(words) in _Known.names


def forget_named() -> None:
    """Read the names anew at the next question."""
    _Known.until = 0.0
