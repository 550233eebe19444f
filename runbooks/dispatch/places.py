"""Where waiting jobs go when their gateway cannot take them: to the next that fits, or they wait and say why.

A job is moved only while it is sure that no gateway has it.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime

import msgspec
from django.db import transaction
from django.utils import timezone

from clawsite.core.leases import Held, check_lease
from runbooks.dispatch.records import NOTED, OPEN, add, finish, note_answer
from runbooks.models import GatewayTarget, Job
from runbooks.models.job import JobQuerySet
from runbooks.targets.choosing import Selection, best, count_load

BATCH = 50
# Of how many jobs that wait for one gateway it is looked whether another fits.
MOST_LOOKED = 1000


def move_on(held: Held, job_id: int, *, why: str, is_final: bool = False) -> bool:
    """Give a job that no gateway has to the next one that is up and fits; False when there is none.

    is_final: its gateway will never take it, so that it is not asked again.
    """
    with transaction.atomic():
        check_lease(held)
        waiting = Job.objects.select_for_update().filter(state=Job.State.QUEUED, remote_open=False)
        job = waiting.filter(pk=job_id).exclude(selection={}).first()
        if job is None:
            return False
        before, field = job.saved, "refused" if is_final else "tried"
        job.saved = before | {field: [*before.get(field, []), job.target]}
        found = _next(job)
        if found is None:
            job.saved.pop("tried", None)  # all were tried: from the beginning, later
        if job.saved != before:
            Job.objects.filter(pk=job.pk).update(target=found or job.target, saved=job.saved)
        if found is None:
            return False
        add(job.pk, "moved", {"from": job.target, "to": found, "text": why})
    return True


def _next(job: Job) -> str | None:
    without = {job.target, *job.saved.get("refused", []), *job.saved.get("tried", [])}
    return best(_up(), msgspec.convert(job.selection, Selection), load=count_load(), without=without)


def _up() -> list[GatewayTarget]:
    return list(GatewayTarget.objects.filter(enabled=True, away_since=None))


def _wish(job: Job) -> str:
    """Return what two jobs of one gateway have in common that fit the same others."""
    return json.dumps([job.selection, sorted(job.saved.get("refused", []))], sort_keys=True)


def relieve(held: Held, name: str, rows: Collection[GatewayTarget]) -> int:
    """Move jobs that wait for a full gateway to others with room; return how many."""
    load = count_load()
    roomy = [row for row in rows if row.enabled and row.away_since is None and load.get(row.name, 0) < row.capacity]
    if not any(row.name != name for row in roomy):
        return 0
    hopeless: set[str] = set()
    moved = 0
    for job in _waiting(name)[:MOST_LOOKED]:
        if moved == BATCH:
            break
        wish = _wish(job)
        if wish in hopeless:
            continue
        selection = msgspec.convert(job.selection, Selection)
        found = best(roomy, selection, load=load, without={name, *job.saved.get("refused", [])})
        if found is None or load.get(found, 0) >= next(row.capacity for row in roomy if row.name == found):
            hopeless.add(wish)
            continue
        moved += _give(held, job, found, f"{name} is full.")
        load[found] = load.get(found, 0) + 1
    return moved


def _waiting(name: str) -> JobQuerySet:
    """Return the jobs that wait for a gateway and may be given to another, the oldest first."""
    waiting = Job.objects.filter(target=name, state=Job.State.QUEUED, remote_open=False).exclude(selection={})
    return waiting.only("target", "selection", "saved").order_by("id")


def _give(held: Held, job: Job, found: str, why: str) -> int:
    with transaction.atomic():
        check_lease(held)
        same = Job.objects.filter(pk=job.pk, state=Job.State.QUEUED, remote_open=False, target=job.target)
        moved = same.update(target=found)
        if moved:
            add(job.pk, "moved", {"from": job.target, "to": found, "text": why})
    return moved


def leave(held: Held, name: str, *, why: str) -> int:
    """Move the jobs that wait for a gateway which is away or off, as far as others fit; return how many."""
    rows, fits = _up(), dict[str, bool]()
    asked: list[int] = []
    for job in _waiting(name)[:MOST_LOOKED]:
        wish = _wish(job)
        if wish not in fits:
            without = {name, *job.saved.get("refused", [])}
            fits[wish] = best(rows, msgspec.convert(job.selection, Selection), load={}, without=without) is not None
        if fits[wish] or "tried" in job.saved:
            asked.append(job.pk)
    return sum(move_on(held, job_id, why=why) for job_id in asked[:BATCH])


def abandon(held: Held, name: str) -> int:
    """End the open jobs of a gateway that was removed, but for those that another can take; return how many."""
    count = 0
    for job in Job.objects.filter(target=name, state__in=OPEN)[:BATCH]:
        if not job.remote_open and move_on(held, job.pk, why=f"{name} was removed.", is_final=True):
            continue
        rest = " What became of it there is not known." if job.remote_open else ""
        finish(held, job.pk, to=Job.State.FAILED, error=f"The gateway {name} was removed.{rest}")
        count += 1
    Job.objects.filter(target=name, remote_open=True).exclude(state__in=OPEN).update(remote_open=False)
    return count


def note_waiting(held: Held, name: str, text: str, *, is_sent: bool) -> int:
    """Tell the open jobs that a gateway has, or that wait for it, why nothing happens; return how many were told.

    Each is told once until `note_back`.
    """
    silent = Job.objects.filter(target=name, state__in=OPEN, remote_open=is_sent).exclude(saved__has_key=NOTED)
    if not silent.exists():
        return 0
    count = 0
    with transaction.atomic():
        check_lease(held)  # before they are read: who had it until now may have written what they have saved
        for job in silent.order_by("id")[:BATCH]:
            Job.objects.filter(pk=job.pk).update(saved=job.saved | {NOTED: timezone.now().isoformat()})
            add(job.pk, "note", {"text": text})
            count += 1
    return count


def note_back(held: Held, name: str, *, is_sent: bool) -> int:
    """Tell those who were told that the waiting is over; return how many."""
    told = Job.objects.filter(target=name, state__in=OPEN, remote_open=is_sent, saved__has_key=NOTED)
    if not told.exists():
        return 0
    count = 0
    with transaction.atomic():
        check_lease(held)
        for job in told.order_by("id")[:BATCH]:
            note_answer(job)
            count += 1
    return count


def note_seen(held: Held, row_id: int) -> None:
    """Note that a gateway answered."""
    with transaction.atomic():
        check_lease(held)
        GatewayTarget.objects.filter(pk=row_id).update(last_seen_at=timezone.now(), away_since=None, last_error="")


def note_missed(held: Held, row_id: int, error: str) -> datetime:
    """Note that a gateway does not answer; return since when."""
    now = timezone.now()
    with transaction.atomic():
        check_lease(held)
        GatewayTarget.objects.filter(pk=row_id).update(last_error=error[:300])
        GatewayTarget.objects.filter(pk=row_id, away_since=None).update(away_since=now)
    return GatewayTarget.objects.filter(pk=row_id).values_list("away_since", flat=True).first() or now
