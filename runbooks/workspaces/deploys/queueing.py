"""One deploy at a time works on an environment; the others wait in the order in which they came. Only our own way back
from a deploy that ended half done comes before them all: until then nobody knows what is there.

A deploy changes no files of the project, so it waits for no other work there, and none waits while it is approved.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Case, Q, QuerySet, Value, When
from django.utils import timezone

from runbooks.jobs import Park
from runbooks.jobs.actions import SYSTEM, hasten_job
from runbooks.models import Deploy, Environment
from runbooks.models.job import ENDS

# Who waits is woken by who ends; should that get lost, it looks by itself.
LOOK_SECONDS = 60.0
OPEN = (Deploy.State.WAITING, Deploy.State.RUNNING)
# Whose turn it is: the lowest of these, and of the same the earliest.
AT_WORK, OURS, OTHERS = range(3)
_TURN = Case(
    When(state=Deploy.State.RUNNING, then=Value(AT_WORK)),
    When(requested_by=SYSTEM.subject, then=Value(OURS)),
    default=Value(OTHERS),
)


def wait_for_place(deploy: Deploy) -> Park | None:
    """Return None when it is this deploy's turn, else the pause to return from its job. Safe to call again."""
    if _is_first(deploy):
        return None
    until = timezone.now() + timedelta(seconds=LOOK_SECONDS)
    return Park(until=until, then=lambda: _look_again(deploy))


def wake_next(environment_id: int) -> None:
    """Have the deploy whose turn it is now go on, once what is being written is committed."""
    transaction.on_commit(lambda: _wake(environment_id), robust=True)


def count_before(deploy: Deploy) -> int:
    """Return how many deploys come before one that waits."""
    own = OURS if deploy.requested_by == SYSTEM.subject else OTHERS
    before = Q(turn__lt=own) | Q(turn=own, pk__lt=deploy.pk)
    return _open(deploy.environment_id).alias(turn=_TURN).filter(before).count()


def _is_first(deploy: Deploy) -> bool:
    with transaction.atomic():
        Environment.objects.select_for_update().get(pk=deploy.environment_id)
        first = _first(deploy.environment_id)
        return first is not None and first.pk == deploy.pk


def _open(environment_id: int) -> QuerySet[Deploy]:
    rows = Deploy.objects.filter(environment_id=environment_id, state__in=OPEN, job__isnull=False)
    return rows.exclude(job__state__in=list(ENDS))


def _first(environment_id: int) -> Deploy | None:
    """Return whose turn it is: who is at work, else our own way back, else who came first."""
    return _open(environment_id).order_by(_TURN, "pk").first()


def _look_again(deploy: Deploy) -> None:
    """Within the transaction that parks a job: go on at once if the turn has become its own meanwhile."""
    if _is_first(deploy) and deploy.job_id is not None:
        hasten_job(deploy.job_id)


def _wake(environment_id: int) -> None:
    first = _first(environment_id)
    if first is not None and first.job_id is not None:
        hasten_job(first.job_id)
