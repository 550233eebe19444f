"""A backup with text that would do harm if a page took it for markup."""

from __future__ import annotations

from clawsite.models import Backup


def make_backup_rows(evil: str) -> dict[str, int]:
    """Create it."""
    counts = {"files": 3, "tables": {evil: 1}, "left out": [evil]}
    row = Backup.objects.create(
        name=evil[:100], reason=evil[:64], error=evil, places=[evil], counts=counts, size=12_345, state="failed"
    )
    return {"clawsite_backup": row.pk}
