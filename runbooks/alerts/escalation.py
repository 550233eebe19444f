"""Begins and ends escalations: the policy that fits a group is frozen with it, and ends when somebody takes it on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from runbooks.alerts.fitting import Fitting
from runbooks.alerts.silenced import find_silence, is_silent
from runbooks.alerts.timeline import note
from runbooks.models import AlertGroup, Escalation, EscalationPolicy, EscalationStep

State = Escalation.State


def find_policy(group: AlertGroup) -> EscalationPolicy | None:
    """Return the first policy that fits a group, or None."""
    policies = EscalationPolicy.objects.filter(enabled=True).prefetch_related("steps__rota", "steps__responder")
    fitting = Fitting(group)
    wanted = (
        each for each in policies if fitting.is_for(system_id=each.system_id, least=each.least, matchers=each.matchers)
    )
    return next(wanted, None)


def begin(group: AlertGroup, *, now: datetime) -> Escalation | None:
    """Freeze the policy that fits and start its clock; None without one, or when one runs already.

    None for a silent group, too: when the silence ends it is escalated from the beginning.
    """
    policy = find_policy(group)
    if policy is None or group.escalations.filter(state=State.RUNNING).exists():
        return None
    if is_silent(find_silence(group, now=now)):
        return None
    steps = [_freeze(step) for step in policy.steps.all()]
    if not steps:
        return None
    row = Escalation.objects.create(
        group=group,
        policy=policy.name,
        steps=steps,
        repeats=policy.repeats,
        remind_minutes=policy.remind_minutes,
        started_at=now,
        next_at=now + timedelta(minutes=steps[0]["after_minutes"]),
    )
    note(group.pk, "escalating", policy.name, at=now, steps=len(steps))
    return row


def begin_late(group: AlertGroup, *, now: datetime) -> Escalation | None:
    """Begin for a group that nobody has, if no policy fitted it until now: an alert that joined it may be one's."""
    if group.acked_at is not None or group.escalations.filter(started_at__gte=group.started_at).exists():
        return None
    return begin(group, now=now)


def renew(group: AlertGroup, *, now: datetime) -> Escalation | None:
    """Begin, in place of an escalation by a policy that is not the one for how bad it is now."""
    policy = find_policy(group)
    running = group.escalations.filter(state=State.RUNNING).first()
    if policy is not None and running is not None and running.policy != policy.name:
        stop(group, why="raised", now=now)
    return begin(group, now=now)


def _freeze(step: EscalationStep) -> dict[str, Any]:
    """Return a step as it is kept: whom it names stays, who that is on the night is asked then."""
    who = {"rota": step.rota_id} if step.rota_id else {"responder": step.responder_id}
    return {"after_minutes": step.after_minutes, "name": str(step.rota or step.responder), **who}


def stop(group: AlertGroup, *, why: str, now: datetime) -> bool:
    """End a group's escalation; False when none runs."""
    rows = Escalation.objects.filter(group=group, state=State.RUNNING)
    stopped = rows.update(state=State.STOPPED, why=why[:32], next_at=None)
    if stopped:
        note(group.pk, "escalation_stopped", why, at=now)
    return bool(stopped)


def remind_minutes_of(group: AlertGroup) -> int:
    """Return how often who took a group on is reminded: by its frozen policy, else the one that fits; 0 without one."""
    kept = group.escalations.order_by("-id").first() or find_policy(group)
    return kept.remind_minutes if kept is not None else 0
