"""Silences: asked for in a chat, made in Alertmanager by a job, undone the same way.

Ours holds from the moment it is asked for. When Alertmanager does not take it, or has it no longer, that ends, and the
message says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from clawsite.core import audit
from clawsite.core.errors import BadInput, ClawError, NotAllowed, log_unknown
from guardrails.types import Actor, Role
from runbooks.alerts import escalation
from runbooks.alerts.actions import AlreadyDone, get_group
from runbooks.alerts.showing import show_group
from runbooks.alerts.silenced import SILENT, find_silence, is_silent
from runbooks.alerts.timeline import note
from runbooks.jobs import create_job
from runbooks.models import AlertGroup, AlertSilence, Job, MonitoredSystem
from runbooks.models.job import ENDS
from runbooks.sources import alertmanager
from runbooks.sources.alertmanager import ListedAlert, Matcher

State = AlertSilence.State

KIND = "alert_silence"
MOST = timedelta(days=7)
# A job that has not made the silence by then never will.
PATIENCE = timedelta(minutes=10)
# By then every member of a cluster of Alertmanagers knows of a silence.
SETTLED = timedelta(minutes=2)
UNREACHED = "Alertmanager was not reached."


def silence(
    pk: int,
    *,
    length: timedelta,
    actor: Actor,
    origin: str = "",
    session_id: int | None = None,
    now: datetime | None = None,
) -> AlertSilence:
    """Silence a group for a while; AlreadyDone when it is silent."""
    moment = now or timezone.now()
    group = get_group(pk, actor=actor, role=Role.OPERATOR)
    if not timedelta(minutes=1) <= length <= MOST:
        raise BadInput(_("A silence lasts between a minute and a week."))
    with transaction.atomic():
        AlertGroup.objects.select_for_update().get(pk=pk)
        if AlertSilence.objects.filter(key=group.key, ends_at__gt=moment, state__in=SILENT).exists():
            raise AlreadyDone(_("This alert is silenced already."), why="silent")
        row = AlertSilence.objects.create(
            group=group,
            key=group.key,
            state=State.WANTED if _has_alertmanager(group) else State.LOCAL,
            matchers=matchers_of(group),
            created_by=actor.subject[:64],
            created_name=actor.name[:200],
            starts_at=moment,
            ends_at=moment + length,
        )
        note(pk, "silenced", actor=actor.name, at=moment, until=row.ends_at.isoformat())
        audit.record(
            "alert.silence", actor=actor.subject, subject=group.ref, origin=origin, until=row.ends_at.isoformat()
        )
        if row.state == State.WANTED:
            create_job(KIND, params={"silence": row.pk}, actor=actor, session_id=session_id, start=True, origin=origin)
        escalation.stop(group, why="silenced", now=moment)
        show_group(group, now=moment)
    return row


def matchers_of(group: AlertGroup) -> dict[str, str]:
    """Return the labels that a silence is for: those the group is made by, else those that its alerts share.

    So alerts that join the group later are silent too, and no other group is.
    """
    name = {key: value for key, value in group.labels.items() if key == "alertname"}
    return {**name, **group.group_labels} or dict(group.labels)


def _has_alertmanager(group: AlertGroup) -> bool:
    return group.system is not None and bool(group.system.alertmanager_url) and bool(matchers_of(group))


def undo(
    pk: int, *, actor: Actor, origin: str = "", session_id: int | None = None, now: datetime | None = None
) -> AlertSilence:
    """Take a silence back; AlreadyDone when it is over or was taken back."""
    moment = now or timezone.now()
    row = AlertSilence.objects.select_related("group__system").filter(pk=pk).first()
    if row is None or not actor.is_at_least(Role.OPERATOR):
        raise NotAllowed(_("There is no such silence."))
    with transaction.atomic():
        rows = AlertSilence.objects.filter(pk=pk, ends_at__gt=moment, state__in=SILENT)
        waits = rows.exclude(state=State.LOCAL).update(state=State.UNDOING)
        if not waits and not rows.filter(state=State.LOCAL).update(state=State.UNDONE):
            raise AlreadyDone(_("This silence is over."), why="over")
        note(row.group_id, "unsilenced", actor=actor.name, at=moment)
        audit.record("alert.unsilence", actor=actor.subject, subject=row.group.ref, origin=origin)
        if waits:
            create_job(KIND, params={"silence": pk}, actor=actor, session_id=session_id, start=True, origin=origin)
        _show_all(row, now=moment)
    return AlertSilence.objects.get(pk=pk)


def carry_out(pk: int) -> str:
    """Make or end a silence in Alertmanager, as its row wants; return its state.

    Called by the job, outside of any transaction, and safe to call again: the row says what is still to be done. One
    that was taken back while it was being made is ended at once.
    """
    row = AlertSilence.objects.select_related("group__system").get(pk=pk)
    try:
        if row.state == State.WANTED:
            _make(row)
            row.refresh_from_db()
        if row.state in (State.UNDOING, State.UNDONE):
            _end(row)
    except ClawError as error:
        _fail(row, error.message)
    row.refresh_from_db()
    return str(row.state)


def give_up(job: Job) -> None:
    """Say that a silence is not changed whose job has ended without doing so, unless another one is about to."""
    row = AlertSilence.objects.select_related("group__system").filter(pk=job.params.get("silence")).first()
    others = Job.objects.filter(kind=KIND, params__silence=job.params.get("silence")).exclude(state__in=list(ENDS))
    if row is not None and not others.exists():
        _fail(row, UNREACHED)


def _make(row: AlertSilence) -> None:
    system = row.group.system
    if system is None:
        raise BadInput("The system of this alert was removed.")
    made = _find_made(row, system) or _ask_for_it(row, system)
    with transaction.atomic():
        AlertSilence.objects.filter(pk=row.pk).update(remote_id=made)
        AlertSilence.objects.filter(pk=row.pk, state=State.WANTED).update(state=State.ACTIVE)
        _show_all(row, now=timezone.now())


def _find_made(row: AlertSilence, system: MonitoredSystem) -> str:
    """Return the id of what was asked for by a process that died before it could write it down."""
    if row.asked_at is None:
        return ""
    return alertmanager.find_silence(system, mark=_mark(row), ends_at=row.ends_at)


def _ask_for_it(row: AlertSilence, system: MonitoredSystem) -> str:
    """Ask for it, after a note that it may have been: it is looked for there before it is asked for again."""
    AlertSilence.objects.filter(pk=row.pk).update(asked_at=timezone.now())
    matchers = [Matcher(name=name, value=value) for name, value in row.matchers.items()]
    author, comment = row.created_name or row.created_by, f"{row.group.title[:200]} {_mark(row)}"
    return alertmanager.create_silence(system, matchers, row.starts_at, row.ends_at, author, comment)


def _mark(row: AlertSilence) -> str:
    """Return by what a silence of ours is known there, together with its end."""
    return f"(silence {row.pk} of clawsite)"


def _end(row: AlertSilence) -> None:
    system = row.group.system
    made = (row.remote_id or _find_made(row, system)) if system is not None else ""
    if made and system is not None:
        alertmanager.expire_silence(system, made)
    with transaction.atomic():
        AlertSilence.objects.filter(pk=row.pk, state=State.UNDOING).update(state=State.UNDONE)
        _show_all(row, now=timezone.now())


def _fail(row: AlertSilence, why: str) -> None:
    """Say in the message that Alertmanager did not do it. What could not be undone there stays silent there."""
    now = timezone.now()
    with transaction.atomic():
        rows = AlertSilence.objects.filter(pk=row.pk, state__in=[State.WANTED, State.UNDOING])
        if rows.update(state=State.FAILED, error=why[:300]):
            note(row.group_id, "silence_failed", why, at=now)
            _show_all(row, now=now)


def end_silences(*, now: datetime) -> int:
    """Bring messages up to date whose silence has run out, and give up those that no job made; return how many."""
    late = AlertSilence.objects.filter(state=State.WANTED, starts_at__lt=now - PATIENCE).select_related("group")
    over = AlertSilence.objects.filter(state__in=SILENT, ends_at__lte=now).select_related("group")
    count = 0
    for row in (*late, *over):
        try:
            if row.ends_at > now:
                _fail(row, UNREACHED)
            else:
                count += _end_late(row, now=now)
        except Exception as error:
            log_unknown(error, where=f"the end of silence {row.pk}")
    return count


def end_lifted(system: MonitoredSystem, listed: Sequence[ListedAlert], *, now: datetime) -> int:
    """End our silences that somebody ended in Alertmanager, by what it lists; return how many there were."""
    made = AlertSilence.objects.filter(state=State.ACTIVE, ends_at__gt=now, group__system=system)
    count = 0
    for row in made.filter(asked_at__lte=now - SETTLED).select_related("group"):
        try:
            if any(_is_heard(each, row) for each in listed):
                count += _end_late(row, now=now, actor="Alertmanager")
        except Exception as error:
            log_unknown(error, where=f"silence {row.pk}, which Alertmanager has no longer")
    return count


def _is_heard(alert: ListedAlert, row: AlertSilence) -> bool:
    """Tell whether an alert that a silence is for is listed as one that nothing silences."""
    return row.matchers.items() <= alert.labels.items() and not alert.status.silenced_by


@transaction.atomic
def _end_late(row: AlertSilence, *, now: datetime, actor: str = "") -> bool:
    """End one whose time is over; one that `actor` ended before that is a piece of the group's story."""
    ended = AlertSilence.objects.filter(pk=row.pk, state=row.state).update(state=State.UNDONE)
    if ended and actor:
        note(row.group_id, "unsilenced", actor=actor, at=now)
    if ended:
        _show_all(row, now=now)
    return bool(ended)


def _show_all(row: AlertSilence, *, now: datetime) -> None:
    """Bring the messages of the silence's group up to date, and of the group that has the key now.

    One that fires, that nobody has and that is not silent any more is escalated from the beginning.
    """
    groups = AlertGroup.objects.select_related("system").filter(key=row.key).order_by("-id")
    for group in {each.pk: each for each in (*groups[:1], *groups.filter(pk=row.group_id))}.values():
        waits = group.state == AlertGroup.State.FIRING and group.acked_at is None
        if waits and not is_silent(find_silence(group, now=now)):
            escalation.begin(group, now=now)
        show_group(group, now=now)
