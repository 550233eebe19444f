"""Taking a turn of the rota over, from a chat."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from clawsite.core import audit
from clawsite.core.errors import BadInput, NotAllowed
from guardrails.types import Actor, Role
from runbooks.models import Responder, Rota, Swap
from sessions_app.models import Contact

MOST = timedelta(days=7)


def take_over(rota: Rota, *, contact: Contact, length: timedelta, actor: Actor, now: datetime | None = None) -> Swap:
    """Put a person on call from now on for a while. Who is not known as one that can be woken becomes one."""
    moment = now or timezone.now()
    if not actor.is_at_least(Role.OPERATOR):
        raise NotAllowed(_("Only an operator may take a turn over."))
    if not timedelta(minutes=1) <= length <= MOST:
        raise BadInput(_("A turn is taken over for a minute at least and a week at most."))
    with transaction.atomic():
        responder = Responder.objects.filter(contact=contact, enabled=True).first()
        responder = responder or _add_responder(contact)
        swap = Swap.objects.create(
            rota=rota,
            responder=responder,
            starts_at=moment,
            ends_at=moment + length,
            created_by=actor.subject[:64],
            created_at=moment,
        )
        audit.record("oncall.take", actor=actor.subject, subject=f"rota:{rota.pk}", until=swap.ends_at.isoformat())
    return swap


def _add_responder(contact: Contact) -> Responder:
    """Return the person made for a contact; one that was switched off is on again, because they say so themselves."""
    row, _made = Responder.objects.update_or_create(
        name=f"contact-{contact.pk}", defaults={"contact": contact, "enabled": True}
    )
    return row
