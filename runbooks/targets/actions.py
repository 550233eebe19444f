"""Gateways as admins add, change and remove them. Each change is audited; the dispatcher hears of it."""

from __future__ import annotations

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from clawsite.core import audit
from clawsite.core.errors import BadInput, NotAllowed
from clawsite.core.nudge import nudge_on_commit
from guardrails.types import Actor, Role
from runbooks.models import GatewayTarget
from runbooks.targets.checking import NUDGE

# What people set; a change of one of the others is no change by a person.
_WHERE = frozenset({"ws_url", "token", "token_ref", "ca_file", "cert_file", "key_file", "allow_plain"})


def save_target(row: GatewayTarget, *, actor: Actor, fields: Iterable[str] = (), origin: str = "") -> None:
    """Store a new gateway, or the named fields of a known one; BadInput says what is wrong with it.

    With a new address or token what was known of its health is forgotten.
    """
    check_admin(actor)
    named = set(fields)
    try:
        row.full_clean()
    except ValidationError as error:
        raise BadInput(" ".join(error.messages)) from None
    row.updated_at = timezone.now()
    if named & _WHERE:
        row.away_since, row.last_seen_at, row.last_error = None, None, ""
        named |= {"away_since", "last_seen_at", "last_error"}
    verb = "change" if row.pk else "create"
    told = {"fields": sorted(set(fields))} if row.pk else {"name": row.name}
    with transaction.atomic():
        row.save(update_fields=sorted(named | {"updated_at"}) if row.pk else None)
        audit.record(f"gatewaytarget.{verb}", actor=actor.subject, subject=row.ref, origin=origin, **told)
        nudge_on_commit(NUDGE)


def enable_target(row: GatewayTarget, *, actor: Actor, enabled: bool, origin: str = "") -> None:
    """Switch a gateway on or off."""
    row.enabled = enabled
    save_target(row, actor=actor, fields=["enabled"], origin=origin)


def remove_target(row: GatewayTarget, *, actor: Actor, origin: str = "") -> None:
    """Remove a gateway; its open jobs are ended by the dispatcher, which says so in each."""
    check_admin(actor)
    with transaction.atomic():
        audit.record("gatewaytarget.delete", actor=actor.subject, subject=row.ref, origin=origin, name=row.name)
        row.delete()
        nudge_on_commit(NUDGE)


def check_admin(actor: Actor) -> None:
    """Raise NotAllowed for who is no admin."""
    if not actor.is_at_least(Role.ADMIN):
        raise NotAllowed("Only an admin may do this.")
