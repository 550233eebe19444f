"""feedback.*: what people thought of jobs. A caller sees opinions on its owner's jobs; an admin's token all of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from django.utils import timezone
from msgspec import Meta

from clawsite.core.db import run_db, run_tx
from clawsite.gateway.principal import Principal, Scope
from clawsite.gateway.registry import Call, Params, method
from runbooks import jobs
from runbooks.feedback import give_feedback, list_feedback
from runbooks.models import Feedback

ORIGIN = "gateway"
MAX_LIMIT, MAX_DAYS = 500, 3650


class ListParams(Params):
    """Of how many days, on which kind of job ("" is any), and how many at most."""

    days: Annotated[int, Meta(ge=1, le=MAX_DAYS)] = 30
    kind: Annotated[str, Meta(max_length=64, pattern=r"^[\w.-]*$")] = ""
    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT)] = 100


class Give(Params):
    """A job, whether what it did was good, and why."""

    id: Annotated[str, Meta(min_length=1, max_length=64)]
    good: bool
    reason: Annotated[str, Meta(max_length=1000)] = ""


@method("feedback.list", scope=Scope.READ, params=ListParams, summary="What people thought of jobs, newest first.")
async def list_(call: Call, params: ListParams) -> dict[str, Any]:
    """Return the opinions and how many of them are good and bad."""
    return await run_db(_list, call.principal, params)


def _list(principal: Principal, params: ListParams) -> dict[str, Any]:
    since = timezone.now() - timedelta(days=params.days)
    owner = None if principal.sees_all else principal.owner
    rows = [_row(each) for each in list_feedback(since=since, owner=owner, kind=params.kind, limit=params.limit)]
    good = sum(row["good"] for row in rows)
    return {"feedback": rows, "good": good, "bad": len(rows) - good}


@method("feedback.give", scope=Scope.WRITE, params=Give, summary="Says what the caller thinks of a job.")
async def give(call: Call, params: Give) -> dict[str, Any]:
    """Return the opinion as it is kept; a later one takes the place of an earlier one."""
    return {"feedback": await run_tx(_give, call.principal, params)}


def _give(principal: Principal, params: Give) -> dict[str, Any]:
    job = jobs.access_job(params.id, owner=None if principal.sees_all else principal.owner)
    return _row(give_feedback(job, actor=principal.actor, good=params.good, reason=params.reason, origin=ORIGIN))


def _row(row: Feedback) -> dict[str, Any]:
    return {
        "jobId": row.job.key,
        "kind": row.job.kind,
        "by": row.subject,
        "name": row.name,
        "good": row.good,
        "reason": row.reason,
        "atMs": int(row.at.timestamp() * 1000),
    }
