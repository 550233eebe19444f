"""What people do about a group: take it on, and let go of it again. Each is one transaction, audited and on record.

Invariant: a group is taken on by a conditional update: the first press wins, and one that crosses the end of the
group changes nothing.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from clawsite.core import audit
from clawsite.core.errors import BadInput, NotAllowed
from guardrails.types import Actor, Role
from runbooks.alerts import escalation
from runbooks.alerts.showing import show_group, show_groups
from runbooks.alerts.timeline import note
from runbooks.models import AlertGroup, AlertStorm

FIRING = AlertGroup.State.FIRING


class AlreadyDone(BadInput):
    """There is nothing to do any more. why: over, taken (`name` has it), free (nobody has it) or silent."""

    code = "already_done"

    def __init__(self, message: str, *, why: str, name: str = "") -> None:
        super().__init__(message)
        self.why, self.name = why, name


def get_group(pk: int, *, actor: Actor, role: Role = Role.VIEWER) -> AlertGroup:
    """Return a group on somebody's behalf; one answer for what is not there and what is not for them."""
    group = AlertGroup.objects.select_related("system").filter(pk=pk).first()
    if group is None or not actor.is_at_least(role):
        raise NotAllowed(_("There is no such alert."))
    return group


def acknowledge(pk: int, *, actor: Actor, origin: str = "", now: datetime | None = None) -> AlertGroup:
    """Take a firing group on: it rings no more and is not escalated. AlreadyDone when it is taken or over."""
    moment = now or timezone.now()
    get_group(pk, actor=actor, role=Role.OPERATOR)
    with transaction.atomic():
        group = _take(pk, actor=actor, origin=origin, now=moment)
        show_group(group, now=moment)
    return group


@transaction.atomic
def _take(pk: int, *, actor: Actor, origin: str, now: datetime) -> AlertGroup:
    """Take a group on without showing it."""
    open_ones = AlertGroup.objects.filter(pk=pk, state=FIRING, acked_at=None)
    if not open_ones.update(acked_by=actor.subject[:64], acked_name=actor.name[:200], acked_at=now):
        raise _why_not(pk, actor=actor)
    group = get_group(pk, actor=actor)
    _plan_reminder(group, now=now)
    note(pk, "acked", actor=actor.name or actor.subject, at=now)
    audit.record("alert.ack", actor=actor.subject, subject=group.ref, origin=origin)
    escalation.stop(group, why="acked", now=now)
    return group


def _why_not(pk: int, *, actor: Actor) -> AlreadyDone:
    group = get_group(pk, actor=actor)
    if group.state != FIRING:
        return AlreadyDone(_("This alert is over."), why="over")
    return AlreadyDone(_("This alert is taken already."), why="taken", name=group.acked_name or group.acked_by)


def _plan_reminder(group: AlertGroup, *, now: datetime) -> None:
    minutes = escalation.remind_minutes_of(group)
    remind_at = now + timedelta(minutes=minutes) if minutes else None
    AlertGroup.objects.filter(pk=group.pk).update(remind_at=remind_at, reminders=0)


def release(pk: int, *, actor: Actor, origin: str = "", now: datetime | None = None) -> AlertGroup:
    """Let go of a group, which is escalated from the beginning; AlreadyDone when nobody has it or it is over."""
    moment = now or timezone.now()
    get_group(pk, actor=actor, role=Role.OPERATOR)
    with transaction.atomic():
        taken = AlertGroup.objects.filter(pk=pk, state=FIRING, acked_at__isnull=False)
        if not taken.update(acked_by="", acked_name="", acked_at=None, remind_at=None):
            raise AlreadyDone(_("Nobody has taken this alert, or it is over."), why="free")
        group = get_group(pk, actor=actor)
        note(pk, "unacked", actor=actor.name or actor.subject, at=moment)
        audit.record("alert.unack", actor=actor.subject, subject=group.ref, origin=origin)
        escalation.begin(group, now=moment)
        show_group(group, now=moment)
    return group


def acknowledge_storm(pk: int, *, actor: Actor, origin: str = "", now: datetime | None = None) -> int:
    """Take on every firing group of a storm that nobody has; return how many."""
    moment = now or timezone.now()
    if not actor.is_at_least(Role.OPERATOR) or not AlertStorm.objects.filter(pk=pk).exists():
        raise NotAllowed(_("There is no such storm."))
    groups = AlertGroup.objects.filter(notices__storm=pk, state=FIRING, acked_at=None).values_list("pk", flat=True)
    taken = []
    with transaction.atomic():
        for group in list(groups):
            with suppress(AlreadyDone):
                taken.append(_take(group, actor=actor, origin=origin, now=moment))
        show_groups(taken, now=moment)
    return len(taken)
