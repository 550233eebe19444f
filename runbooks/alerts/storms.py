"""Storms: when many groups begin at once, one message that changes stands for them, so that the chat stays readable."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import CharField, Count
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce

from clawsite.core.errors import log_unknown
from runbooks.alerts.facts import LABEL_CHARS, cut
from runbooks.models import AlertGroup, AlertNotice, AlertStorm
from sessions_app.cards import put_card

KIND = "alert_storm"
# After so many messages within the window, further groups of a chat become lines of one message.
MOST_GROUPS = 10
WINDOW = timedelta(minutes=1)
# A storm without a new group for so long is over.
CALM = timedelta(minutes=5)
# It rings again at most so often.
RING_AFTER = timedelta(minutes=5)
# For so long it is tried to show the end of one.
PATIENCE = timedelta(minutes=15)
SHOWN = 8


def join_storm(session_id: int, *, now: datetime) -> AlertStorm | None:
    """Return the storm that a new group of a chat belongs to, which may begin with it; None in quiet times."""
    storm = AlertStorm.objects.filter(session_id=session_id, ended_at=None).first()
    if storm is not None and not is_over(storm, now=now):
        AlertStorm.objects.filter(pk=storm.pk).update(last_at=now)
        return storm
    if storm is not None:
        _end_storm_anyway(storm, now=now)
    recent = AlertNotice.objects.filter(session_id=session_id, held_until=None, created_at__gt=now - WINDOW)
    if recent.count() < MOST_GROUPS:
        return None
    return AlertStorm.objects.create(session_id=session_id, started_at=now, last_at=now)


def is_over(storm: AlertStorm, *, now: datetime) -> bool:
    """Tell whether a storm has calmed down."""
    return storm.ended_at is not None or now - storm.last_at > CALM


def is_flooded(session_id: int, *, now: datetime, loud: bool = False) -> bool:
    """Tell whether so many messages of a chat were new or moved within the window that no more should.

    What is to make a sound is not held back by what made none.
    """
    recent = AlertNotice.objects.filter(session_id=session_id, rung_at__gt=now - WINDOW)
    if loud:
        recent = recent.filter(group__severity=AlertGroup.Severity.CRITICAL)
    return recent.count() >= MOST_GROUPS


def end_storms(*, now: datetime) -> int:
    """End the storms that have calmed down, and say so in their messages; return how many there were.

    One that cannot be shown is tried again for a while and keeps none of the others waiting.
    """
    raging = AlertStorm.objects.filter(ended_at=None).order_by("session")  # as their index has them
    over = list(raging.filter(last_at__lt=now - CALM))
    for storm in over:
        _end_storm_anyway(storm, now=now, patience=PATIENCE)
    return len(over)


def _end_storm_anyway(storm: AlertStorm, *, now: datetime, patience: timedelta = timedelta()) -> None:
    """End a storm; when it cannot be shown, without its message, after so much more time."""
    try:
        _end_storm(storm, now=now)
    except Exception as error:
        log_unknown(error, where=f"the end of storm {storm.pk}")
        if now - storm.last_at > CALM + patience:
            AlertStorm.objects.filter(pk=storm.pk, ended_at=None).update(ended_at=now)


@transaction.atomic
def _end_storm(storm: AlertStorm, *, now: datetime) -> None:
    if AlertStorm.objects.filter(pk=storm.pk, ended_at=None).update(ended_at=now):
        show_storm(storm, now=now)


def show_storm(storm: AlertStorm, *, now: datetime, loud: bool = False) -> None:
    """Bring the message of a storm up to date. It makes a sound for what is critical, once in a while."""
    storm.refresh_from_db()
    ring = loud and (storm.rung_at is None or now - storm.rung_at >= RING_AFTER)
    if ring:  # before its card, as at its end
        AlertStorm.objects.filter(pk=storm.pk).update(rung_at=now)
    put_card(
        f"storm:{storm.pk}",
        kind=KIND,
        data=storm_facts(storm),
        session_id=storm.session_id,
        ring="move" if ring else "",
        silent=not loud and storm.rung_at is None,  # what is to ring may not be there yet when more comes
    )


def storm_facts(storm: AlertStorm) -> dict[str, Any]:
    """Return the data of a storm's card: how many of each severity, and what there is most of.

    The database counts: a storm may have a thousand groups, and each of them brings its message up to date.
    """
    groups = AlertGroup.objects.filter(notices__storm=storm).order_by()
    counts = list(groups.values_list("state", "severity").annotate(Count("pk"), Count("acked_at")))
    firing = [row for row in counts if row[0] == AlertGroup.State.FIRING]
    name = Coalesce(KeyTextTransform("alertname", "labels"), "title", output_field=CharField())
    named = groups.filter(state=AlertGroup.State.FIRING).annotate(name=name).values_list("name")
    most = list(named.annotate(many=Count("pk")).order_by("-many", "name"))
    return {
        "id": storm.pk,
        "started": storm.started_at.isoformat(),
        "over": storm.ended_at is not None,
        "groups": sum(row[2] for row in counts),
        "firing": sum(row[2] for row in firing),
        "acked": sum(row[3] for row in firing),
        "severities": {row[1]: row[2] for row in firing},
        "names": [[cut(each, LABEL_CHARS), many] for each, many in most[:SHOWN]],
        "others": max(0, len(most) - SHOWN),
    }
