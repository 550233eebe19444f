"""Where chains are kept: the same stores as backups, in a folder of their own."""

from __future__ import annotations

from clawsite.ops.backups.stores import Store, local_store


def stores() -> list[Store]:
    """Return every store that backups go to."""
    return [local_store()]
