"""What has to be put right when the clock was set back: what was due stays due, though its time lies ahead again.

Every worker may do it, and more than once. Times that people chose stay as they are; when a schedule comes next is
found anew, or it would wait until the clock is where it was.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.utils import timezone

from clawsite.core.clock import Offset, bring_back_beats
from clawsite.core.models import ServiceState
from runbooks.alerts import rewound as alerts
from runbooks.models import ForgeConnection, Job, SystemReading
from runbooks.schedules import find_anew
from sessions_app import inbox, outbox

logger = logging.getLogger(__name__)

_offset = Offset()


def mend_times() -> int:
    """Look whether the clock was set back, and mend what that has put off; return how many rows."""
    bring_back_beats()
    seconds = -_offset.moved()
    return make_due(seconds=seconds) if seconds > 0 else 0


def make_due(*, seconds: float) -> int:
    """Mend what a clock that was set back by so many seconds has put off; return how many rows."""
    now = timezone.now()
    count = inbox.end_waits(now) + outbox.end_waits(now) + _hasten_jobs(now, seconds) + _try_services(now)
    count += find_anew(now) + alerts.end_waits(now)
    logger.warning("the clock was set back by %.0f s: %s things are due again", seconds, count)
    return count


def _hasten_jobs(now: datetime, seconds: float) -> int:
    """Let jobs that had come due run; one that waits for a later time waits again when it has looked."""
    queued = Job.objects.filter(state=Job.State.QUEUED)
    told_later = queued.filter(sent_at__gt=now).update(sent_at=None)
    due = queued.filter(not_before__gt=now, not_before__lte=now + timedelta(seconds=seconds))
    return max(told_later, due.update(not_before=now))


def _try_services(now: datetime) -> int:
    """Let services that are left alone be tried."""
    kinds = (ServiceState, SystemReading, ForgeConnection)
    ready = sum(kind.objects.filter(open_until__gt=now).update(open_until=now) for kind in kinds)
    return ready + SystemReading.objects.filter(due_at__gt=now).update(due_at=now)
