"""Which chats see which groups, and chats that subscribe themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time

from django.db import transaction
from django.utils.translation import gettext as _

from clawsite.core import audit
from clawsite.core.errors import BadInput, NotAllowed
from guardrails.types import Actor, Role
from runbooks.alerts.fitting import Fitting
from runbooks.alerts.matching import parse_matchers
from runbooks.alerts.quiet import quiet_end
from runbooks.models import AlertGroup, AlertSubscription, MonitoredSystem
from sessions_app.models import Session
from sessions_app.sessions import zone_of

MOST = 20


def find_subscribed(group: AlertGroup) -> dict[int, list[AlertSubscription]]:
    """Return the subscriptions that a group fits, by the id of their chat."""
    found: dict[int, list[AlertSubscription]] = {}
    fitting = Fitting(group)
    for each in AlertSubscription.objects.filter(enabled=True).select_related("session"):
        if fitting.is_for(system_id=each.system_id, least=each.least, matchers=each.matchers):
            found.setdefault(each.session_id, []).append(each)
    return found


def held_until(subscriptions: Sequence[AlertSubscription], *, critical: bool, now: datetime) -> datetime | None:
    """Return until when a group is held back in a chat; None when any of its subscriptions wants it now."""
    if critical or not subscriptions:
        return None
    ends = [
        quiet_end(now, begins=each.quiet_from, ends=each.quiet_until, zone=zone_of(each.session))
        for each in subscriptions
    ]
    known = [end for end in ends if end is not None]
    return min(known) if len(known) == len(ends) else None


def subscribe(
    session: Session,
    *,
    actor: Actor,
    least: str = AlertGroup.Severity.INFO,
    matchers: Sequence[str] = (),
    system: MonitoredSystem | None = None,
    quiet: tuple[time, time] | None = None,
) -> AlertSubscription:
    """Have a chat see alerts. The same wish again changes its quiet hours; NotAllowed below operator."""
    _check(actor)
    texts = [str(each) for each in parse_matchers(matchers)]
    begins, ends = quiet or (None, None)
    with transaction.atomic():
        Session.objects.select_for_update().filter(pk=session.pk).first()  # two who press at once make one
        mine = AlertSubscription.objects.filter(session=session)
        same = mine.filter(least=least, matchers=texts, system=system)  # in the admin there may be made several
        if not same.update(quiet_from=begins, quiet_until=ends, enabled=True):
            if mine.count() >= MOST:
                raise BadInput(_("A chat can have {count} subscriptions at most.").format(count=MOST))
            AlertSubscription.objects.create(
                session=session,
                least=least,
                matchers=texts,
                system=system,
                quiet_from=begins,
                quiet_until=ends,
                created_by=actor.subject,
            )
        row = same.select_related("session", "system")[0]
        audit.record("alerts.subscribe", actor=actor.subject, subject=session.ref, least=least, matchers=texts)
    return row


def unsubscribe(session: Session, *, actor: Actor, pk: int | None = None) -> int:
    """Take one subscription of a chat away, or all; return how many there were."""
    _check(actor)
    rows = AlertSubscription.objects.filter(session=session)
    with transaction.atomic():
        count, _each = (rows if pk is None else rows.filter(pk=pk)).delete()
        if count:
            audit.record("alerts.unsubscribe", actor=actor.subject, subject=session.ref, count=count)
    return count


def _check(actor: Actor) -> None:
    if not actor.is_at_least(Role.OPERATOR):
        raise NotAllowed(_("Only an operator may change what a chat is told."))
