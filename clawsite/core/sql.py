"""Plain SQL for the few statements on the way of every message, where building a queryset costs more than running it.

The statements are constants of the code, values are parameters, and both databases take them as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection
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
