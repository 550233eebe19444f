"""The clock of escalations: each step that is due tells one person, once, and sets the time of the next.

Invariant: a step is taken by a conditional update of where the escalation stands, in the transaction that tells; so
two workers, or one that dies in the middle, neither tell twice nor leave one out.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from clawsite.core.errors import log_unknown
from runbooks.alerts import escalation
from runbooks.alerts.groups import lock_group
from runbooks.alerts.quiet import quiet_end
from runbooks.alerts.rota import find_on_call
from runbooks.alerts.setbacks import wait_after
from runbooks.alerts.showing import show_group, tell_person
from runbooks.alerts.silenced import find_silence, is_silent
from runbooks.alerts.timeline import note
from runbooks.models import AlertGroup, Escalation, Responder, Rota
from sessions_app.models import Contact, Session
from sessions_app.sessions import get_or_create_session, zone_of

State = Escalation.State
BATCH = 50


def take_due_steps(*, now: datetime) -> int:
    """Take every step that is due; return how many. One that cannot be taken moves back behind the others."""
    due = Escalation.objects.filter(state=State.RUNNING, next_at__lte=now).order_by("next_at")
    taken = 0
    for pk in list(due.values_list("pk", flat=True)[:BATCH]):
        try:
            taken += take_step(pk, now=now)
        except Exception as error:
            _set_back(pk, log_unknown(error, where=f"escalation {pk}"), now=now)
    return taken


def _set_back(pk: int, error_id: str, *, now: datetime) -> None:
    """Have a step that failed wait; after too many failures the escalation ends, which its message says aloud.

    Not the next one, when another worker has taken this step meanwhile.
    """
    due = Escalation.objects.filter(pk=pk, state=State.RUNNING, next_at__lte=now)
    row = due.select_related("group__system").first()
    if row is None:
        return
    rows, wait = due.filter(round=row.round, step=row.step), wait_after(row.failures + 1)
    if wait is not None:
        rows.update(failures=row.failures + 1, next_at=now + wait)
        return
    with transaction.atomic():
        lock_group(escalations__pk=pk)
        if not rows.update(state=State.STOPPED, why="failed", next_at=None, failures=row.failures + 1):
            return
        note(row.group_id, "escalation_failed", row.policy, at=now, error=error_id)
    try:
        with transaction.atomic():
            show_group(row.group, ring=True, now=now)
    except Exception as error:
        log_unknown(error, where=f"the message of alert {row.group_id}, whose escalation failed")


@transaction.atomic
def take_step(pk: int, *, now: datetime) -> bool:
    """Take the step that is due; False when another worker has, or nothing is due any more."""
    lock_group(escalations__pk=pk)
    row = Escalation.objects.select_related("group__system").filter(pk=pk, state=State.RUNNING).first()
    if row is None or row.next_at is None or row.next_at > now or not _advance(row, now=now):
        return False
    group = row.group
    if group.state != AlertGroup.State.FIRING or group.acked_at is not None:
        escalation.stop(group, why="resolved" if group.acked_at is None else "acked", now=now)
        return False
    if not _tell(group, row.steps[row.step], row.round, now=now):
        # Nobody was there to be told, so the next step of this round need not wait.
        row.group.escalations.filter(state=State.RUNNING, round=row.round).update(next_at=now)
    if not group.escalations.filter(state=State.RUNNING).exists():
        note(group.pk, "escalation_ended", row.policy, at=now)
        show_group(group, ring=True, now=now)
    return True


def _advance(row: Escalation, *, now: datetime) -> bool:
    """Move to the next step, to the first one of the next round, or to the end."""
    where = Escalation.objects.filter(pk=row.pk, state=State.RUNNING, round=row.round, step=row.step)
    step, turn = row.step + 1, row.round
    if step == len(row.steps):
        step, turn = 0, row.round + 1
    if turn > row.repeats:
        return bool(where.update(state=State.DONE, next_at=None, failures=0))
    upcoming = now + timedelta(minutes=row.steps[step]["after_minutes"])
    return bool(where.update(step=step, round=turn, next_at=upcoming, failures=0))


def _tell(group: AlertGroup, step: dict[str, Any], turn: int, *, now: datetime) -> bool:
    """Tell the person of a step; False, with a note of the reason, when nobody can be told."""
    if is_silent(find_silence(group, now=now)):
        note(group.pk, "skipped", step["name"], at=now, why="silenced")
        return True
    responder = find_responder(step, now=now)
    why = "nobody" if responder is None else _why_not(group, responder, now=now)
    if responder is None or why:
        note(group.pk, "skipped", step["name"], str(responder or ""), at=now, why=why)
        return False
    session = session_of(responder)
    note(group.pk, "escalated", step["name"], str(responder), at=now, round=turn + 1, session=session.pk)
    tell_person(group, session.pk, now=now)
    return True


def _why_not(group: AlertGroup, responder: Responder, *, now: datetime) -> str:
    """Return why a person is not to be told of a group, or ""."""
    if responder.contact.state != Contact.State.APPROVED:
        return "not approved"
    if not responder.contact.channel.enabled:
        return "channel off"
    zone = zone_of(session_of(responder))
    quiet = quiet_end(now, begins=responder.quiet_from, ends=responder.quiet_until, zone=zone)
    return "quiet hours" if quiet is not None and not group.is_critical else ""


def find_responder(step: dict[str, Any], *, now: datetime) -> Responder | None:
    """Return who a frozen step means tonight; None when nobody is on call or the person is gone."""
    if "rota" in step:
        rota = Rota.objects.filter(pk=step["rota"]).first()
        turn = find_on_call(rota, now) if rota is not None else None
        return turn.responder if turn is not None else None
    people = Responder.objects.filter(pk=step["responder"], enabled=True)
    return people.select_related("contact__channel").first()


def session_of(responder: Responder) -> Session:
    """Return the direct chat of a person."""
    return get_or_create_session(responder.contact.channel_id, chat_id=responder.contact.external_id, direct=True)
