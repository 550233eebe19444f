"""Plain SQL for the few reads on the way of every message, where building a queryset costs more than running it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection


def fetch(sql: str, *params: str | int) -> Sequence[tuple[Any, ...]]:
    """Return all rows of a SELECT with a LIMIT or a unique key. Times come as the database has them."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
    return rows
