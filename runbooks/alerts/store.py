"""Deliveries as rows: stored by the web role before it answers, taken up by any worker, once each.

Each is claimed and worked on in one transaction, so what a dying worker had begun is simply new again.
"""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import F
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


def store_webhook(body: str, *, source: str = "", origin: str = "") -> int:
    """Store one delivery as it came; return its id."""
    with transaction.atomic():
        row = AlertWebhook.objects.create(body=body, source=source[:64], origin=origin[:64])
        nudge_on_commit(NUDGE)
    return row.pk


def process_new(*, now: datetime | None = None) -> int:
    """Work on the oldest new deliveries; return how many there were, so that the caller knows when to come back."""
    pks = list(AlertWebhook.objects.filter(state=State.NEW).order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
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
        _fail(pk, f"error {log_unknown(error, where='an alert')}", is_ours=not isinstance(error, _AWAY))


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


def _fail(pk: int, why: str, *, is_ours: bool) -> None:
    """Count an attempt. A database that is away is nobody's fault and is not counted."""
    rows = AlertWebhook.objects.filter(pk=pk, state=State.NEW)
    rows.update(outcome=why[:200], attempts=F("attempts") + (1 if is_ours else 0))
    if rows.filter(attempts__gte=MAX_ATTEMPTS).exists():
        _give_up(pk, why)


def replay_webhook(pk: int) -> bool:
    """Have a delivery that was given up worked on again; False when it was not."""
    with transaction.atomic():
        rows = AlertWebhook.objects.filter(pk=pk, state=State.BAD)
        changed = rows.update(state=State.NEW, attempts=0, outcome="", done_at=None)
        nudge_on_commit(NUDGE)
    return bool(changed)
