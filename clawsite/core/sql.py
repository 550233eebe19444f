"""Plain SQL: for the few statements on the way of every message, and for conditions that an index has word for word.

The statements are constants of the code, values are parameters, and both databases take them as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import BooleanField, Q
from django.db.models.expressions import RawSQL
from django.utils import timezone

Value = str | int | float | bool | None


def fetch(sql: str, *params: Value) -> Sequence[tuple[Any, ...]]:
    """Return all rows of a SELECT with a LIMIT or a unique key. Times come as the database has them."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
    return rows


def change(sql: str, *params: Value) -> int:
    """Run an UPDATE and return how many rows it changed."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)


def moment(when: datetime | None = None) -> Value:
    """Return a time (now, unless given) as a parameter of `fetch` and `change`."""
    value: Value = connection.ops.adapt_datetimefield_value(when or timezone.now())
    return value


def as_written(condition: str) -> RawSQL:
    """Return a condition for a filter with its values written out, as the partial index has it.

    SQLite does not recognize a list of values that are parameters, and looks through the whole table instead. A single
    value it does, so `state="new"` needs none of this.
    """
    return RawSQL(condition, (), output_field=BooleanField())  # noqa: S611 - a constant of the code


def begins_with(field: str, text: str) -> Q:
    """Return a condition for a filter: a field begins with a text, which is not empty.

    SQLite has no index for LIKE, but one for a range, as it compares by bytes. PostgreSQL compares as a language does.
    """
    if connection.vendor != "sqlite":
        return Q(**{f"{field}__startswith": text})
    return Q(**{f"{field}__gte": text, f"{field}__lt": text[:-1] + chr(ord(text[-1]) + 1)})
