"""Whether there is more than a backup may hold, found out before anything is copied for one.

Of a SQLite database the file tells; what a server's dump comes to is known when it is made.
"""

from __future__ import annotations

import math
from pathlib import Path

from django.conf import settings

GIBIBYTE = 1024**3
# The bound that is proposed leaves room for what comes until somebody looks again.
MORE = 1.5


def find_excess() -> str:
    """Return why the database of this installation is too large for a backup, and what to do; "" when it is not."""
    return too_large(Path(settings.DATABASES["default"]["NAME"])) if settings.CLAW_ON_SQLITE else ""


def too_large(database: Path) -> str:
    """Return the same of any database."""
    size = database.stat().st_size if database.is_file() else 0
    if size <= settings.CLAW_BACKUP_GIGABYTES * GIBIBYTE:
        return ""
    return (
        f"The database has {size / GIBIBYTE:.1f} GiB, and a backup may hold {settings.CLAW_BACKUP_GIGABYTES}. Set "
        f"CLAW_BACKUP_GIGABYTES to {math.ceil(size / GIBIBYTE * MORE)}, here and where it is restored, and start "
        "clawsite again."
    )
