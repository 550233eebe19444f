"""The end of a /code: what was said is kept, the tests run, and what passes them is merged.

Merged at once is only what was finished, does not conflict, passes the project's tests, and touches nothing that
decides on commands or pipelines. Everything else stays on its branch, with the reason, until somebody keeps or undoes
it.
"""

from __future__ import annotations

from django.utils import translation

from bots import texts
from bots.agent.types import AgentOutcome
from bots.code import merging, testing, tree
from bots.code.desk import Check, Desk
from bots.code.starting import run_of
from clawsite.core.db import run_db
from guardrails.outputs import OutputContext, check_output
from guardrails.policy import policy_from_settings
from guardrails.urls import extract_urls
from runbooks.models import CodeRun
from runbooks.workspaces.guarded import touches_guarded
from sessions_app.prompts.layers import load_prompt

Outcome, Reason = CodeRun.Outcome, CodeRun.Reason
SUMMARY_CHARS = 3000


def take_answer(desk: Desk, outcome: AgentOutcome) -> None:
    """Keep what the model said, as far as it may be said, and go on with the end from here on."""
    run = desk.run
    with translation.override(desk.run.language or None):
        run.summary = _say(outcome, run.request)
    run.notice = outcome.notice
    run.save(update_fields=["summary", "notice"])
    desk.board.keep()
    desk.ctx.save(stage="settling", finished=outcome.stop == "answer")


def _say(outcome: AgentOutcome, request: str) -> str:
    if not outcome.text.strip():
        return ""
    context = OutputContext(
        prompt_texts=(load_prompt("code"), load_prompt("core")),
        known_urls=outcome.known_urls | frozenset(extract_urls(request)),
        user_text=request,
    )
    last = outcome.text.strip()[-SUMMARY_CHARS:]
    checked = check_output(last, policy=policy_from_settings(), context=context)
    return checked.text if checked.blocked is None else texts.blocked_answer()


async def settle(desk: Desk) -> None:
    """Merge what may be merged, and write down what became of the changes. May be repeated."""
    run = desk.run
    if run.head == run.base:
        run.outcome = Outcome.NOTHING
        await run_db(run.save, update_fields=["outcome"])
        return
    reason = "" if desk.ctx.state.get("finished") else Reason.UNFINISHED
    if not reason:
        await desk.board.turn("testing")
        reason = await desk.work(lambda check: _look_through(desk, check))
    if not reason:
        await desk.board.turn("merging")
        await run_db(run_of, desk.ctx.job)  # the work may have taken hours: they must still be let to change it
        reason = await run_db(merging.merge, run, actor=desk.actor)
    run.outcome, run.reason = (Outcome.KEPT, reason) if reason else (Outcome.MERGED, Reason.NONE)
    await run_db(_write_down, desk)


def _look_through(desk: Desk, check: Check) -> str:
    """Return why the changes are not merged by themselves, "" when they are."""
    desk.run.conflicts = merging.catch_up(desk.run)
    if desk.run.conflicts:
        return Reason.CONFLICT
    if touches_guarded(row[0] for row in tree.stat(desk.project, desk.run.base, desk.run.head)):
        return Reason.GUARDED
    told = testing.run_tests(desk, check=check)
    return {"passed": "", "none": Reason.UNTESTED}.get(told["state"], Reason.TESTS)


def _write_down(desk: Desk) -> None:
    run = desk.run
    run.tests = desk.tests
    run.files = tree.stat(run.project, run.base, run.head)
    run.save(update_fields=["outcome", "reason", "tests", "files", "merged", "conflicts", "head"])
    tree.remove(run)


def keep_aside(run: CodeRun) -> None:
    """Leave what an unfinished job has on its branch, as it is at its last commit."""
    changed = run.base and run.head and run.base != run.head
    run.outcome, run.reason = (Outcome.KEPT, Reason.UNFINISHED) if changed else (Outcome.NOTHING, Reason.NONE)
    run.files = tree.stat(run.project, run.base, run.head) if changed else []
    tree.remove(run)
    run.save(update_fields=["outcome", "reason", "files"])
