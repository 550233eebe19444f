"""The job `agent_code`: from its turn at the project to the end of the model's work. Runs in the job's own process.

Its parts can each be begun again: the tree starts at the last commit, the conversation at the last answer of a tool,
and what may have had an effect is asked for in the rows of tool calls before it is run once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from django.conf import settings
from django.utils import timezone

from bots.agent import budget, notices
from bots.agent.anthropic import close_provider
from bots.agent.loop import run_agent
from bots.agent.state import load_progress
from bots.agent.targets import recall_breakers, targets_for
from bots.agent.types import AgentJob, AgentLimits, AgentOutcome, ToolContext, Usage
from bots.code import asking, tree
from bots.code.board import Board, show
from bots.code.desk import Desk
from bots.code.facts import read_facts
from bots.code.prompting import write_system, write_task
from bots.code.records import JobRecord
from bots.code.settling import keep_aside, settle, take_answer
from bots.code.starting import owner_of, run_of
from bots.code.tools import make_tools
from clawsite.core.db import close_pool, run_db
from clawsite.core.errors import BadInput, ClawError, LeaseLost, NotConfigured, Unavailable
from runbooks.jobs import JobContext, Park
from runbooks.jobs.working import Overtaken, Stopping
from runbooks.models import CodeRun, ProjectTurn
from runbooks.workspaces.manifest import Manifest, read_manifest
from runbooks.workspaces.turns import take_turn
from sessions_app.sessions import zone_of

# A model that is away is waited for so often, then the job ends with what there is.
WAITS = 3
WAIT_SECONDS = 30.0


def run(ctx: JobContext) -> Any:
    """Work until the job has ended or has to wait; return its result."""
    found = run_of(ctx.job)
    pause = take_turn(ctx, found.project)
    if pause is not None:
        show(found, "queued", place=count_before(found))
        return pause
    try:
        pause = asyncio.run(_work(ctx, found))
    except (Stopping, Overtaken, LeaseLost):
        raise  # it goes on, here or elsewhere
    except BaseException:
        with suppress(ClawError):
            keep_aside(found)
        raise
    finally:
        close_pool()
    return pause if isinstance(pause, Park) else {"run": found.pk, "outcome": found.outcome}


async def _work(ctx: JobContext, found: CodeRun) -> Park | None:
    desk = await run_db(_sit_down, ctx, found)
    try:
        async with desk.board.ticking():
            if ctx.state.get("stage") != "settling":
                pause = await _ask_model(desk)
                if pause is not None:
                    return pause
            await settle(desk)
    finally:
        await close_provider()
    return None


def _sit_down(ctx: JobContext, found: CodeRun) -> Desk:
    """Make ready what the tools work with. Reads rows and runs git."""
    path = tree.prepare(found)
    found.head = tree.head(found.project, path)
    found.base = found.base or found.head
    found.save(update_fields=["base", "head"])
    manifest, problem = _read_manifest(found)
    return Desk(
        ctx=ctx,
        run=found,
        project=found.project,
        tree=path,
        manifest=manifest,
        problem=problem,
        actor=owner_of(ctx.job),
        board=Board(ctx, found),
    )


def _read_manifest(found: CodeRun) -> tuple[Manifest | None, str]:
    """Return what claw.yaml of the default branch says, or why it says nothing."""
    try:
        return read_manifest(found.project), ""
    except BadInput as error:
        return None, error.message


async def _ask_model(desk: Desk) -> Park | None:
    """Let the model work; return the pause it needs, or None when its work is over and kept."""
    ctx, run = desk.ctx, desk.run
    if await run_db(_is_spent, run):
        raise Unavailable(notices.limit_day(run.language or settings.LANGUAGE_CODE))
    spent = _usage_of(run.agent)
    job = await _make_job(desk)
    await run_db(recall_breakers)
    outcome = await run_agent(job, on_text=lambda text: None, cancelled=partial(_is_over, ctx))
    await run_db(_account, run, spent + outcome.usage, outcome)
    if outcome.stop == "cancelled":
        ctx.check()
    if outcome.stop == "parked":
        again = int(ctx.state.get("again", 0)) + 1
        await run_db(_wait_for_people, desk, again)
        ask = partial(asking.ask_calls, ctx.job, desk.project, outcome.pending, again=again)
        return Park(for_approval=True, then=ask)
    if outcome.may_pass and outcome.state and ctx.state.get("waits", 0) < WAITS:
        seconds = max(1.0, min(outcome.retry_after or WAIT_SECONDS, 600.0))
        await run_db(_wait_for_model, desk, outcome.state)
        return Park(until=timezone.now() + timedelta(seconds=seconds))
    if outcome.stop == "not_configured":
        raise NotConfigured(outcome.notice)
    await run_db(take_answer, desk, outcome)
    return None


async def _make_job(desk: Desk) -> AgentJob:
    ctx, run, session = desk.ctx, desk.run, desk.run.session
    facts = await desk.work(lambda check: read_facts(desk))
    record = JobRecord(ctx, run)

    async def on_step(state: dict[str, Any]) -> None:
        desk.board.step, desk.board.usd = state["steps"], state["usage"][3]
        await run_db(record.keep, state)
        await run_db(desk.board.keep)

    return AgentJob(
        system=await run_db(write_system),
        messages=await run_db(write_task, run, facts),
        tools=make_tools(desk),
        targets=targets_for(session.model if session else ""),
        limits=AgentLimits(
            seconds=min(settings.CLAW_CODE_SECONDS, ctx.seconds_left()),
            steps=settings.CLAW_CODE_STEPS,
            usd=settings.CLAW_CODE_USD,
            day_usd=settings.CLAW_DAY_USD,
            max_tokens=8192,
        ),
        context=ToolContext(
            session_id=session.pk if session else 0,
            turn_id=0,
            session_ref=session.ref if session else "",
            actor=desk.actor,
            language=run.language or settings.LANGUAGE_CODE,
            time_zone=str(zone_of(session)) if session else settings.TIME_ZONE,
            tainted=run.tainted,
            trace_id=ctx.key,
        ),
        resume=run.agent or None,
        decisions=await run_db(asking.read_decisions, ctx.job, again=int(ctx.state.get("again", 0))),
        record=record,
        on_step=on_step,
    )


def count_before(found: CodeRun) -> int:
    """Return how many jobs of the project go before this one."""
    return ProjectTurn.objects.filter(project_id=found.project_id, job_id__lt=found.job_id).count()


def _is_over(ctx: JobContext) -> bool:
    return ctx.signals.cancelled or ctx.signals.overtaken or (ctx.signals.stopping and ctx.can_pause)


def _is_spent(run: CodeRun) -> bool:
    """Tell whether this person's budget of the day for work on projects is used up."""
    limit = settings.CLAW_CODE_DAY_USD
    return bool(limit) and budget.sum_code_today(run.requested_by) >= limit


def _usage_of(state: Mapping[str, Any]) -> Usage:
    return load_progress(state).usage


def _account(run: CodeRun, usage: Usage, outcome: AgentOutcome) -> None:
    """Write down what the work cost so far."""
    run.steps = max(run.steps, outcome.steps)
    run.model, run.tainted = outcome.model or run.model, outcome.tainted
    run.input_tokens, run.output_tokens = usage.input, usage.output
    run.cost_usd, run.spent_at = Decimal(str(round(usage.cost_usd, 6))), timezone.now()
    run.save(update_fields=["steps", "model", "tainted", "input_tokens", "output_tokens", "cost_usd", "spent_at"])


def _wait_for_people(desk: Desk, again: int) -> None:
    desk.board.keep()
    desk.ctx.save(again=again)
    desk.board.state = "asking"
    desk.board.put_now()


def _wait_for_model(desk: Desk, state: dict[str, Any]) -> None:
    JobRecord(desk.ctx, desk.run).keep(state)
    desk.board.keep()
    desk.ctx.save(waits=desk.ctx.state.get("waits", 0) + 1)
