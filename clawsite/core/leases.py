"""Leases: at most one live process does a thing, and a process that was overtaken cannot commit.

A lease is free when it has no owner or when its owner has not beaten for CLAW_LEASE_SECONDS (see `clock`). Taking it
raises its token; every transaction that commits work done under a lease calls `check_lease` with the token it was
given.

A process may take what is its own once more, or a lease that it could not release (the database was gone) would be
held for as long as it lives; its older token ends by that. Within a process callers see to it themselves that a thing
is done once at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from clawsite.core.clock import silent_since
from clawsite.core.errors import LeaseLost
from clawsite.core.models import Lease
from clawsite.core.sql import change, fetch, moment

_TAKE = """
INSERT INTO core_lease (name, owner_id, token, taken_at) VALUES (%s, %s, 1, %s)
ON CONFLICT (name) DO UPDATE
SET owner_id = excluded.owner_id, token = core_lease.token + 1, taken_at = excluded.taken_at
WHERE core_lease.owner_id IS NULL OR core_lease.owner_id = excluded.owner_id
   OR core_lease.owner_id IN (SELECT id FROM core_process WHERE beat_at < %s)
RETURNING token
"""
_CHECK = "UPDATE core_lease SET taken_at = %s WHERE name = %s AND token = %s AND owner_id IS NOT NULL"
_RELEASE = "UPDATE core_lease SET owner_id = NULL WHERE name = %s AND token = %s"
_FREE = """
UPDATE core_lease SET owner_id = NULL,
    taken_at = COALESCE((SELECT beat_at FROM core_process WHERE id = owner_id AND beat_at > taken_at), taken_at)
WHERE owner_id = %s
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A lease this process took, with the fencing token it got."""

    name: str
    token: int


def take_lease(name: str, *, process_id: int) -> Held | None:
    """Take a free lease in one statement; return None when another live process holds it."""
    now = timezone.now()
    rows = fetch(_TAKE, name, process_id, moment(now), moment(silent_since(now)))
    return Held(name=name, token=rows[0][0]) if rows else None


def check_lease(held: Held) -> None:
    """Raise LeaseLost unless the token is still the current one. Locks the row to the end of the transaction."""
    if not change(_CHECK, moment(), held.name, held.token):
        raise LeaseLost(f"The lease {held.name} was taken over.")


def is_held(held: Held) -> bool:
    """Tell the same without writing or locking anything, for work that commits nothing under the lease."""
    return Lease.objects.filter(name=held.name, token=held.token, owner__isnull=False).exists()


def release_lease(held: Held) -> bool:
    """Let a lease go; return False when it had already been taken over."""
    return bool(change(_RELEASE, held.name, held.token))


def void_leases(process_id: int) -> int:
    """Free everything a dead process held; its token no longer commits anything. Returns how many.

    When it last gave a sign of life stays in the lease.
    """
    return change(_FREE, process_id)


def last_sign(name: str) -> datetime | None:
    """Return when who holds a lease, or held it last, was last known to live; None for one that nobody ever took."""
    lease = Lease.objects.select_related("owner").filter(name=name).first()
    if lease is None or lease.owner is None:
        return lease.taken_at if lease is not None else None
    return max(lease.taken_at, lease.owner.beat_at)
