"""Asking a person, and taking one answer. The first decision wins; nothing decided is ever decided again.

The deciding update, its audit row and what the owner of the kind does about it (its resumer) are one transaction. Who
may decide is checked here, whatever path a press came on. A request that nobody decides in time is refused.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from django.db import transaction
from django.utils import timezone

from clawsite.core import audit
from clawsite.core.errors import log_unknown
from clawsite.core.nudge import nudge_on_commit
from guardrails.models import Approval
from guardrails.types import Actor, Role

logger = logging.getLogger(__name__)

Outcome = Literal["approved", "rejected", "late", "not_allowed", "unknown"]
Resumer = Callable[[Approval], None]

SECONDS = 600
EXPIRE_AT_ONCE = 200
KEY_CHARS = 12
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"

_resumers: dict[str, Resumer] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What a press led to, and the request as it now stands (None when there is no such request)."""

    outcome: Outcome
    approval: Approval | None = None


def register_resumer(kind: str, resumer: Resumer) -> None:
    """Say who picks up decided and expired requests of a kind. It runs inside the deciding transaction."""
    if _resumers.setdefault(kind, resumer) is not resumer:
        raise ValueError(f"The approval kind {kind!r} already has a resumer.")


def create_approval(
    kind: str,
    *,
    subject_hash: str,
    summary: str,
    requested_by: str,
    allowed: Iterable[str] = (),
    role: Role = Role.OPERATOR,
    session_ref: str = "",
    data: Mapping[str, object] | None = None,
    seconds: float = SECONDS,
) -> Approval:
    """Ask for a decision on exactly what `subject_hash` stands for.

    `allowed` subjects may decide, and so may anybody of at least `role`. The requester is one of them like any other,
    unless `data` says `no_self`; those whom `data` names in `not_by` have had their say.
    """
    now = timezone.now()
    approval = Approval.objects.create(
        key="".join(secrets.choice(_ALPHABET) for _ in range(KEY_CHARS)),
        kind=kind,
        subject_hash=subject_hash,
        summary=summary,
        requested_by=requested_by,
        allowed=sorted(set(allowed)),
        role=Role(role).value,
        session_ref=session_ref,
        data=dict(data or {}),
        created_at=now,
        expires_at=now + timedelta(seconds=seconds),
    )
    nudge_on_commit("approval", key=approval.key)
    return approval


def may_decide(approval: Approval, *, actor: Actor) -> bool:
    """Tell whether this person may decide this request. A stranger never may, even when listed."""
    if not actor.is_at_least(Role.VIEWER):
        return False
    if approval.data.get("no_self") and actor.subject == approval.requested_by:
        return False
    if actor.subject in approval.data.get("not_by", ()):
        return False
    return actor.subject in approval.allowed or actor.is_at_least(Role(approval.role))


def decide(key: str, *, actor: Actor, approve: bool) -> Decision:
    """Decide a request, or say why not. Safe to repeat: every press after the first is `late`."""
    with transaction.atomic():
        approval = Approval.objects.filter(key=key).first() if key.isascii() and key.isalnum() else None
        if approval is None:
            audit.record_refusal("approval.unknown", actor=actor.subject, subject=f"approval:{_shown(key)}")
            return Decision(outcome="unknown")
        if not may_decide(approval, actor=actor):
            _audit("refused", approval, actor=actor.subject, write=audit.record_refusal)
            return Decision(outcome="not_allowed", approval=approval)
        state = Approval.State.APPROVED if approve else Approval.State.REJECTED
        if not _move(approval, state=state, actor=actor.subject):
            _audit("late", approval, actor=actor.subject, write=audit.record_refusal)
            return Decision(outcome="late", approval=approval)
        return Decision(outcome="approved" if approve else "rejected", approval=approval)


def _shown(key: str) -> str:
    """Return a key that nobody made, as it may stand in a record: anything can be sent as one."""
    return "".join(char for char in key if char.isalnum())[:16]


def _move(approval: Approval, *, state: Approval.State, actor: str) -> bool:
    """Move a waiting request to its end, once: row, audit row and resumer. Refreshes `approval` either way."""
    now = timezone.now()
    waiting = Approval.objects.filter(pk=approval.pk, state=Approval.State.WAITING)
    due = {"expires_at__lte": now} if state == Approval.State.EXPIRED else {"expires_at__gt": now}
    moved = waiting.filter(**due).update(state=state, decided_by=actor, decided_at=now)
    approval.refresh_from_db()
    if not moved:
        return False
    _audit(state.value, approval, actor=actor)
    resumer = _resumers.get(approval.kind)
    if resumer is not None:
        resumer(approval)
    return True


def withdraw(kind: str, *, actor: str, **data: object) -> int:
    """Take back the waiting requests of a kind with this data, because what asked is over; return how many.

    Their owner is not told: it is who calls this.
    """
    waiting = Approval.objects.filter(kind=kind, state=Approval.State.WAITING)
    rows = list(waiting.filter(**{f"data__{key}": value for key, value in data.items()}).order_by("expires_at"))
    now = timezone.now()
    with transaction.atomic():
        for approval in rows:
            open_row = Approval.objects.filter(pk=approval.pk, state=Approval.State.WAITING)
            if open_row.update(state=Approval.State.EXPIRED, decided_by=actor, decided_at=now):
                _audit("withdrawn", approval, actor=actor)
    return len(rows)


def _audit(what: str, approval: Approval, *, actor: str, write: Callable[..., object] = audit.record) -> None:
    """Write down what became of a request, and have those who show it look again."""
    nudge_on_commit("approval", key=approval.key)
    write(
        f"approval.{what}",
        actor=actor,
        subject=f"approval:{approval.key}",
        kind=approval.kind,
        subject_hash=approval.subject_hash,
        requested_by=approval.requested_by,
        session=approval.session_ref,
    )


def expire_due() -> int:
    """Refuse what nobody decided in time, each request in its own transaction; return how many.

    A request whose resumer fails stays as it was and is tried again at the next call; the others go on.
    """
    due = Approval.objects.filter(state=Approval.State.WAITING, expires_at__lte=timezone.now())
    expired = 0
    for approval in due.order_by("expires_at")[:EXPIRE_AT_ONCE]:
        try:
            with transaction.atomic():
                expired += _move(approval, state=Approval.State.EXPIRED, actor="system")
        except Exception as error:
            log_unknown(error, where=f"the resumer of {approval.kind}")
    return expired
