"""What a delivery changes about one alert. Pure: the decisions, without the rows.

Alertmanager repeats, and what comes late must not undo what came after it. An alert is known by its fingerprint and
the time it began: an older beginning is old news; with the same beginning firing goes to resolved once. It is
believed to fire again under the same beginning only when the end was heard a while ago, because Prometheus keeps the
beginning when it lost Alertmanager from sight and found it again. A beginning moves back where two servers of
Prometheus watch the same, because Alertmanager takes the earlier one; so an end counts that is later than what is known
to have begun.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from runbooks.alerts.payload import AlertNews, GroupNews
from runbooks.models import Alert, AlertGroup

# A firing alert that is heard again so soon after its end was on its way before it. One Alertmanager tells one thing
# after the other, and of several the second waits for 15 s and the third for 30; what really fires again comes a
# group_interval later, and is said once only: that is a minute in our own setup.
LATE = timedelta(seconds=45)
# Beginnings that lie no further apart are what two servers of Prometheus say of one.
APART = timedelta(minutes=2)
FIRING = AlertGroup.State.FIRING


class Change(StrEnum):
    """What becomes of an alert. AGAIN: it fires under a new beginning, so its end in between was not heard."""

    FIRES = "fires"
    AGAIN = "again"
    ENDS = "ends"
    TEXT = "text"
    NONE = "none"


def compare(known: Alert | None, news: AlertNews, *, now: datetime) -> Change:
    """Return what the news change about an alert as it is known."""
    if known is None:
        return Change.FIRES if news.firing else Change.ENDS
    if news.starts_at < known.starts_at:
        return Change.ENDS if _ends(known, news) else Change.NONE
    if known.state == FIRING:
        if not news.firing:
            return Change.ENDS
        if news.starts_at - known.starts_at > APART:
            return Change.AGAIN
        return Change.NONE if _is_same(known, news) else Change.TEXT
    if news.starts_at > known.starts_at:
        return Change.FIRES if news.firing else Change.ENDS
    return Change.FIRES if news.firing and now - known.changed_at > LATE else Change.NONE


def is_anew(known: Mapping[str, Alert], changes: Mapping[str, Change]) -> bool:
    """Tell whether a whole group that was known to fire was over meanwhile: none of its alerts just went on.

    Alertmanager sends no end of what was silent there when it ended.
    """
    firing = [name for name, alert in known.items() if alert.state == FIRING]
    return Change.AGAIN in changes.values() and all(changes.get(name) in (None, Change.AGAIN) for name in firing)


def find_lost(known: Mapping[str, Alert], news: GroupNews, changes: Mapping[str, Change]) -> list[Alert]:
    """Return the alerts of a group that is anew which were over with it: they began before and are not in the news."""
    begun = min(each.starts_at for each in news.alerts if changes[each.fingerprint] is Change.AGAIN)
    absent = [alert for name, alert in known.items() if alert.state == FIRING and name not in changes]
    return [] if news.truncated else [alert for alert in absent if alert.starts_at < begun]


def _ends(known: Alert, news: AlertNews) -> bool:
    """Tell whether an end is that of what fires, although its beginning is an earlier one than the known."""
    return known.state == FIRING and news.ends_at is not None and news.ends_at > known.starts_at


def _is_same(known: Alert, news: AlertNews) -> bool:
    return (known.labels, known.annotations, known.starts_at) == (news.labels, news.annotations, news.starts_at)
