"""The agent: asks the model, runs the tools it wants, and again, until there is an answer or an end.

Never raises for failures of the outside: they are outcomes, each with a sentence for the user. Nothing of a
model call that did not finish is kept, and no tool of it runs. LeaseLost goes through: another process has
the turn.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from bots.agent import budget, fallbacks, notices
from bots.agent.anthropic import default_provider
from bots.agent.clock import Stopped, TurnClock
from bots.agent.execute import ToolRunner
from bots.agent.failover import Failover, NoAnswer, Retry
from bots.agent.hooks import run_hooks
from bots.agent.provider import End, ModelCall, Provider, Tokens, ToolUse
from bots.agent.results import Results
from bots.agent.state import load_progress, without_thinking
from bots.agent.targets import breakers, teller, usable_targets
from bots.agent.types import AgentJob, AgentOutcome, PendingCall, Stop, Target

logger = logging.getLogger(__name__)

PAUSES_MAX = 5
TOKENS_MAX = 32_000
ENDS = {"end_turn", "stop_sequence", "tool_use"}


async def run_agent(
    job: AgentJob,
    *,
    on_text: Callable[[str], None],
    cancelled: Callable[[], bool],
    provider: Provider | None = None,
    retry: Retry | None = None,
) -> AgentOutcome:
    """Run one turn and return how it ended.

    `on_text` gets the whole text of the turn so far. A model call that is repeated starts its text anew, so
    the text may once not begin with the one before. `cancelled` is asked often and must be cheap. A cancelled
    asyncio task stays that.
    """
    targets = await usable_targets(job.targets)
    if not targets:
        notice = notices.not_configured(job.context.language)
        return AgentOutcome(text="", stop="not_configured", notice=notice, tainted=job.context.tainted)
    clock = TurnClock(job.limits.seconds, cancelled=cancelled)
    run = _Run(job, targets, provider or default_provider(), retry or Retry(), on_text=on_text, clock=clock)
    try:
        async with clock:
            return await run.go()
    except Stopped as stopped:
        return run.stop(stopped.by)
    except NoAnswer as failure:
        return run.fail(failure)
    finally:
        run.meter.close()


class _Run:
    """One run. Each step is one model call and the tools it asked for."""

    def __init__(
        self,
        job: AgentJob,
        targets: tuple[Target, ...],
        provider: Provider,
        retry: Retry,
        *,
        on_text: Callable[[str], None],
        clock: TurnClock,
    ) -> None:
        self.job = job
        self.targets = targets
        self.language = job.context.language
        self.progress = load_progress(job.resume)
        self.resumed = bool(self.progress.messages)
        self.earlier = self.progress.usage
        state = job.resume or {}
        self.results = Results(
            chars=job.limits.tool_result_chars,
            tainted=job.context.tainted or bool(state.get("tainted")),
            known_urls=set(state.get("known_urls", ())),
            on_urls=job.on_urls,
        )
        self.tools = ToolRunner(job, self.results)
        self.failover = Failover(
            provider=provider, targets=targets, breakers=breakers, retry=retry, on_spent=self._spend, teller=teller
        )
        self.on_text = on_text
        self.clock = clock
        self.max_tokens = job.limits.max_tokens
        self.enlarged = False
        self.asked_again = False
        self.pauses = 0
        self.meter = budget.open_meter()
        self.prompt_tokens = 0
        self._before = ""

    async def go(self) -> AgentOutcome:
        """Go step by step until something ends the run."""
        outcome = None
        if calls := self.progress.open_calls():
            outcome = await self._use_tools(calls)
        while outcome is None:
            outcome = await self._over_limit()
            if outcome is None:
                outcome = await self._take(await self._ask())
        return outcome

    async def _ask(self) -> End:
        """Make one model call."""
        progress, context = self.progress, self.job.context
        progress.steps += 1
        self._before = progress.text + "\n\n" if progress.text else ""
        await run_hooks("before_model", context, step=progress.steps, model=progress.model)
        end, target = await self.failover.call(self._make, on_start=self._start, on_piece=self._piece)
        progress.model = target.model
        await run_hooks(
            "after_model", context, step=progress.steps, model=target.model, stop_reason=end.stop_reason,
            input=end.tokens.prompt, output=end.tokens.output,
        )  # fmt: skip
        return end

    def _make(self, target: Target) -> ModelCall:
        own = self.progress.messages
        if self.progress.model not in ("", target.model):
            own = without_thinking(own)
        return ModelCall(
            target=target,
            system=self.job.system,
            messages=[*self.job.messages, *own],
            tools=self.job.tools,
            max_tokens=self.max_tokens,
            cache_tail=bool(own),
            on_left=partial(self._spend, target),
        )

    def _start(self) -> None:
        self.progress.current = ""

    def _piece(self, piece: str) -> None:
        self.clock.check()
        if piece:
            self.progress.current += piece
            self.on_text(self._before + self.progress.current)

    def _spend(self, target: Target, tokens: Tokens) -> None:
        self.progress.usage = self.progress.usage + budget.spend(target.model, tokens, meter=self.meter)
        self.prompt_tokens = self.prompt_tokens or tokens.prompt
        if self.job.on_spent is not None:
            self.job.on_spent(self.progress.usage - self.earlier)

    async def _take(self, end: End) -> AgentOutcome | None:
        """Decide what a finished message means; None goes on."""
        if end.stop_reason == "refusal":
            self.progress.current = ""
            return self._end("refused", notice=notices.refused(self.language), text="", detail=end.detail)
        if end.stop_reason in ("max_tokens", "model_context_window_exceeded"):
            return self._cut(end)
        self.progress.keep(end)
        if end.stop_reason == "pause_turn" and not end.calls:
            self.pauses += 1
            return self._end("cut", notice=notices.cut(self.language)) if self.pauses > PAUSES_MAX else None
        if end.calls:
            return await self._use_tools(end.calls)
        if end.stop_reason not in ENDS:
            logger.warning("unknown stop reason %r is taken for the end", end.stop_reason[:40])
        return self._answer()

    def _cut(self, end: End) -> AgentOutcome | None:
        """The message reached a limit. A tool call at its end is incomplete: the same again with more room, once."""
        if end.ends_in_call and end.stop_reason == "max_tokens" and not self.enlarged:
            self.enlarged = True
            self.max_tokens = max(min(self.max_tokens * 4, TOKENS_MAX), self.max_tokens)
            return None
        self.progress.current = end.text
        return self._end("cut", notice=notices.cut(self.language), detail=end.stop_reason)

    def _answer(self) -> AgentOutcome | None:
        if self.progress.text:
            return self._end("answer", notice=self._instead())
        if not self.asked_again:
            self.asked_again = True
            return None
        return self._end("unavailable", notice=notices.empty(self.language), detail="empty")

    def _instead(self) -> str:
        """Say which model answered in place of the first one, once in a while in each conversation."""
        first, used = self.targets[0].model, self.progress.model
        context = self.job.context
        if used in ("", first) or not context.turn_id or not fallbacks.may_say(context.session_id):
            return ""
        return notices.instead(self.language, wanted=first, used=used)

    async def _use_tools(self, calls: tuple[ToolUse, ...]) -> AgentOutcome | None:
        """Answer the tool calls at the end of the messages, or park."""
        blocks, pending = await self.tools.answer(calls, state=self._state, resumed=self.resumed)
        self.resumed = False
        if pending:
            return self._end("parked", pending=pending)
        self.progress.messages.append({"role": "user", "content": blocks})
        if self.job.on_step is not None:
            await self.job.on_step(self._state())
        if self.results.repeats.stuck:
            return self._end("limit", notice=notices.limit_repeats(self.language), detail="repeats")
        return None

    async def _over_limit(self) -> AgentOutcome | None:
        self.clock.check()
        limits, progress = self.job.limits, self.progress
        if progress.steps >= limits.steps:
            return self._end("limit", notice=notices.limit_steps(self.language, steps=limits.steps), detail="steps")
        if limits.usd and progress.usage.cost_usd >= limits.usd:
            return self._end("limit", notice=notices.limit_cost(self.language), detail="usd")
        if limits.day_usd and await budget.spent_today() >= limits.day_usd:
            return self._end("limit", notice=notices.limit_day(self.language), detail="day_usd")
        return None

    def stop(self, by: str) -> AgentOutcome:
        """Return the outcome of a run that was ended from outside, with the text so far."""
        if by == "cancelled":
            return self._end("cancelled")
        notice = notices.limit_time(self.language, seconds=self.job.limits.seconds)
        return self._end("limit", notice=notice, detail="seconds")

    def fail(self, failure: NoAnswer) -> AgentOutcome:
        """Return the outcome of a run that no model answered; half an answer is not kept."""
        notice = notices.unavailable(self.language, fault=failure.fault)
        stop: Stop = "unavailable"
        return self._end(stop, notice=notice, text="", retry_after=failure.retry_after, detail=failure.fault.value)

    def _state(self) -> dict[str, Any]:
        state = self.progress.to_json(tainted=self.results.tainted, known_urls=self.results.known_urls)
        # Whoever parked the run keeps its own words beside ours; a crash must not part them.
        return {**(self.job.resume or {}), **state}

    def _end(
        self,
        stop: Stop,
        *,
        notice: str = "",
        text: str | None = None,
        pending: tuple[PendingCall, ...] = (),
        retry_after: float | None = None,
        detail: str = "",
    ) -> AgentOutcome:
        progress = self.progress
        return AgentOutcome(
            text=progress.text if text is None else text,
            stop=stop,
            usage=progress.usage - self.earlier,
            model=progress.model,
            steps=progress.steps,
            prompt_tokens=self.prompt_tokens,
            messages=tuple(progress.messages),
            pending=pending,
            tainted=self.results.tainted,
            known_urls=frozenset(self.results.known_urls),
            notice=notice,
            retry_after=retry_after,
            verdicts=tuple(self.results.verdicts),
            state=self._state() if stop in ("parked", "unavailable") else {},
            stop_detail=detail,
        )
