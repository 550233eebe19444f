"""Taking a shift over: who reads its briefing says so, and everybody in the chat sees it. The first one counts."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from clawsite.core import audit
from clawsite.core.errors import NotAllowed
from guardrails.types import Actor, Role
from runbooks.briefings.job import NAME, card_key
from sessions_app.cards import put_card
from sessions_app.models import Card

TAKEN = "taken"


def take_shift(job_key: str, *, session_id: int, actor: Actor) -> Card | None:
    """Write on a briefing who has the shift now; None when there is no such briefing in this conversation."""
    if not actor.is_at_least(Role.OPERATOR):
        raise NotAllowed(_("Only operators may take a shift over."))
    with transaction.atomic():
        rows = Card.objects.select_for_update().filter(key=card_key(job_key), session_id=session_id)
        card = rows.first()
        if card is None or TAKEN in card.data:
            return card
        taken = {"who": actor.name or actor.subject, "at": timezone.now().isoformat()}
        audit.record("briefing.take", actor=actor.subject, subject=f"job:{job_key}")
        return put_card(card.key, kind=NAME, data={**card.data, TAKEN: taken}, session_id=session_id)
