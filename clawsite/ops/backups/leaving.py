"""What of a restored database belongs to the machine that it came from: processes, leases, the queue, logins.

The queue's rows are signed pickles, and an archive brings the key that signs them. So they go before any worker runs;
the truth about work is in our own rows. Logins go, because a backup may be older than the reason why somebody was put
out.
"""

from __future__ import annotations

# Each is a whole statement of both engines. Leases keep their tokens, which only grow.
STATEMENTS = (
    "DELETE FROM django_q_ormq",
    "DELETE FROM django_q_task",
    "DELETE FROM django_q_schedule",
    "DELETE FROM django_session",
    "UPDATE core_lease SET owner_id = NULL",
    "DELETE FROM core_process",
    "UPDATE clawsite_backup SET state = 'failed', error = 'It was interrupted.' WHERE state IN ('running', 'stored')",
)


def statements(tables: set[str]) -> list[str]:
    """Return what to run on a database that has these tables; one with older migrations may lack some."""
    return [text for text in STATEMENTS if any(f" {name} " in f"{text} " for name in tables)]
