"""Reminders of what somebody took on and what still fires: a few times, then it is theirs alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from clawsite.core.errors import log_unknown
from runbooks.alerts.escalating import session_of
from runbooks.alerts.escalation import remind_minutes_of
from runbooks.alerts.quiet import quiet_end
from runbooks.alerts.setbacks import wait_after
from runbooks.alerts.showing import show_group, tell_person
from runbooks.alerts.silenced import find_silence, is_silent
from runbooks.alerts.timeline import note
from runbooks.models import AlertGroup, Responder
from sessions_app.models import Contact
from sessions_app.sessions import get_or_create_session, zone_of

MOST = 5
BATCH = 50


def remind(*, now: datetime) -> int:
    """Remind of every group that is due; return how many. One that fails moves back behind the others."""
    due = AlertGroup.objects.filter(remind_at__lte=now, remind_at__isnull=False).order_by("remind_at")
    count = 0
    for pk in list(due.values_list("pk", flat=True)[:BATCH]):
        try:
            count += _remind(pk, now=now)
        except Exception as error:
            _set_back(pk, log_unknown(error, where=f"reminder of alert {pk}"), now=now)
    return count


def _set_back(pk: int, error_id: str, *, now: datetime) -> None:
    """Have a reminder that failed wait; after too many failures there are no more, and the group's story says so."""
    failures = AlertGroup.objects.values_list("remind_failures", flat=True).get(pk=pk) + 1
    wait = wait_after(failures)
    with transaction.atomic():
        due = AlertGroup.objects.filter(pk=pk, remind_at__lte=now)
        changed = due.update(remind_at=None if wait is None else now + wait, remind_failures=failures)
        if changed and wait is None:
            note(pk, "remind_failed", at=now, error=error_id)


@transaction.atomic
def _remind(pk: int, *, now: datetime) -> bool:
    group = AlertGroup.objects.select_related("system").get(pk=pk)
    minutes = remind_minutes_of(group)
    more = minutes and group.reminders + 1 < MOST
    upcoming = now + timedelta(minutes=minutes) if more else None
    rows = AlertGroup.objects.filter(
        pk=pk, remind_at=group.remind_at, state=AlertGroup.State.FIRING, acked_at__isnull=False
    )
    contacts = contacts_of(group.acked_by)
    quiet = None if group.is_critical else _quiet_end(contacts, now=now)
    if quiet is not None and rows.update(remind_at=quiet):
        return False
    if not rows.update(remind_at=upcoming, reminders=F("reminders") + 1, remind_failures=0):
        AlertGroup.objects.filter(pk=pk, remind_at=group.remind_at).update(remind_at=None)
        return False
    if is_silent(find_silence(group, now=now)):
        return False
    note(pk, "reminded", actor=group.acked_name, at=now, number=group.reminders + 1)
    for contact in contacts:
        session = get_or_create_session(contact.channel_id, chat_id=contact.external_id, direct=True)
        tell_person(group, session.pk, now=now)
    if not contacts:
        show_group(group, ring=True, now=now)
    return True


def _quiet_end(contacts: Sequence[Contact], *, now: datetime) -> datetime | None:
    """Return when the quiet hours of the person end who is to be reminded; None when none hold."""
    responder = Responder.objects.filter(contact__in=contacts, enabled=True).select_related("contact").first()
    if responder is None:
        return None
    zone = zone_of(session_of(responder))
    return quiet_end(now, begins=responder.quiet_from, ends=responder.quiet_until, zone=zone)


def contacts_of(subject: str) -> list[Contact]:
    """Return the approved contact that an actor's subject stands for, the one seen last in a channel that is on."""
    kind, _, number = subject.partition(":")
    if not number.isdecimal() or kind not in ("contact", "user"):
        return []
    rows = Contact.objects.filter(state=Contact.State.APPROVED, channel__enabled=True).order_by("-seen_at")
    return list(rows.filter(pk=number) if kind == "contact" else rows.filter(user_id=number))[:1]
