"""Brings groups to chats: one message for each group and chat, edited in place, and a new one when it must ring.

Invariant: only what is critical, not acknowledged and not silenced makes a sound, and only where it is wanted.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max

from runbooks.alerts import escalation
from runbooks.alerts.facts import group_facts
from runbooks.alerts.groups import Outcome
from runbooks.alerts.payload import REPEAT
from runbooks.alerts.remedies import find_remedies
from runbooks.alerts.silenced import find_silence, is_silent
from runbooks.alerts.storms import is_flooded, is_over, join_storm, show_storm
from runbooks.alerts.subscriptions import find_subscribed, held_until
from runbooks.alerts.timeline import note
from runbooks.models import AlertGroup, AlertNotice, AlertStorm
from sessions_app.cards import put_card

KIND = "alert"
# An Alertmanager that does not say why it repeats itself is believed to remind after so long.
REPEAT_AFTER = timedelta(minutes=30)
# A reminder that is delivered twice, because its answer was late, rings once.
TWICE_AFTER = timedelta(minutes=1)
_RINGS = ("opened", "reopened", "raised")


def show_outcome(outcome: Outcome, *, now: datetime, reason: str = "") -> None:
    """Show what a delivery led to, and begin or end the escalation. In the delivery's transaction."""
    group = outcome.group
    if group is None or outcome.kind == "nothing":
        return
    if outcome.kind in _RINGS:
        escalation.renew(group, now=now)
        hearing = _find_hearing(group)
        for notice in group.notices.select_related("storm").filter(session__in=hearing):
            _leave_storm(notice, now=now)
    elif outcome.kind == "changed":
        escalation.begin_late(group, now=now)
    elif outcome.kind == "resolved":
        escalation.stop(group, why="resolved", now=now)
    ring = _reminds(group, reason=reason, now=now) if outcome.kind == "repeated" else outcome.kind in _RINGS
    show_group(group, ring=ring, now=now)


def _reminds(group: AlertGroup, *, reason: str, now: datetime) -> bool:
    """Tell whether Alertmanager reminds of a critical group that nobody has. Its words may be new each time."""
    waits = group.is_critical and group.acked_at is None and not is_silent(find_silence(group, now=now))
    quiet_since = group.notices.aggregate(last=Max("rung_at"))["last"]
    least = {REPEAT: TWICE_AFTER, "": REPEAT_AFTER}.get(reason)
    return waits and least is not None and (quiet_since is None or now - quiet_since >= least)


def show_group(group: AlertGroup, *, now: datetime, ring: bool = False) -> None:
    """Bring a group's messages up to date everywhere, and to the chats that should see it now. Safe to repeat."""
    show_groups([group], now=now, ring=ring)


def show_groups(groups: Iterable[AlertGroup], *, now: datetime, ring: bool = False) -> None:
    """Do so for several. A storm that many of them are in is counted and shown once."""
    storms: dict[AlertStorm, bool] = {}
    for group in groups:
        silence = find_silence(group, now=now)
        loud = group.is_critical and group.acked_at is None and not is_silent(silence)
        notices = [notice for notice in _notices(group, now=now) if notice.held_until is None]
        ringing = _find_hearing(group) if ring else set()
        for notice in notices:
            if notice.storm is not None:
                rings = loud and notice.session_id in ringing
                storms[notice.storm] = storms.get(notice.storm, False) or rings
        single = [notice for notice in notices if notice.storm is None]
        facts = group_facts(group, silence=silence, runbooks=find_remedies(group)) if single else {}
        for notice in single:
            _show(notice, facts, ring=notice.session_id in ringing, loud=loud, now=now)
    for storm, loud in storms.items():
        show_storm(storm, now=now, loud=loud)


def _notices(group: AlertGroup, *, now: datetime) -> list[AlertNotice]:
    """Return where a group is shown, with new places for a firing one."""
    notices = {each.session_id: each for each in group.notices.select_related("storm").order_by("pk")}
    if group.state != AlertGroup.State.FIRING:
        return list(notices.values())
    for session_id, subscriptions in find_subscribed(group).items():
        until = held_until(subscriptions, critical=group.is_critical, now=now)
        known = notices.get(session_id)
        if known is None:
            notices[session_id] = add_notice(group, session_id, until=until, now=now)
        elif known.held_until is not None and until is None:
            release(known, now=now)
    return list(notices.values())


def _find_hearing(group: AlertGroup) -> set[int]:
    """Return the chats in which a group may ring: those that want it now, and those of people it was escalated to.

    Others that have its message, because they wanted it once, see it change.
    """
    told = list(group.events.filter(kind="escalated", at__gte=group.started_at).values_list("data", flat=True))
    if any("session" not in data for data in told):  # noted before it was kept where: rather one too many
        return {*find_subscribed(group), *group.notices.values_list("session_id", flat=True)}
    return {*find_subscribed(group), *(data["session"] for data in told)}


def add_notice(group: AlertGroup, session_id: int, *, now: datetime, until: datetime | None = None) -> AlertNotice:
    """Have a chat see a group: now, in the storm that rages there, or after its quiet hours."""
    storm = None if until else join_storm(session_id, now=now)
    notice = AlertNotice.objects.create(
        group=group, session_id=session_id, storm=storm, held_until=until, created_at=now
    )
    if until is not None:
        note(group.pk, "held", at=now, session=session_id, until=until.isoformat())
    elif storm is not None:
        note(group.pk, "stormed", at=now, session=session_id, storm=storm.pk)
    return notice


def release(notice: AlertNotice, *, now: datetime) -> None:
    """Let a notice that was held back be shown as if it came now: after a long night there may be a storm of them."""
    notice.held_until, notice.created_at = None, now
    notice.storm = join_storm(notice.session_id, now=now)
    notice.save(update_fields=["held_until", "created_at", "storm"])
    if notice.storm is not None:
        note(notice.group_id, "stormed", at=now, session=notice.session_id, storm=notice.storm.pk)


def _leave_storm(notice: AlertNotice, *, now: datetime) -> None:
    """Have what fires again after a storm be shown like anything new, by a message of its own or in the next storm."""
    before = notice.storm
    if before is None or not is_over(before, now=now):
        return
    notice.storm, notice.created_at = join_storm(notice.session_id, now=now), now
    notice.save(update_fields=["storm", "created_at"])
    show_storm(before, now=now)


def tell_person(group: AlertGroup, session_id: int, *, now: datetime) -> None:
    """Ring for a group in one chat, quiet hours or not, and bring its other messages up to date.

    Who is called for many groups at once gets a storm, too: its message rings for all.
    """
    notice = group.notices.select_related("storm").filter(session_id=session_id).first()
    notice = notice or add_notice(group, session_id, now=now)
    if notice.held_until is not None:
        release(notice, now=now)
    _leave_storm(notice, now=now)
    if notice.storm is not None:
        show_storm(notice.storm, now=now, loud=True)
    else:
        facts = group_facts(group, silence=find_silence(group, now=now), runbooks=find_remedies(group))
        _show(notice, facts, ring=True, loud=True, now=now)
    show_group(group, now=now)


def _show(notice: AlertNotice, facts: dict[str, Any], *, ring: bool, loud: bool, now: datetime) -> None:
    """Put the message of a group. In a chat where many rang just now it does not move, whatever happened."""
    first = notice.rung_at is None
    ring = ring and not first and not is_flooded(notice.session_id, now=now, loud=loud)
    put_card(
        notice.card_key,
        kind=KIND,
        data=facts,
        session_id=notice.session_id,
        ring="move" if ring else "",
        silent=not loud,
    )
    if first or ring:
        notice.rung_at = now
        notice.save(update_fields=["rung_at"])
