"""cron.*: schedules in the words of the protocol. A caller sees its owner's own; an admin's token sees all."""

from __future__ import annotations

from typing import Annotated, Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone
from msgspec import Meta

from clawsite.core.db import run_db, run_tx
from clawsite.core.errors import BadInput, NotAllowed
from clawsite.gateway.cronjobs import apply, describe, describe_run, ms, revision
from clawsite.gateway.cronpayloads import WIRE_KINDS, WORDS
from clawsite.gateway.hub import hub
from clawsite.gateway.principal import Principal, Scope
from clawsite.gateway.registry import Call, Params, method
from runbooks.jobs.actions import SYSTEM
from runbooks.models import Schedule, ScheduleRun
from runbooks.schedules import delete_schedule, run_due, run_now, save_schedule

ORIGIN = "gateway"
MAX_OFFSET = 10_000
# Kinds of job that clawsite schedules by itself, and that the protocol has no words for.
BUILT_IN = ("backup",)

Limit = Annotated[int, Meta(ge=1, le=200)]
Offset = Annotated[int, Meta(ge=0, le=MAX_OFFSET)]
Number = Annotated[str, Meta(max_length=18, pattern="^[0-9]*$")]


class Loose(Params, forbid_unknown_fields=False):
    """Parameters of a method that other programs know with more fields than we use."""


class List(Loose):
    """Which schedules."""

    include_disabled: bool = False
    limit: Limit = 50
    offset: Offset = 0
    query: Annotated[str, Meta(max_length=200, pattern=r"^[^\x00]*$")] = ""


class Add(Loose):
    """A new schedule, as the protocol has cron jobs."""

    name: Annotated[str, Meta(min_length=1, max_length=120)]
    schedule: dict[str, Any]
    payload: dict[str, Any]
    description: Annotated[str, Meta(max_length=500)] = ""
    enabled: bool = True
    session_target: Annotated[str, Meta(max_length=512)] | None = None
    session_key: Annotated[str, Meta(max_length=512)] | None = None
    wake_mode: Annotated[str, Meta(max_length=32)] = "now"
    delivery: dict[str, Any] | None = None
    delete_after_run: bool | None = None
    agent_id: Annotated[str, Meta(max_length=120)] | None = None
    failure_alert: dict[str, Any] | bool | None = None
    trigger: dict[str, Any] | None = None
    pacing: dict[str, Any] | None = None


class One(Loose):
    """A schedule; `jobId` is an older name of `id`."""

    id: Number = ""
    job_id: Number = ""

    @property
    def key(self) -> int:
        """The schedule's number."""
        found = self.id or self.job_id
        if not found.isdecimal():
            raise BadInput("id is missing")
        return int(found)


class Update(One):
    """A schedule and what is to change."""

    patch: dict[str, Any] = {}
    expected_config_revision: Annotated[str, Meta(max_length=64)] = ""


class Run(One):
    """A schedule, and whether it runs in any case, only when due, or only when enabled."""

    mode: Annotated[str, Meta(pattern="^(due|force|if-enabled)$")] = "force"


class Runs(One):
    """A schedule, or none for all."""

    limit: Limit = 50
    offset: Offset = 0


@method("cron.list", scope=Scope.READ, params=List, summary="Lists schedules by name.")
async def list_(call: Call, params: List) -> dict[str, Any]:
    """Return a page of schedules with their last runs."""
    return await run_db(_list, call.principal, params)


@method(
    "cron.status", scope=Scope.READ, params=Loose, summary="Tells how many schedules there are and when one is due."
)
async def status(call: Call, params: Loose) -> dict[str, Any]:
    """Return that the clock runs."""
    return await run_db(_status, call.principal)


@method("cron.add", scope=Scope.ADMIN, params=Add, summary="Adds a schedule.")
async def add(call: Call, params: Add) -> dict[str, Any]:
    """Return the new schedule."""
    return _tell(await run_tx(_add, call.principal, params), "added")


@method("cron.update", scope=Scope.ADMIN, params=Update, summary="Changes a schedule.")
async def update(call: Call, params: Update) -> dict[str, Any]:
    """Return the changed schedule."""
    return _tell(await run_tx(_update, call.principal, params), "updated")


@method("cron.remove", scope=Scope.ADMIN, params=One, summary="Removes a schedule; the jobs it started stay.")
async def remove(call: Call, params: One) -> dict[str, Any]:
    """Return whether there was one."""
    removed = await run_tx(_remove, call.principal, params.key)
    if removed:
        _tell({"id": str(params.key)}, "removed")
    return {"ok": True, "removed": removed}


@method("cron.run", scope=Scope.ADMIN, params=Run, summary="Starts a schedule's job now.")
async def run(call: Call, params: Run) -> dict[str, Any]:
    """Return the id of the run, which is a job of jobs.*, or why there is none."""
    return await run_tx(_run, call.principal, params)


@method("cron.runs", scope=Scope.READ, params=Runs, summary="Lists what became of due times, newest first.")
async def runs(call: Call, params: Runs) -> dict[str, Any]:
    """Return a page of runs."""
    return await run_db(_runs, call.principal, params)


def _visible(principal: Principal) -> QuerySet[Schedule]:
    """Return the schedules of people and programs; those that clawsite makes itself are no cron jobs of anybody."""
    rows = Schedule.objects.exclude(kind__in=BUILT_IN, owner=SYSTEM.subject).order_by("name")
    return rows if principal.sees_all else rows.filter(owner=principal.owner)


def _access(principal: Principal, key: int) -> Schedule:
    row = _visible(principal).filter(pk=key).first()
    if row is None:
        raise NotAllowed(f"unknown cron job id: {key}")
    return row


def _with_last(rows: QuerySet[Schedule]) -> list[dict[str, Any]]:
    """Return schedules with their newest run each, in two queries."""
    newest = ScheduleRun.objects.filter(schedule=OuterRef("pk")).order_by("-id").values("pk")[:1]
    found = list(rows.annotate(last_run=Subquery(newest)))
    ids = [row.last_run for row in found if row.last_run is not None]
    last = {run.schedule_id: run for run in _with_jobs().filter(pk__in=ids)}
    return [describe(row, last.get(row.pk)) for row in found]


def _with_jobs() -> QuerySet[ScheduleRun]:
    """Return runs with their jobs, whose large columns stay in the database."""
    return ScheduleRun.objects.select_related("job").defer("job__params", "job__result", "job__saved")


def _list(principal: Principal, params: List) -> dict[str, Any]:
    rows = _visible(principal)
    if not params.include_disabled:
        rows = rows.filter(enabled=True)
    if params.query:
        rows = rows.filter(name__icontains=params.query)
    total, end = rows.count(), params.offset + params.limit
    return {
        "jobs": _with_last(rows[params.offset : end]),
        "total": total,
        "offset": params.offset,
        "limit": params.limit,
        "hasMore": end < total,
        "nextOffset": end if end < total else None,
    }


def _status(principal: Principal) -> dict[str, Any]:
    rows = _visible(principal).filter(enabled=True)
    first = rows.filter(next_due__isnull=False).order_by("next_due").first()
    due = ms(first.next_due) if first is not None else None
    return {"enabled": True, "storePath": "database", "jobs": rows.count(), "nextWakeAtMs": due}


def _add(principal: Principal, params: Add) -> dict[str, Any]:
    given = {
        "name": params.name,
        "description": params.description,
        "enabled": params.enabled,
        "schedule": params.schedule,
        "payload": params.payload,
        "sessionTarget": params.session_target,
        "sessionKey": params.session_key,
        "wakeMode": params.wake_mode,
        "delivery": params.delivery,
        "deleteAfterRun": params.delete_after_run,
        "agentId": params.agent_id,
        "failureAlert": params.failure_alert,
        "trigger": params.trigger,
        "pacing": params.pacing,
    }
    row = apply(Schedule(owner=principal.owner), {name: value for name, value in given.items() if value is not None})
    return describe(save_schedule(row, actor=principal.actor, origin=ORIGIN), None)


def _update(principal: Principal, params: Update) -> dict[str, Any]:
    row = _access(principal, params.key)
    if params.expected_config_revision and params.expected_config_revision != revision(row):
        raise BadInput("the schedule was changed since it was read; read it again and retry")
    kinds = {row.kind, apply(row, params.patch).kind}
    if row.owner != principal.owner and WORDS & params.patch.keys() and kinds & {*WIRE_KINDS.values()}:
        raise NotAllowed("Only its owner changes what is said in their name. Add a schedule of your own instead.")
    save_schedule(row, actor=principal.actor, origin=ORIGIN)
    return _with_last(_visible(principal).filter(pk=row.pk))[0]


def _remove(principal: Principal, key: int) -> bool:
    row = _visible(principal).filter(pk=key).first()
    if row is not None:
        delete_schedule(row, actor=principal.actor, origin=ORIGIN)
    return row is not None


def _run(principal: Principal, params: Run) -> dict[str, Any]:
    row = _access(principal, params.key)
    if params.mode == "due":  # before the clock does it, and not beside it
        run = run_due(row.pk, now=timezone.now())
        job, reason = run.job if run is not None else None, "not-due"
    elif params.mode == "if-enabled" and not row.enabled:
        job, reason = None, "disabled"
    else:
        job, reason = run_now(row, actor=principal.actor, origin=ORIGIN), ""
    if job is None:
        return {"ok": True, "ran": False, "enqueued": False, "reason": reason}
    return {"ok": True, "ran": True, "enqueued": True, "runId": job.key}


def _runs(principal: Principal, params: Runs) -> dict[str, Any]:
    rows = _with_jobs().order_by("-id")
    if params.id or params.job_id:
        rows = rows.filter(schedule=_access(principal, params.key))
    elif not principal.sees_all:
        rows = rows.filter(schedule__owner=principal.owner)
    found = list(rows[params.offset : params.offset + params.limit + 1])
    more = len(found) > params.limit
    return {
        "entries": [describe_run(each) for each in found[: params.limit]],
        "offset": params.offset,
        "limit": params.limit,
        "hasMore": more,
        "nextOffset": params.offset + params.limit if more else None,
    }


def _tell(job: dict[str, Any], action: str) -> dict[str, Any]:
    """Tell those who see everybody's schedules of a change, and return the schedule."""
    payload = {"jobId": job["id"], "action": action} | (
        {"nextRunAtMs": job["nextRunAtMs"]} if "nextRunAtMs" in job else {}
    )
    hub.broadcast("cron", payload, scope=Scope.READ, to=lambda each: each.principal.sees_all, droppable=True)
    return job
