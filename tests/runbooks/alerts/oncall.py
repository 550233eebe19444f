"""People on call for tests: Alice and Bob can be woken, and a policy that wakes them."""

from __future__ import annotations

from datetime import date, time
from typing import Any

from runbooks.models import EscalationPolicy, EscalationStep, Responder, Rota, Shift
from runbooks.models.oncall import DAYS
from sessions_app.models import Contact


def responder(contact: Contact, **fields: Any) -> Responder:
    return Responder.objects.create(name=contact.name.lower(), contact=contact, **fields)


def shift(rota: Rota, who: Responder, starts: str, ends: str, **fields: Any) -> Shift:
    values: dict[str, Any] = {"days": list(DAYS), "first_day": date(2026, 1, 5)} | fields
    return Shift.objects.create(
        rota=rota, responder=who, starts=time.fromisoformat(starts), ends=time.fromisoformat(ends), **values
    )


def policy(*steps: tuple[int, Rota | Responder], **fields: Any) -> EscalationPolicy:
    """Make a policy of steps: minutes after the step before, and who."""
    row = EscalationPolicy.objects.create(name=fields.pop("name", "standard"), **fields)
    for order, (minutes, who) in enumerate(steps, start=1):
        kind = {"rota": who} if isinstance(who, Rota) else {"responder": who}
        EscalationStep.objects.create(policy=row, order=order, after_minutes=minutes, **kind)
    return row
