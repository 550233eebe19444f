"""Full-text search over facts: FTS5 on SQLite, a GIN index over `to_tsvector` on PostgreSQL. Words come in folded.

Invariants: a query never contains anything but letters, digits and operators of ours; the session is part of it, so no
other session's facts are even candidates. The SQLite table is written in the transaction that writes the fact; it can
always be made again from the facts.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.expressions import RawSQL

from sessions_app.models import Fact
from sessions_app.statements import stem

TABLE = "sessions_app_fact_fts"
CANDIDATES = 40
MAX_WORDS = 24

# The parser of PostgreSQL reads signs, hosts and files out of punctuation; without it words are words, as in FTS5.
_MARKS = "".join(char for char in string.punctuation if char not in "'%_") + "'"
_WORDS_SQL = f"to_tsvector('simple', translate(norm, '{_MARKS.replace(chr(39), chr(39) * 2)}', '{' ' * len(_MARKS)}'))"

CREATE = {
    "sqlite": (
        f"CREATE VIRTUAL TABLE IF NOT EXISTS {TABLE} "
        "USING fts5(session, norm, tokenize='unicode61 remove_diacritics 0', prefix='3 4 5')"
    ),
    "postgresql": f"CREATE INDEX IF NOT EXISTS fact_search ON sessions_app_fact USING gin ({_WORDS_SQL})",
}
DROP = {"sqlite": f"DROP TABLE IF EXISTS {TABLE}", "postgresql": "DROP INDEX IF EXISTS fact_search"}


def matches(session_id: int, words: Sequence[str], *, every: bool = False) -> Q:
    """Return the condition for facts of a session with any (or every) of the words, found by their beginnings."""
    sql, params = select_matches(session_id, words, every=every)
    return Q(pk__in=RawSQL(sql, params))  # noqa: S611 - words are parameters


def select_matches(session_id: int, words: Sequence[str], *, every: bool = False) -> tuple[str, list[object]]:
    """Return a SELECT of the ids of the best CANDIDATES facts, with its parameters; it finds nothing without words."""
    terms = [word for word in words if word.isalnum() or "_" in word][:MAX_WORDS]
    if not terms:
        return "SELECT id FROM sessions_app_fact WHERE 1 = 0", []
    if connection.vendor == "sqlite":
        sql = f"SELECT rowid FROM {TABLE} WHERE {TABLE} MATCH %s ORDER BY rank LIMIT {CANDIDATES}"  # noqa: S608
        return sql, [_fts5_query(session_id, terms, every=every)]
    found = f"{_WORDS_SQL} @@ query"
    sql = (
        f"SELECT id FROM sessions_app_fact, to_tsquery('simple', %s) AS query "  # noqa: S608
        f"WHERE session_id = %s AND state = 'active' AND {found} ORDER BY ts_rank({_WORDS_SQL}, query) DESC "
        f"LIMIT {CANDIDATES}"
    )
    return sql, [_tsquery(terms, every=every), session_id]


def _fts5_query(session_id: int, terms: Sequence[str], *, every: bool) -> str:
    found = (" AND " if every else " OR ").join(f'norm : "{stem(term)}"{_star(term)}' for term in terms)
    return f'session : "s{session_id}" AND ({found})'


def _tsquery(terms: Sequence[str], *, every: bool) -> str:
    return (" & " if every else " | ").join(f"'{stem(term)}'{':*' if _star(term) else ''}" for term in terms)


def _star(term: str) -> str:
    """Words may go on after their stem; numbers and short words must match whole."""
    return "*" if stem(term) != term else ""


def index_facts(facts: Iterable[Fact]) -> None:
    """Put facts into the index. In the transaction that writes them."""
    if connection.vendor != "sqlite":
        return
    rows = [(fact.pk, f"s{fact.session_id}", fact.norm) for fact in facts]
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT OR REPLACE INTO {TABLE} (rowid, session, norm) VALUES (%s, %s, %s)", rows)  # noqa: S608


def unindex_facts(ids: Iterable[int]) -> None:
    """Take facts out of the index. In the transaction that hides them."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.executemany(f"DELETE FROM {TABLE} WHERE rowid = %s", [(pk,) for pk in ids])  # noqa: S608


def rebuild_index() -> int:
    """Make the index anew from the active facts, after a restore or deletions in bulk. Returns how many there are."""
    active = Fact.objects.filter(state=Fact.State.ACTIVE)
    with transaction.atomic():
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute(f"DELETE FROM {TABLE}")  # noqa: S608
        index_facts(active.iterator())
        return active.count()
