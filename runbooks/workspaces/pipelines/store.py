"""Deliveries of webhooks as rows: stored by the web role before it answers, taken up by any worker, once each.

Each is claimed and worked on in one transaction, so what a dying worker had begun is simply new again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from clawsite.core.errors import ClawError, log_unknown
from clawsite.core.metrics import CI_DELIVERIES
from clawsite.core.nudge import nudge_on_commit
from runbooks.models import CiDelivery, ForgeConnection, Pipeline
from runbooks.workspaces.pipelines import generic_news, github_news, gitlab_news
from runbooks.workspaces.pipelines.news import ChangeNews, DeployNews, JobNews, News, NoNews, PipelineNews
from runbooks.workspaces.pipelines.showing import show_change, show_deploy
from runbooks.workspaces.pipelines.taking import take_job, take_pipeline

State = CiDelivery.State

NUDGE = "ci"
MAX_ATTEMPTS = 5
AT_ONCE = 20
KEPT_DAYS = 14
PIPELINE_DAYS = 365
_AWAY = (OperationalError, InterfaceError)
_READERS = {"github": github_news.read, "gitlab": gitlab_news.read, "generic": generic_news.read}


def store_delivery(
    project_id: int, *, kind: str, delivery_id: str, event: str, body: str, origin: str = ""
) -> tuple[int, bool]:
    """Store one delivery as it came; return its id, and whether it is new: the same one may come again."""
    values = {"kind": kind, "event": event[:64], "body": body, "origin": origin[:64]}
    with transaction.atomic():
        row, made = CiDelivery.objects.get_or_create(project_id=project_id, delivery_id=delivery_id, defaults=values)
        nudge_on_commit(NUDGE)
    return row.pk, made


def process_new(*, now: datetime | None = None) -> int:
    """Work on the oldest new deliveries; return how many there were, so that the caller knows when to come back."""
    pks = list(CiDelivery.objects.filter(state=State.NEW).order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    for pk in pks:
        process_delivery(pk, now=now)
    return len(pks)


def process_delivery(pk: int, *, now: datetime | None = None) -> None:
    """Work on one delivery, if nobody else does. What fails is tried again, a few times."""
    try:
        try:
            _process(pk, now=now)
        except IntegrityError:
            _process(pk, now=now)  # another worker made the same row just now; it is there at the second look
    except ClawError as error:
        _give_up(pk, error.message)
    except Exception as error:
        _fail(pk, f"error {log_unknown(error, where='a delivery of CI')}", is_ours=not isinstance(error, _AWAY))


@transaction.atomic
def _process(pk: int, *, now: datetime | None) -> None:
    moment = now or timezone.now()
    if not CiDelivery.objects.filter(pk=pk, state=State.NEW).update(state=State.DONE, done_at=moment):
        return
    row = CiDelivery.objects.select_related("project").get(pk=pk)
    connection = ForgeConnection.objects.select_for_update().filter(project_id=row.project_id, enabled=True).first()
    if connection is None or connection.kind != row.kind:
        _note(pk, "the connection was removed", "ignored")
        return
    news = _READERS[row.kind](row.event, row.body.encode(), connection.repository)
    told, outcome = _take(row, news, moment)
    _note(pk, told, outcome)


def _take(row: CiDelivery, news: News, now: datetime) -> tuple[str, str]:
    """Do what news ask for; return what came of it in words, and as a metric's label."""
    match news:
        case PipelineNews():
            return f"pipeline {take_pipeline(row.project, row.kind, news.info, now=now).pk}", "pipeline"
        case JobNews():
            found = take_job(row.project, row.kind, news, now=now)
            return (f"job of pipeline {found.pk}" if found else "job of an unknown pipeline"), "job"
        case ChangeNews():
            show_change(row.project, news)
            return f"change {news.id}", "change"
        case DeployNews():
            show_deploy(row.project, news)
            return f"deploy {news.id}", "deploy"
        case NoNews():
            return news.why, "ignored"


def _note(pk: int, told: str, outcome: str) -> None:
    CiDelivery.objects.filter(pk=pk).update(outcome=told[:200])
    transaction.on_commit(lambda: CI_DELIVERIES.labels(outcome).inc(), robust=True)


def _give_up(pk: int, why: str) -> None:
    """Put away what no repetition makes better."""
    rows = CiDelivery.objects.filter(pk=pk, state=State.NEW)
    if rows.update(state=State.BAD, outcome=why[:200], done_at=timezone.now()):
        CI_DELIVERIES.labels("bad").inc()


def _fail(pk: int, why: str, *, is_ours: bool) -> None:
    """Count an attempt. A database that is away is nobody's fault and is not counted."""
    rows = CiDelivery.objects.filter(pk=pk, state=State.NEW)
    rows.update(outcome=why[:200], attempts=F("attempts") + (1 if is_ours else 0))
    if rows.filter(attempts__gte=MAX_ATTEMPTS).exists():
        _give_up(pk, why)


def replay_delivery(pk: int) -> bool:
    """Have a delivery that was given up worked on again; False when it was not."""
    with transaction.atomic():
        rows = CiDelivery.objects.filter(pk=pk, state=State.BAD)
        changed = rows.update(state=State.NEW, attempts=0, outcome="", done_at=None)
        nudge_on_commit(NUDGE)
    return bool(changed)


def old_deliveries() -> QuerySet[CiDelivery]:
    """Return the deliveries that were worked on so long ago."""
    old = timezone.now() - timedelta(days=KEPT_DAYS)
    return CiDelivery.objects.exclude(state=State.NEW).filter(received_at__lt=old)


def old_pipelines() -> QuerySet[Pipeline]:
    """Return the pipelines that nothing was heard of for so long."""
    return Pipeline.objects.filter(heard_at__lt=timezone.now() - timedelta(days=PIPELINE_DAYS))
