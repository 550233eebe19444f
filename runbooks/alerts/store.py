"""Deliveries as rows: stored by the web role before it answers, taken up by any worker, once each.

Each is claimed and worked on in one transaction, so what a dying worker had begun is simply new again. One that fails
moves back behind those that came after it, and is given up after a bound.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import Q
from django.utils import timezone

from clawsite.core.errors import ClawError, log_unknown
from clawsite.core.metrics import ALERTS
from clawsite.core.nudge import nudge_on_commit
from runbooks.alerts.groups import take_news
from runbooks.alerts.heartbeats import split_heartbeats
from runbooks.alerts.payload import parse_body
from runbooks.alerts.showing import show_outcome
from runbooks.models import AlertWebhook

State = AlertWebhook.State

NUDGE = "alert"
MAX_ATTEMPTS = 5
# How many are worked on before others in the process get their turn at the database.
AT_ONCE = 20
_AWAY = (OperationalError, InterfaceError)
# A database that is locked or away is nobody's fault, but what has failed by it for so long is at fault itself.
AWAY_FOR = timedelta(minutes=10)
# Before the second try, and twice as long before each further one.
WAIT, LONGEST_WAIT = timedelta(seconds=1), timedelta(seconds=30)


def store_webhook(body: str, *, source: str = "", origin: str = "") -> int:
    """Store one delivery as it came; return its id."""
    with transaction.atomic():
        row = AlertWebhook.objects.create(body=body, source=source[:64], origin=origin[:64])
        nudge_on_commit(NUDGE)
    return row.pk


def process_new(*, now: datetime | None = None) -> int:
    """Work on the oldest new deliveries; return how many there were, so that the caller knows when to come back."""
    due = Q(next_at=None) | Q(next_at__lte=now or timezone.now())
    new = AlertWebhook.objects.filter(due, state=State.NEW).order_by("pk")
    pks = list(new.values_list("pk", flat=True)[:AT_ONCE])
    for pk in pks:
        process_webhook(pk, now=now)
    return len(pks)


def process_webhook(pk: int, *, now: datetime | None = None) -> None:
    """Work on one delivery, if nobody else does. What fails is tried again, a few times."""
    try:
        for _ in range(2):
            try:
                _process(pk, now=now)
                return
            except IntegrityError:
                continue  # another worker opened the same group just now; it is there at the second look
        _process(pk, now=now)
    except ClawError as error:
        _give_up(pk, error.message)
    except Exception as error:
        why = f"error {log_unknown(error, where='an alert')}"
        _fail(pk, why, is_away=isinstance(error, _AWAY), now=now or timezone.now())


@transaction.atomic
def _process(pk: int, *, now: datetime | None) -> None:
    moment = now or timezone.now()
    claimed = AlertWebhook.objects.filter(pk=pk, state=State.NEW).update(state=State.DONE, done_at=moment)
    if not claimed:
        return
    row = AlertWebhook.objects.get(pk=pk)
    news = split_heartbeats(parse_body(row.body, now=row.received_at), source=row.source, now=moment)
    if news is None:
        AlertWebhook.objects.filter(pk=pk).update(outcome="heartbeat")
        _count("heartbeat")
        return
    # By when it came: what waited here for long is no older and no newer for that.
    outcome = take_news(news, now=row.received_at, source=row.source)
    show_outcome(outcome, reason=news.reason, now=moment)
    told = f"{outcome.kind} {outcome.group.pk}" if outcome.group else outcome.kind
    AlertWebhook.objects.filter(pk=pk).update(outcome=told)
    _count(outcome.kind)


def _count(outcome: str) -> None:
    """Count a delivery once its transaction is committed."""
    transaction.on_commit(lambda: ALERTS.labels(outcome).inc(), robust=True)


def _give_up(pk: int, why: str) -> None:
    """Put away what no repetition makes better."""
    rows = AlertWebhook.objects.filter(pk=pk, state=State.NEW)
    if rows.update(state=State.BAD, outcome=why[:200], done_at=timezone.now()):
        ALERTS.labels("bad").inc()


def _fail(pk: int, why: str, *, is_away: bool, now: datetime) -> None:
    """Have a delivery wait that failed, and count it, unless the database is away, which is believed for a while."""
    row = AlertWebhook.objects.filter(pk=pk, state=State.NEW).first()
    if row is None:
        return
    since = row.failing_since or now
    attempts = row.attempts + (0 if is_away and now - since < AWAY_FOR else 1)
    wait = min(WAIT * 2 ** min(attempts, 10), LONGEST_WAIT)
    rows = AlertWebhook.objects.filter(pk=pk, state=State.NEW)
    rows.update(outcome=why[:200], attempts=attempts, failing_since=since, next_at=now + wait)
    if attempts >= MAX_ATTEMPTS:
        _give_up(pk, why)


def replay_webhook(pk: int) -> bool:
    """Have a delivery that was given up worked on again; False when it was not."""
    with transaction.atomic():
        rows = AlertWebhook.objects.filter(pk=pk, state=State.BAD)
        changed = rows.update(state=State.NEW, attempts=0, outcome="", done_at=None, failing_since=None, next_at=None)
        nudge_on_commit(NUDGE)
    return bool(changed)
