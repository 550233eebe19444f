"""What PostgreSQL tells of its own part: whether it archives its log at all, and since when it fails to."""

from __future__ import annotations

from django.db import connection

BEHIND = """
SELECT CASE
    WHEN current_setting('archive_mode') = 'off' THEN NULL
    WHEN last_failed_time IS NULL OR last_failed_time < last_archived_time THEN 0.0
    ELSE extract(epoch FROM clock_timestamp() - last_archived_time)
END::float FROM pg_stat_archiver
"""


def seconds_behind() -> float | None:
    """Return for how long the server has failed to archive, 0 while it does not fail, None where it never did archive.

    One query to memory of the server's; anybody may ask.
    """
    if connection.vendor != "postgresql":
        return 0.0
    with connection.cursor() as cursor:
        cursor.execute(BEHIND)
        row = cursor.fetchone()
    return None if row is None or row[0] is None else max(0.0, row[0])
