"""What a delivery changes about one alert. Pure: the decisions, without the rows.

Alertmanager repeats, and what comes late must not undo what came after it. An alert is known by its fingerprint and
the time it began: an older beginning is old news; with the same beginning firing goes to resolved once. It is
believed to fire again under the same beginning only when the end was heard a while ago, because Prometheus keeps the
beginning when it lost Alertmanager from sight and found it again. A beginning moves back where two servers of
Prometheus watch the same, because Alertmanager takes the earlier one; so an end counts that is later than what is known
to have begun.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from runbooks.alerts.payload import AlertNews
from runbooks.models import Alert, AlertGroup

# A firing alert that is heard again so soon after its end was on its way before it.
LATE = timedelta(minutes=2)
FIRING = AlertGroup.State.FIRING


class Change(StrEnum):
    """What becomes of an alert."""

    FIRES = "fires"
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
        return Change.NONE if _is_same(known, news) else Change.TEXT
    if news.starts_at > known.starts_at:
        return Change.FIRES if news.firing else Change.ENDS
    return Change.FIRES if news.firing and now - known.changed_at > LATE else Change.NONE


def _ends(known: Alert, news: AlertNews) -> bool:
    """Tell whether an end is that of what fires, although its beginning is an earlier one than the known."""
    return known.state == FIRING and news.ends_at is not None and news.ends_at > known.starts_at


def _is_same(known: Alert, news: AlertNews) -> bool:
    return (known.labels, known.annotations, known.starts_at) == (news.labels, news.annotations, news.starts_at)
