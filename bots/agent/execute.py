"""Runs the tool calls of one assistant message and answers every one of them. The only place where tools run.

Order of checks, the same on every path: the run's allowlist, the arguments' schema, the guard's decision, the
intent row, the tool. Calls without effects run together, the others one after the other as the model wrote
them. If any call needs a person, none of the calls with effects runs yet.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import override

from bots.agent.calls import CallRow, State, TurnRecord
from bots.agent.hooks import run_hooks
from bots.agent.provider import ToolUse
from bots.agent.results import Results
from bots.agent.tools.schema import check_arguments
from bots.agent.types import AgentJob, PendingCall, Tool, ToolContext, ToolOutput
from bots.agent.wrap import shorten, texts_in, visible
from clawsite.core.db import run_db
from clawsite.core.errors import ClawError, LeaseLost, log_unknown
from clawsite.core.metrics import TOOL_CALLS, TOOL_SECONDS
from clawsite.core.tracing import span
from guardrails.tools import ToolPolicy, decide_call, hash_arguments
from guardrails.types import Action, Stage, Verdict

CALLS_MAX = 16
SUMMARY_MAX = 600

INTERRUPTED = "This call was interrupted and its outcome is unknown. Check what happened before trying again."
DONE_BEFORE = "This call ran to its end before. What it gave back was not kept."
DENIED = "Denied by the user. Choose another way."

GetState = Callable[[], dict[str, Any]]


async def _run_nothing(context: ToolContext, arguments: dict[str, Any]) -> ToolOutput:
    raise ClawError("There is no such tool.")


# Stands for a tool that is not offered. Its policy is the strictest there is.
_NO_TOOL = Tool(name="", description="", schema={"type": "object"}, policy=ToolPolicy(name=""), run=_run_nothing)


@dataclass(kw_only=True, slots=True)
class _Call:
    """One call on its way. `block` is its answer once there is one, `row` what is still to be stored about it."""

    use: ToolUse
    tool: Tool
    digest: str = ""
    approved: bool = False
    asks: bool = False
    block: dict[str, Any] | None = None
    row: CallRow | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """What the tool is called with."""
        return self.use.arguments or {}

    @property
    def key(self) -> str:
        """The call without its id: what is repeated when the model repeats itself."""
        return f"{self.use.name} {self.digest or self.use.arguments}"

    @property
    def parallel(self) -> bool:
        """Whether it may run beside others: it reads, or it fetches and may be repeated."""
        effect = self.tool.policy.effect
        return effect == "read" or (effect == "outbound" and self.tool.repeatable)

    def to_row(self, state: State, result: str) -> CallRow:
        """Return what is stored about this call."""
        return CallRow(
            call_id=self.use.call_id[:100],
            tool=self.use.name[:64],
            arguments=self.arguments,
            arguments_hash=self.digest,
            state=state.value,
            result=result,
        )


class ToolRunner:
    """The tools of one run."""

    def __init__(self, job: AgentJob, results: Results) -> None:
        self.job = job
        self.results = results
        self.record = job.record or TurnRecord(job.context.turn_id, job.context.held)

    async def answer(
        self, uses: Sequence[ToolUse], *, state: GetState, resumed: bool = False
    ) -> tuple[list[dict[str, Any]], tuple[PendingCall, ...]]:
        """Return a result block for each call in order, or the calls that wait for a person (then no blocks).

        `state` gives what to store to go on from here. `resumed`: rows of an earlier try may exist.
        """
        stored = await run_db(self.record.load) if resumed else {}
        calls = [self._prepare(use, number, stored) for number, use in enumerate(uses)]
        await self._run_parallel([call for call in calls if not call.block and call.parallel], state)
        rest = [call for call in calls if not call.block]
        for call in rest:
            if not call.asks:
                self._decide(call)
        waiting = [call for call in rest if call.asks]
        if waiting:
            rows = [call.to_row(State.WAITING, "") for call in waiting]
            await run_db(self.record.wait, rows, state=state())
            return [], tuple(_pending(call, language=self.job.context.language) for call in waiting)
        for call in rest:
            if not call.block:
                await self._run(call, state)
        await self._store(calls)
        return [call.block for call in calls if call.block], ()

    def _prepare(self, use: ToolUse, number: int, stored: Mapping[str, CallRow]) -> _Call:
        """Look the tool up, check the arguments, and see what an earlier try of this call left behind."""
        call = _Call(use=use, tool=self.job.tools.find(use.name) or _NO_TOOL)
        wrong = self._find_wrong(call, number)
        if wrong:
            self._finish(call, wrong, State.REFUSED)
            return call
        call.digest = hash_arguments(call.arguments)
        if use.call_id in stored:
            self._recall(call, stored[use.call_id])
        return call

    def _find_wrong(self, call: _Call, number: int) -> str:
        if call.tool is _NO_TOOL:
            names = ", ".join(tool.name for tool in self.job.tools.tools) or "none"
            return f"There is no such tool here. Available: {names}."
        if number >= CALLS_MAX:
            return f"Too many calls at once; at most {CALLS_MAX}."
        if call.use.arguments is None:
            return "The arguments were not a JSON object."
        wrong = check_arguments(call.tool.schema, call.use.arguments)
        return "Wrong arguments: " + "; ".join(wrong) + "." if wrong else ""

    def _recall(self, call: _Call, row: CallRow) -> None:
        """Take over what an earlier try left; what may be repeated and has no result is simply run again."""
        if row.arguments_hash != call.digest:
            self._finish(call, INTERRUPTED, State.FAILED)
        elif row.state == State.WAITING:
            call.approved = self.job.decisions.get(call.use.call_id, False)
            if not call.approved:
                self._finish(call, DENIED, State.REFUSED)
        elif row.state != State.INTENT and (row.result or not call.tool.repeatable):
            text = row.result or DONE_BEFORE
            output = ToolOutput(text=text, is_error=row.state != State.DONE, source=row.tool)
            call.block, _ = self.results.of_tool(call.use.call_id, output, tool=row.tool, key=call.key)
        elif not call.tool.repeatable:
            self._finish(call, INTERRUPTED, State.FAILED)

    def _decide(self, call: _Call) -> None:
        """Ask the guard. A refusal answers the call; a question is kept unless a person has said yes."""
        verdict = self._find_leak(call) or decide_call(
            call.tool.policy,
            actor=self.job.context.actor,
            tainted=self.results.tainted,
            arguments=call.arguments,
            allowed=[tool.name for tool in self.job.tools.tools],
        )
        if verdict.action is Action.ALLOW and call.tool.guard is not None:
            verdict = call.tool.guard(call.arguments)
        self.results.note([verdict])
        if verdict.action is Action.BLOCK:
            self._finish(call, f"Refused ({verdict.rule}). Choose another way.", State.REFUSED)
        elif verdict.action is not Action.ALLOW:
            call.asks = not call.approved

    def _find_leak(self, call: _Call) -> Verdict | None:
        """Refuse arguments that tell the prompt: a page, the person who is asked or a fact would pass them on."""
        leaks, effect = self.job.leaks, call.tool.policy.effect
        if leaks is None or effect == "read" or not leaks(texts_in(call.arguments)):
            return None
        return Verdict(action=Action.BLOCK, stage=Stage.TOOL_CALL, rule="leak.prompt", detail=call.tool.name)

    async def _run_parallel(self, calls: Sequence[_Call], state: GetState) -> None:
        for call in calls:
            self._decide(call)
        await asyncio.gather(*(self._run(c, state) for c in calls if not c.block and not c.asks))
        await self._store(calls)

    async def _run(self, call: _Call, state: GetState) -> None:
        """Run one allowed call. Whatever happens inside the tool becomes an answer, except a lost lease."""
        tool, context = call.tool, self.job.context
        if not tool.repeatable:
            intent = call.to_row(State.INTENT, "")
            if not await run_db(self.record.intend, intent, state=state()):
                self._finish(call, INTERRUPTED, State.FAILED)
                return
        about = {"tool": tool.name, "call_id": call.use.call_id, "arguments": call.arguments}
        await run_hooks("before_tool", context, **about)
        began = time.monotonic()
        with span(f"tool {tool.name}"):
            output = await self._call_tool(call)
        seconds = time.monotonic() - began
        TOOL_CALLS.labels(tool.name, "error" if output.is_error else "ok").inc()
        TOOL_SECONDS.labels(tool.name).observe(seconds)
        call.block, text = self.results.of_tool(call.use.call_id, output, tool=tool.name, key=call.key)
        ended = State.FAILED if output.is_error else State.DONE
        # A result with pictures is stored without text, so that a resumed run reads it again.
        call.row = call.to_row(ended, "" if output.images else text)
        if not tool.repeatable:
            await self._store([call])
        await run_hooks("after_tool", context, **about, is_error=output.is_error, seconds=seconds)

    async def _call_tool(self, call: _Call) -> ToolOutput:
        try:
            async with asyncio.timeout(call.tool.seconds):
                return await call.tool.run(self.job.context, call.arguments)
        except LeaseLost:
            raise
        except TimeoutError:
            return ToolOutput(text=f"No result within {call.tool.seconds:.0f} seconds.", is_error=True)
        except ClawError as error:
            return ToolOutput(text=error.message, is_error=True)
        except Exception as error:
            error_id = log_unknown(error, where=f"tool {call.tool.name}")
            return ToolOutput(text=f"The tool failed (error {error_id}).", is_error=True)

    def _finish(self, call: _Call, text: str, state: State) -> None:
        """Answer a call with words of ours: it did not run, or nobody knows whether it did."""
        call.block = self.results.of_ours(call.use.call_id, text, key=call.key)
        call.row = call.to_row(state, text)

    async def _store(self, calls: Sequence[_Call]) -> None:
        rows = [call.row for call in calls if call.row]
        if rows:
            await run_db(self.record.finish, rows)
        for call in calls:
            call.row = None


def _pending(call: _Call, *, language: str) -> PendingCall:
    tool = call.tool
    listed = ", ".join(f"{key}={value!r}" for key, value in call.arguments.items())
    with override(language):
        summary = tool.summary(call.arguments) if tool.summary else f"{tool.name}: {listed}"
    return PendingCall(
        call_id=call.use.call_id,
        tool=tool.name,
        arguments=call.arguments,
        arguments_hash=call.digest,
        summary=shorten(visible(summary), limit=SUMMARY_MAX),
        role=tool.policy.role,
    )
