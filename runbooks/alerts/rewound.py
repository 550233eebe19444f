"""What of alerts a clock that was set back puts off: without this nobody would be called, reminded or missed until the
clock is where it was.

Invariant: nothing waits for longer than it would had its wait begun now, and nothing was done later than now.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from runbooks.alerts.escalation import remind_minutes_of
from runbooks.alerts.store import LONGEST_WAIT
from runbooks.alerts.storms import WINDOW
from runbooks.models import Alert, AlertGroup, AlertNotice, AlertStorm, AlertWebhook, Escalation, Heartbeat

# No quiet hours are longer, also not those of the day on which clocks are put back.
LONGEST_QUIET = timedelta(hours=25)


def end_waits(now: datetime) -> int:
    """Mend what a clock that had gone ahead wrote down; return how much is due sooner. Safe to repeat."""
    _date_back(now)
    new = AlertWebhook.objects.filter(state=AlertWebhook.State.NEW, next_at__gt=now + LONGEST_WAIT)
    held = AlertNotice.objects.filter(held_until__gt=now + LONGEST_QUIET)
    return new.update(next_at=now) + held.update(held_until=now) + _hasten_steps(now) + _hasten_reminders(now)


def _date_back(now: datetime) -> None:
    """Let what seems to have been done in time to come have been done now, and what was shown, a little while ago."""
    firing = AlertGroup.objects.filter(state=AlertGroup.State.FIRING)
    firing.filter(heard_at__gt=now).update(heard_at=now)
    firing.filter(started_at__gt=now).update(started_at=now)
    firing.filter(absent_since__gt=now).update(absent_since=now)
    Alert.objects.filter(changed_at__gt=now).update(changed_at=now)
    Alert.objects.filter(absent_since__gt=now).update(absent_since=now)
    Heartbeat.objects.filter(last_at__gt=now).update(last_at=now)
    AlertStorm.objects.filter(ended_at=None, last_at__gt=now).update(last_at=now)
    AlertNotice.objects.filter(created_at__gt=now).update(created_at=now - WINDOW)
    AlertNotice.objects.filter(rung_at__gt=now).update(rung_at=now - WINDOW)


def _hasten_steps(now: datetime) -> int:
    count = 0
    running = Escalation.objects.filter(state=Escalation.State.RUNNING, next_at__gt=now)
    for row in running:
        latest = now + timedelta(minutes=row.steps[row.step]["after_minutes"])
        count += running.filter(pk=row.pk, step=row.step, next_at__gt=latest).update(next_at=latest)
    return count


def _hasten_reminders(now: datetime) -> int:
    """Who has quiet hours then is reminded after them: that is looked at when the time has come."""
    count = 0
    waiting = AlertGroup.objects.filter(remind_at__gt=now)
    for group in waiting:
        latest = now + timedelta(minutes=remind_minutes_of(group))
        count += waiting.filter(pk=group.pk, remind_at__gt=latest).update(remind_at=latest)
    return count
