"""Turns what a delivery says into rows of one group, once, whatever is repeated, late or cut.

Invariant: a group's row is locked from the comparison to the last write, so two deliveries about it come one after
the other; the database keeps a second open group of the same key out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from runbooks.alerts.news import Change, compare, find_lost, is_anew
from runbooks.alerts.payload import AlertNews, GroupNews
from runbooks.alerts.severity import is_at_least, severity_of, worst
from runbooks.alerts.sources import find_system, key_of
from runbooks.alerts.timeline import note
from runbooks.models import Alert, AlertGroup, MonitoredSystem

FIRING, RESOLVED = AlertGroup.State.FIRING, AlertGroup.State.RESOLVED
# A group that fires again so soon after its end is the same trouble; its row opens again and counts that.
REOPEN = timedelta(minutes=30)
TITLE_CHARS = 300
BATCH = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a delivery led to. `group` is None when it was old news about nothing.

    kind: opened, reopened, raised (to a worse severity), changed, resolved, repeated (the same alerts still fire, in
    other words perhaps), or nothing.
    """

    kind: str
    group: AlertGroup | None = None


@transaction.atomic
def take_news(news: GroupNews, *, now: datetime, source: str = "", system: MonitoredSystem | None = None) -> Outcome:
    """Apply one delivery. Safe to repeat. IntegrityError when another process opened the group meanwhile: repeat it.

    `source` is what the webhook's address named; `system` is whose group it is where that is known already.
    """
    key = key_of(source, news.group_key)
    last = AlertGroup.objects.select_for_update().filter(key=key).order_by("-id").first()
    known = {each.fingerprint: each for each in last.alerts.all()} if last else {}
    changes = {each.fingerprint: compare(known.get(each.fingerprint), each, now=now) for each in news.alerts}
    fires = Change.FIRES in changes.values()
    if last is None or (fires and last.state == RESOLVED and now - (last.resolved_at or now) > REOPEN):
        return _open(news, key=key, system=system or find_system(news, source=source), now=now)
    was_stale, last.stale_at = last.stale_at is not None, None
    AlertGroup.objects.filter(pk=last.pk).update(
        heard_at=now, deliveries=last.deliveries + 1, stale_at=None, absent_since=None
    )
    _find_again(known, news)
    if not any(change is not Change.NONE for change in changes.values()):
        return Outcome(kind=_unchanged(last, news, was_stale=was_stale), group=last)
    anew = last.state == FIRING and is_anew(known, changes)
    if anew:
        lost = [alert.pk for alert in find_lost(known, news, changes)]
        last.alerts.filter(pk__in=lost).update(state=RESOLVED, ends_at=now, changed_at=now)
    _write(last, known, [each for each in news.alerts if changes[each.fingerprint] is not Change.NONE], now=now)
    return _settle(last, news, changes, anew=anew, now=now)


def lock_group(**about: int) -> None:
    """Lock the group that these columns find, to the end of the transaction: who changes a group begins with its row.

    Else two that meet in it wait for each other, and PostgreSQL ends one of them.
    """
    AlertGroup.objects.select_for_update(of=("self",)).filter(**about).first()


def _find_again(known: Mapping[str, Alert], news: GroupNews) -> None:
    """Take alerts for missing in Alertmanager's list no more, because it says that they fire."""
    named = (known.get(each.fingerprint) for each in news.alerts if each.firing)
    if missing := [alert.pk for alert in named if alert is not None and alert.absent_since is not None]:
        Alert.objects.filter(pk__in=missing).update(absent_since=None)


def _unchanged(group: AlertGroup, news: GroupNews, *, was_stale: bool) -> str:
    """Return what a delivery is that changes no alert; that there is news at all takes a doubt away."""
    if group.state != FIRING or not any(each.firing for each in news.alerts):
        return "nothing"
    return "changed" if was_stale else "repeated"


def _open(news: GroupNews, *, key: str, system: MonitoredSystem | None, now: datetime) -> Outcome:
    """Make a row for a group that is new, or ended long ago. One that is over already is only remembered."""
    firing = [each for each in news.alerts if each.firing]
    group = AlertGroup(
        key=key,
        group_key=news.group_key,
        system=system,
        group_labels=news.group_labels,
        state=FIRING if firing else RESOLVED,
        severity=worst(severity_of(each.labels) for each in firing or news.alerts),
        started_at=now,
        resolved_at=None if firing else now,
        heard_at=now,
        deliveries=1,
        firing=len(firing),
        ended=len(news.alerts) - len(firing),
        **_texts(news),
    )
    group.save(force_insert=True)
    _write(group, {}, news.alerts, now=now)
    if not firing:
        return Outcome(kind="nothing", group=group)
    note(group.pk, "opened", at=now, alerts=len(firing), severity=group.severity)
    return Outcome(kind="opened", group=group)


def _texts(news: GroupNews) -> dict[str, Any]:
    return {
        "title": title_of(news)[:TITLE_CHARS],
        "labels": news.labels,
        "annotations": news.annotations,
        "truncated": news.truncated,
    }


def title_of(news: GroupNews) -> str:
    """Return what a group is called: the summary its alerts share, else the alert's name, else what groups them."""
    names = {each.labels.get("alertname", "") for each in news.alerts}
    summaries = {each.annotations.get("summary", "") for each in news.alerts}
    shared = summaries.pop() if len(summaries) == 1 else ""
    name = names.pop() if len(names) == 1 else news.labels.get("alertname", "")
    grouped = " ".join(f"{key}={value}" for key, value in sorted(news.group_labels.items()))
    return " ".join((news.annotations.get("summary") or shared or name or grouped or news.group_key).split())


def _write(group: AlertGroup, known: Mapping[str, Alert], news: Iterable[AlertNews], *, now: datetime) -> None:
    """Write the alerts that changed, old and new ones in a few statements."""
    rows = [
        _fill(known.get(each.fingerprint) or Alert(group=group, fingerprint=each.fingerprint), each, now)
        for each in news
    ]
    Alert.objects.bulk_create([row for row in rows if row.fingerprint not in known], batch_size=BATCH)
    fields = ["state", "severity", "labels", "annotations", "generator_url", "starts_at", "ends_at", "changed_at"]
    fields += ["listed_at", "absent_since"]
    Alert.objects.bulk_update([row for row in rows if row.fingerprint in known], fields, batch_size=BATCH)


def _fill(row: Alert, news: AlertNews, now: datetime) -> Alert:
    if row.state != FIRING or not news.firing:
        row.listed_at = None
    row.absent_since = None
    row.state = FIRING if news.firing else RESOLVED
    row.severity = severity_of(news.labels)
    row.labels, row.annotations, row.generator_url = news.labels, news.annotations, news.generator_url
    row.starts_at = max(row.starts_at, news.starts_at) if row.pk else news.starts_at
    row.ends_at, row.changed_at = news.ends_at, now
    return row


def _settle(group: AlertGroup, news: GroupNews, changes: Mapping[str, Change], *, anew: bool, now: datetime) -> Outcome:
    """Bring the group's own columns in line with its alerts, and say what that makes of it."""
    before_state, before_severity = group.state, group.severity
    states = list(group.alerts.values_list("state", "severity"))
    firing = [severity for state, severity in states if state == FIRING]
    group.firing, group.ended = len(firing), len(states) - len(firing)
    group.state = FIRING if firing else RESOLVED
    group.severity = worst(firing) if firing else group.severity
    for name, value in _texts(news).items():
        setattr(group, name, value)
    is_same = {*changes.values()} <= {Change.TEXT, Change.NONE}
    kind = "reopened" if anew else _kind_of(before_state, before_severity, group, is_same=is_same)
    if kind == "reopened":
        group.openings, group.resolved_at, group.started_at = group.openings + 1, None, now
        group.listed_at = None
    if kind in ("reopened", "raised"):
        _let_go(group)
    if kind == "resolved":
        group.resolved_at, group.remind_at = now, None
    group.save(
        update_fields=[
            "firing", "ended", "state", "severity", "title", "labels", "annotations", "truncated", "openings",
            "resolved_at", "started_at", "acked_by", "acked_name", "acked_at", "remind_at", "reminders", "listed_at",
        ]
    )  # fmt: skip
    _tell(group, kind, changes, now=now)
    return Outcome(kind=kind, group=group)


def end_group(group: AlertGroup, kind: str, why: str = "", *, now: datetime) -> None:
    """End a locked group without news of its end; `kind` and `why` are what its timeline says."""
    group.alerts.filter(state=FIRING).update(state=RESOLVED, ends_at=now, changed_at=now)
    group.firing, group.ended, group.state = 0, group.alerts.count(), RESOLVED
    group.resolved_at, group.remind_at, group.absent_since, group.stale_at = now, None, None, None
    group.save(update_fields=["firing", "ended", "state", "resolved_at", "remind_at", "absent_since", "stale_at"])
    note(group.pk, kind, why, at=now)


def end_alerts(group: AlertGroup, alerts: Iterable[int], *, now: datetime) -> None:
    """End some alerts of a locked group, others of which fire on, without news of their end."""
    rows = group.alerts.filter(pk__in=list(alerts), state=FIRING)
    ended = rows.update(state=RESOLVED, ends_at=now, changed_at=now, listed_at=None, absent_since=None)
    firing = list(group.alerts.filter(state=FIRING).values_list("severity", flat=True))
    group.firing, group.ended = len(firing), group.alerts.count() - len(firing)
    group.severity = worst(firing)
    group.save(update_fields=["firing", "ended", "severity"])
    note(group.pk, "partly_resolved", at=now, alerts=ended, left=group.firing)


def _let_go(group: AlertGroup) -> None:
    """Nobody has it any more: what fires again, or got worse, is not what somebody took on."""
    group.acked_by = group.acked_name = ""
    group.acked_at = group.remind_at = None
    group.reminders = 0


def _kind_of(state: str, severity: str, group: AlertGroup, *, is_same: bool) -> str:
    if state == RESOLVED:
        return "reopened" if group.state == FIRING else "nothing"
    if group.state == RESOLVED:
        return "resolved"
    if severity != group.severity and is_at_least(group.severity, severity):
        return "raised"
    return "repeated" if is_same else "changed"


def _tell(group: AlertGroup, kind: str, changes: Mapping[str, Change], *, now: datetime) -> None:
    fires, ends = (sum(change is wanted for change in changes.values()) for wanted in (Change.FIRES, Change.ENDS))
    if kind in ("reopened", "resolved", "raised"):
        note(group.pk, kind, at=now, alerts=group.firing, severity=group.severity)
    elif kind == "changed" and fires:
        note(group.pk, "added", at=now, alerts=fires)
    elif kind == "changed" and ends:
        note(group.pk, "partly_resolved", at=now, alerts=ends, left=group.firing)
