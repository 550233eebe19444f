"""The timeline of an incident: one door through which everything that happens gets its number.

Invariant: the incident's row is locked before an event is numbered, so numbers have no gap and none is given twice.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from clawsite.core.errors import NotAllowed
from guardrails.types import Actor, Role
from runbooks.incidents.cards import refresh_cards
from runbooks.incidents.following import tell_hooks
from runbooks.incidents.lines import one_line, storable
from runbooks.models import Incident, IncidentEvent

TEXT_CHARS = 2000
NAME_CHARS = 100


def note(
    incident_id: int, kind: str, text: str, actor: Actor, ref: str = "", *, at: datetime | None = None
) -> IncidentEvent | None:
    """Add what happened; None when there is no such incident, or when this was told of the same `ref` before."""
    check_operator(actor)
    with transaction.atomic():
        incident = lock(incident_id)
        if incident is None:
            return None
        return add_event(incident, kind, text, actor=actor, ref=ref, at=at)


def add_event(
    incident: Incident, kind: str, text: str = "", *, actor: Actor, ref: str = "", at: datetime | None = None
) -> IncidentEvent | None:
    """Add an event to a locked incident; its cards and the systems that follow it are told.

    In the transaction of its cause.
    """
    if ref and IncidentEvent.objects.filter(incident=incident, kind=kind, ref=ref).exists():
        return None
    incident.last_seq += 1
    incident.save(update_fields=["last_seq"])
    event = IncidentEvent.objects.create(
        incident=incident,
        seq=incident.last_seq,
        kind=kind,
        text=storable(text, TEXT_CHARS),
        actor=actor.subject[:64],
        actor_name=one_line(actor.name, NAME_CHARS),
        ref=ref,
        at=at or timezone.now(),
    )
    refresh_cards(incident)
    tell_hooks(incident)
    return event


def lock(incident_id: int) -> Incident | None:
    """Return an incident whose row nobody else changes until the transaction is over."""
    return Incident.objects.select_for_update().filter(pk=incident_id).first()


def check_operator(actor: Actor) -> None:
    """Raise NotAllowed for who may only look."""
    if not actor.is_at_least(Role.OPERATOR):
        raise NotAllowed(_("Only operators may change incidents."))
