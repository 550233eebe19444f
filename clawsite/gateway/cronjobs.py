"""A schedule as the wire's cron job, and back. What we do not have is refused, so that nobody waits for it.

The wire's payload becomes a kind of job: `systemEvent` and `agentTurn` are the kinds of `clawsite.gateway.scheduled`,
with the parameters {payload, sessionTarget, sessionKey, delivery}; our own payload {kind: "job", job, params} is any
kind there is. There are no heartbeats here, so both values of wakeMode mean when it is due.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from clawsite.core.errors import BadInput
from clawsite.gateway.cronpayloads import JOB_PAYLOAD, check_supported, job_of, mapping_of, target_of
from runbooks.jobs import find_kind
from runbooks.models import Job, Schedule, ScheduleRun

# What is kept as it was given and given back.
KEPT = ("payload", "sessionTarget", "sessionKey", "wakeMode", "delivery", "deleteAfterRun")
TEXTS = {"name": 120, "description": 500}
STATUS = {
    Job.State.SUCCEEDED: "ok",
    Job.State.FAILED: "error",
    Job.State.TIMED_OUT: "error",
    Job.State.CANCELLED: "skipped",
}
MAX_MS = 4_102_444_800_000  # the year 2100


def apply(row: Schedule, given: Mapping[str, Any]) -> Schedule:
    """Put the wire's fields into a row; what is not given stays. BadInput names what is not supported."""
    for name, limit in TEXTS.items():
        if name in given:
            setattr(row, name, _text(given[name] or "", name, limit).strip())
    if "enabled" in given:
        if not isinstance(given["enabled"], bool):
            raise BadInput("enabled must be true or false")
        row.enabled = given["enabled"]
    if "schedule" in given:
        _apply_schedule(row, mapping_of(given["schedule"], "schedule"))
    check_supported(given)
    has_payload = "payload" in given or _has_payload(row)
    row.source = {**row.source, **{name: given[name] for name in KEPT if name in given}}
    if has_payload:
        row.kind, row.params = job_of(row.source)
    else:
        row.source.pop("payload", None)
    return row


def _text(value: Any, name: str, limit: int) -> str:
    if not isinstance(value, str) or len(value) > limit:
        raise BadInput(f"{name} must be a text of at most {limit} characters")
    return value


def _apply_schedule(row: Schedule, given: Mapping[str, Any]) -> None:
    kind = given.get("kind")
    if kind == "cron":
        row.when, row.cron = Schedule.When.CRON, _text(given.get("expr", ""), "schedule.expr", 120)
        row.time_zone, row.at, row.every_seconds = _text(given.get("tz") or "", "schedule.tz", 64), None, None
    elif kind == "every":
        row.when, row.every_seconds = Schedule.When.EVERY, -(-_number(given.get("everyMs"), "everyMs") // 1000)
        row.at = _moment(given["anchorMs"], "anchorMs") if given.get("anchorMs") is not None else None
    elif kind == "at":
        row.when, row.at = Schedule.When.AT, _moment(given.get("at", given.get("atMs")), "at")
    else:
        raise BadInput(f"schedules of kind {str(kind)[:32]!r} are not supported here; use at, every or cron")


def _number(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_MS:
        raise BadInput(f"schedule.{name} must be a number of milliseconds")
    return int(value)


def _moment(value: Any, name: str) -> datetime:
    """Return a moment given in milliseconds or as an ISO date; one without a zone is UTC."""
    if not isinstance(value, str):
        return datetime.fromtimestamp(_number(value, name) / 1000, UTC)
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise BadInput(f"schedule.{name} must be a moment such as 2026-12-24T18:00:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _has_payload(row: Schedule) -> bool:
    """Tell whether the payload a program gave is still what is done; a person may have changed that since."""
    if not row.source.get("payload"):
        return False
    try:
        name, params = job_of(row.source)
        kind = find_kind(name)
        return kind is not None and name == row.kind and kind.parse(params) == row.params
    except BadInput:
        return False


def describe(row: Schedule, last: ScheduleRun | None) -> dict[str, Any]:
    """Return the wire's cron job. `last` is the newest run, with its job."""
    due = ms(row.next_due)
    wire: dict[str, Any] = {
        "id": str(row.pk),
        "name": row.name,
        "description": row.description or None,
        "enabled": row.enabled,
        "createdAtMs": ms(row.created_at),
        "updatedAtMs": ms(row.updated_at),
        "schedule": _schedule_of(row),
        "sessionTarget": target_of(row.source),
        "wakeMode": "now",
        "delivery": {"mode": "none"},
        **{name: row.source[name] for name in KEPT if row.source.get(name) is not None and name != "payload"},
        "payload": _payload_of(row),
        "state": _state_of(row, last),
        "nextRunAtMs": due,
        "effectiveAgentId": "main",
        "configRevision": revision(row),
    }
    return {name: value for name, value in wire.items() if value is not None}


def _payload_of(row: Schedule) -> Any:
    return row.source["payload"] if _has_payload(row) else {"kind": JOB_PAYLOAD, "job": row.kind, "params": row.params}


def revision(row: Schedule) -> str:
    """Return what changes whenever somebody changes the row."""
    parts = [row.name, row.description, row.enabled, _schedule_of(row), row.kind, row.params, row.source]
    return "sha256:" + hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:43]


def _schedule_of(row: Schedule) -> dict[str, Any]:
    if row.when == Schedule.When.CRON:
        return {"kind": "cron", "expr": row.cron} | ({"tz": row.time_zone} if row.time_zone else {})
    if row.when == Schedule.When.EVERY:
        return {"kind": "every", "everyMs": (row.every_seconds or 0) * 1000, "anchorMs": ms(row.at or row.created_at)}
    return {"kind": "at", "at": row.at.astimezone(UTC).isoformat() if row.at else None, "atMs": ms(row.at)}


def _state_of(row: Schedule, last: ScheduleRun | None) -> dict[str, Any]:
    state: dict[str, Any] = {"nextRunAtMs": ms(row.next_due), "lastError": row.error or None}
    if last is not None:
        told = describe_run(last)
        state |= {
            "lastRunAtMs": ms(last.at),
            "lastRunStatus": told.get("status"),
            "lastError": told.get("error") or state["lastError"],
            "lastDurationMs": told.get("durationMs"),
            "runningAtMs": ms(last.at) if last.job is not None and not last.job.is_over else None,
        }
    return {name: value for name, value in state.items() if value is not None}


def describe_run(run: ScheduleRun) -> dict[str, Any]:
    """Return the wire's entry of a run; one that still runs has no status."""
    job = run.job
    entry: dict[str, Any] = {
        "ts": ms(job.ended_at if job is not None and job.ended_at else run.at),
        "jobId": str(run.schedule_id),
        "action": "finished" if job is None or job.is_over else "started",
        "runAtMs": ms(run.at),
        "runId": job.key if job is not None else None,
        "status": "ok" if job is None else STATUS.get(Job.State(job.state)),
        "error": (run.error or (job.error if job is not None else "")) or None,
        "durationMs": _duration(job),
    }
    if run.outcome != ScheduleRun.Outcome.STARTED:
        entry["status"] = "skipped" if run.outcome == ScheduleRun.Outcome.SKIPPED else "error"
    return {name: value for name, value in entry.items() if value is not None}


def _duration(job: Job | None) -> int | None:
    if job is None or job.started_at is None or job.ended_at is None:
        return None
    return round((job.ended_at - job.started_at).total_seconds() * 1000)


def ms(moment: datetime | None) -> int | None:
    """Return a moment as the wire has it."""
    return None if moment is None else int(moment.timestamp() * 1000)
