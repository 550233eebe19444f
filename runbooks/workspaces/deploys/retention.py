"""What of deploys is old enough to go: their rows. Releases on the disk go by `releases.prune`.

A deploy outlives its job, on which its run, the approvals and what people thought of it hang.

Invariant: of what was live in an environment, only the oldest goes. So the newest deploy of a commit, by which gates
and rollbacks judge it, is still the newest, or there is none.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Least
from django.utils import timezone

from runbooks.models import Deploy, Environment, Job
from runbooks.workspaces.deploys.queueing import OPEN
from runbooks.workspaces.deploys.releases import KEPT, LOOKED_AT

DEPLOY_DAYS = 365
BATCH = 100
# The next round goes on.
SECONDS = 10.0

_State = Deploy.State
_NEVER_LIVE = (_State.ROLLED_BACK, _State.FAILED, _State.CANCELLED)
_ONCE_LIVE = (_State.REPLACED, _State.WITHDRAWN)
# What /rollback leads to, once for each release that is kept on the disk.
_WAY_BACK = ["__".join(["previous"] * steps) + "_id" for steps in range(1, KEPT + 1)]


def clean_deploys(*, days: int = DEPLOY_DAYS, seconds: float = SECONDS) -> int:
    """Delete deploys that ended so long ago and that nothing leads to any more; return how many."""
    end = time.monotonic() + seconds
    old = timezone.now() - timedelta(days=days)
    count = 0
    while time.monotonic() < end and (found := dict(_gone(old).values_list("pk", "environment_id")[:BATCH])):
        count += _delete(found, old)
    return count


@transaction.atomic
def _delete(found: Mapping[int, int], old: datetime) -> int:
    """Delete those of them (by the environment of each) that may go still, while nobody asks for a way back to one."""
    places = Environment.objects.select_for_update().filter(pk__in=set(found.values())).order_by("pk")
    list(places.values_list("pk", flat=True))
    return _gone(old).filter(pk__in=list(found)).delete()[0]


def _gone(old: datetime) -> QuerySet[Deploy]:
    """Return what may go. What never was live leads nowhere; the rest goes below what a way back may lead over."""
    same = Deploy.objects.filter(environment=OuterRef("environment"))
    newest = same.filter(state__in=[_State.LIVE, *_ONCE_LIVE]).order_by("-pk").values("pk")
    lowest = Least(F("pk"), *[Coalesce(F(each), F("pk")) for each in _WAY_BACK])
    there = same.filter(Q(state=_State.LIVE) | Q(job__isnull=False), state__in=[_State.LIVE, *OPEN])
    needed = Exists(there.alias(lowest=lowest).filter(lowest__lte=OuterRef("pk")))
    below = Q(~needed, pk__lt=Subquery(newest[LOOKED_AT - 1 : LOOKED_AT]))
    # Not `job=None`: SQLite would go through all that have none, whatever their age.
    ended = Deploy.objects.filter(~Exists(Job.objects.filter(pk=OuterRef("job"))), finished_at__lt=old)
    return ended.filter(Q(state__in=_NEVER_LIVE) | Q(below, state__in=_ONCE_LIVE)).order_by("finished_at")
