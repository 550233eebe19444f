"""Systems as admins add, change and remove them. Each change is audited; whoever reads them hears of it."""

from __future__ import annotations

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from clawsite.core import audit
from clawsite.core.errors import BadInput, NotAllowed
from clawsite.core.nudge import nudge_on_commit
from guardrails.types import Actor, Role
from runbooks.models import MonitoredSystem
from runbooks.sources.readings import NUDGE, read_soon

_WHERE = frozenset({"health_url", "stats_url", "prometheus_url", "alertmanager_url", "credentials", "enabled"})


def save_system(row: MonitoredSystem, *, actor: Actor, fields: Iterable[str] = (), origin: str = "") -> None:
    """Store a new system, or the named fields of a known one; BadInput says what is wrong with it.

    With another address or other credentials what was read before is forgotten, and it is read anew at once.
    """
    _check_admin(actor)
    named = set(fields)
    try:
        row.full_clean()
    except ValidationError as error:
        raise BadInput(" ".join(error.messages)) from None
    row.updated_at = timezone.now()
    verb, told = ("change", {"fields": sorted(named)}) if row.pk else ("create", {"name": row.name})
    with transaction.atomic():
        row.save(update_fields=sorted(named | {"updated_at"}) if row.pk else None)
        audit.record(f"monitoredsystem.{verb}", actor=actor.subject, subject=row.ref, origin=origin, **told)
        if named & _WHERE:
            read_soon(row)
        nudge_on_commit(NUDGE)


def remove_system(row: MonitoredSystem, *, actor: Actor, origin: str = "") -> None:
    """Remove a system with its queries and what was read of it."""
    _check_admin(actor)
    with transaction.atomic():
        audit.record("monitoredsystem.delete", actor=actor.subject, subject=row.ref, origin=origin, name=row.name)
        row.delete()


def _check_admin(actor: Actor) -> None:
    if not actor.is_at_least(Role.ADMIN):
        raise NotAllowed("Only an admin may do this.")
