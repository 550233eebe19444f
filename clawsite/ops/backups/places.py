"""All the stores that the settings name, the folder of this machine first."""

from __future__ import annotations

from clawsite.ops.backups.stores import Store, local_store


def all_stores() -> list[Store]:
    """Return them; the first one is where backups are made."""
    return [local_store()]
