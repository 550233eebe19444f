"""Schedules for tests of what they say: owners with real tokens, due times, and jobs that run beside the test."""

from __future__ import annotations

import asyncio
from typing import Any

from django.utils import timezone

from clawsite.core.db import run_db
from clawsite.gateway.auth import Grant
from clawsite.gateway.principal import Principal, Scope, expand
from clawsite.gateway.tokens import create_token
from clawsite.models import GatewayToken
from runbooks.models import Job, Schedule
from runbooks.schedules import tick
from sessions_app.models import Channel, Contact
from tests.clawsite.gateway.talk import Talk, Talker
from tests.runbooks.running import perform_beside

EVERY = {"kind": "every", "everyMs": 3_600_000}
MORNING = {"kind": "agentTurn", "message": "What is new?"}


async def holder(name: str, *scopes: Scope, user_id: int | None = None) -> Principal:
    """Return the bearer of a token that is a row."""
    return await run_db(_holder, name, scopes, user_id)


def _holder(name: str, scopes: tuple[Scope, ...], user_id: int | None) -> Principal:
    token, _ = create_token(name, scopes=[str(scope) for scope in scopes], actor="test", user_id=user_id)
    owner = f"user:{user_id}" if user_id else token.subject
    grant = Grant(subject=token.subject, owner=owner, name=name, scopes=expand(token.scopes), user_id=user_id)
    return grant.ask(None)[0]


def token_of(who: Principal) -> GatewayToken:
    """Return somebody's token."""
    return GatewayToken.objects.get(pk=int(who.subject.partition(":")[2]))


async def add(line: Talker, **given: Any) -> dict[str, Any]:
    """Add a schedule."""
    job: dict[str, Any] = await line.call("cron.add", **{"name": "s", "schedule": EVERY, "payload": MORNING} | given)
    return job


async def make_due(job: dict[str, Any]) -> Job:
    """Let the clock reach a schedule's next due time and return the job that it started."""
    await run_db(Schedule.objects.filter(pk=int(job["id"])).update, next_due=timezone.now())
    assert await run_db(tick) == 1
    return await run_db(lambda: Job.objects.filter(schedule_runs__schedule=int(job["id"])).latest("pk"))


async def work(job: Job) -> Job:
    """Run a queued job once, whenever it wanted to be looked at again, and return it as it is then."""
    await run_db(Job.objects.filter(pk=job.pk, state="queued").update, not_before=timezone.now())
    assert await asyncio.to_thread(perform_beside, job.pk)
    return await run_db(Job.objects.get, pk=job.pk)


async def finish(talk: Talk, job: Job) -> Job:
    """Run a job, let the bots answer, and run it again. In turns: a job is a process, and here all are one."""
    job = await work(job)
    if not job.is_over:
        async with talk.running():
            await talk.quiet()
        job = await work(job)
    assert job.is_over
    return job


def result_of(job: Job) -> dict[str, Any]:
    """Return what a job that succeeded came to."""
    assert (job.state, job.error) == ("succeeded", "")
    return dict(job.result or {})


async def again(job: Job, **changes: Any) -> Job:
    """Queue a job again as a crash leaves it that nothing was written down of."""
    changes = {"state": "queued", "ended_at": None, "attempts": 1} | changes
    await run_db(Job.objects.filter(pk=job.pk).update, **changes)
    return await run_db(Job.objects.get, pk=job.pk)


def add_chat() -> None:
    """Let somebody in on another channel: chat 99."""
    channel = Channel.objects.create(kind="webchat", name="support")
    Contact.objects.create(channel=channel, external_id="99", state="approved", role="viewer")
