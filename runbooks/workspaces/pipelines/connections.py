"""Connections of projects to forges: made and changed by admins only, asked behind a breaker, tried by a button."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from clawsite.core import audit, breaker
from clawsite.core.crypto import check_secret
from clawsite.core.errors import BadInput, ClawError, NotAllowed, NotConfigured, Unavailable
from clawsite.core.nudge import nudge_on_commit
from guardrails.types import Actor, Role
from runbooks.models import ForgeConnection, Project
from runbooks.workspaces.pipelines.checking import API_URLS
from runbooks.workspaces.pipelines.forge import Forge, Place
from runbooks.workspaces.pipelines.forges import open_forge

NUDGE = "forge"
_WHERE = frozenset({"kind", "api_url", "repository", "token", "enabled"})


def save_connection(row: ForgeConnection, *, actor: Actor, fields: Iterable[str] = (), origin: str = "") -> None:
    """Store a new connection, or the named fields of a known one; BadInput says what is wrong with it."""
    _check_admin(actor)
    named = set(fields)
    try:
        row.full_clean()
    except ValidationError as error:
        raise BadInput(" ".join(error.messages)) from None
    row.updated_at = timezone.now()
    if named & _WHERE:
        row.failures, row.error, row.failing_since, row.open_until = 0, "", None, None
        named |= {"failures", "error", "failing_since", "open_until"}
    verb = "change" if row.pk else "create"
    with transaction.atomic():
        row.save(update_fields=sorted(named | {"updated_at"}) if row.pk else None)
        audit.record(
            f"forgeconnection.{verb}",
            actor=actor.subject,
            subject=row.ref,
            origin=origin,
            project=row.project.key,
            fields=sorted(named),
        )
        nudge_on_commit(NUDGE)


def remove_connection(row: ForgeConnection, *, actor: Actor, origin: str = "") -> None:
    """Remove a connection; what it told stays."""
    _check_admin(actor)
    with transaction.atomic():
        subject, key = row.ref, row.project.key
        audit.record("forgeconnection.delete", actor=actor.subject, subject=subject, origin=origin, project=key)
        row.delete()
        nudge_on_commit(NUDGE)


def find_connection(project: Project) -> ForgeConnection | None:
    """Return the connection of a project that is switched on, or None."""
    return ForgeConnection.objects.filter(project=project, enabled=True).first()


def get_connection(project: Project) -> ForgeConnection:
    """Return the connection of a project; NotConfigured says who makes one."""
    row = find_connection(project)
    if row is None:
        raise NotConfigured("The project has no forge. An admin connects it in the admin pages.")
    return row


def place_of(row: ForgeConnection) -> Place:
    """Return where a connection leads; DecryptError when its token can no longer be opened."""
    return Place(
        kind=row.kind,
        api_url=row.api_url or API_URLS.get(row.kind, ""),
        repository=row.repository,
        token=check_secret(row.token),
        workflow=row.workflow,
    )


def open_connection(row: ForgeConnection) -> Forge:
    """Return the client of a connection that may be asked now; Unavailable while its breaker is open."""
    if not breaker.admit(row):
        raise Unavailable(f"The forge failed often and is left alone for a moment: {row.error}")
    return open_forge(place_of(row))


def note_answer(row: ForgeConnection, error: ClawError | None = None) -> None:
    """Write down how asking went: what does not answer counts as a failure, any answer closes the breaker."""
    rows = ForgeConnection.objects.filter(pk=row.pk)
    if isinstance(error, Unavailable):
        breaker.note_failure(rows, error.message, seconds=error.retry_after)
    else:
        breaker.note_success(rows)


def probe_connection(row: ForgeConnection) -> str:
    """Ask the forge once, now, for a person who waits; return what works, or raise what does not."""
    if row.kind == ForgeConnection.Kind.GENERIC:
        raise BadInput("This connection only listens: nothing can be asked of it.")
    found = asyncio.run(open_forge(place_of(row)).list(limit=5))
    note_answer(row)
    return f"It works: {len(found)} pipelines were listed, the newest is {found[0].state}." if found else "It works."


def _check_admin(actor: Actor) -> None:
    if not actor.is_at_least(Role.ADMIN):
        raise NotAllowed("Only an admin may do this.")
