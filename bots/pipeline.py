"""The journey of one message, from its inbox row to the outbox row of its answer, in eight stages.

 1 trigger   is the message meant for the bot            opening.check_trigger
 2 input     who, how often, how much and what           opening.check_message
 3 session   the one of this chat, group or thread       opening.load_session
 4 prompt    eight layers within their budgets           opening.compose
 5 agent     the model with its tools                    run_model
 6 output    what may be said                            check_answer
 7 update    the conversation, its cost, its facts       commits.close_turn
 8 answer    the outbox row, in the same transaction     commits.close_turn

Stages 1 to 4 are one piece of database work with one transaction, 7 and 8 another; only stage 5 waits for the world.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from django.conf import settings
from django.utils import timezone

from bots import commits, opening, parking, setbacks, texts
from bots.agent.loop import run_agent
from bots.agent.targets import targets_for
from bots.agent.types import AgentJob, AgentLimits, AgentOutcome, ToolContext
from bots.attachments import fetch_files
from bots.channels.base import ChannelError, OutboundMessage, Unparsed
from bots.delivery import Sender
from bots.moving import NOTE_SECONDS, TooEarly
from bots.streaming import TurnStream, Watchers
from bots.work import Ending, OpenChannel, Work
from clawsite.core import flags
from clawsite.core.db import run_db, run_tx
from clawsite.core.errors import LeaseLost, log_unknown
from clawsite.core.features import STREAMING
from clawsite.core.leases import Held
from clawsite.core.metrics import INTAKE_SECONDS
from clawsite.core.nudge import nudge
from clawsite.core.tracing import trace
from clawsite.core.tracing.spans import OpenTrace
from guardrails.outputs import OutputContext, StreamGuard, check_output, has_leaks
from guardrails.policy import policy_from_settings
from guardrails.types import Checked
from guardrails.urls import extract_urls
from sessions_app.channels import WEBCHAT
from sessions_app.inbox import MAX_ATTEMPTS, Head
from sessions_app.models import Inbox, Outbox, Turn

TYPING_AFTER = 1.0
QUIET_SECONDS = 1.0
TYPING_EVERY = 4.5
# A model that asks to come back later than this is an answer ("not now"), not a wait.
PATIENCE_SECONDS = 60.0


@dataclass(kw_only=True)
class Pipeline:
    """Everything the stages need of their process."""

    runtime: commits.Runtime
    started_at: float
    watchers: Watchers
    find_sender: Callable[[int], Sender | None]
    running: dict[int, Work] = field(default_factory=dict)
    cancelled: set[int] = field(default_factory=set)
    last_turn_at: float = 0.0
    afterwards: Callable[[int, int], None] | None = None

    async def run_row(self, head: Head, channel: OpenChannel) -> bool:
        """Take one inbox row from its claim to its answer; False when another process has it."""
        with trace("message", channel=channel.row.kind) as traced:
            return await self._run_row(head, channel, traced)

    async def _run_row(self, head: Head, channel: OpenChannel, traced: OpenTrace) -> bool:
        held: Held | None = None
        work: Work | None = None
        read: list[Work] = []
        waited = max(0.0, time.time() - head.received_at.timestamp())
        try:
            if head.attempts or head.received_at.timestamp() < self.started_at:
                # It may have ended a process before: count the attempt before looking at it.
                held = await run_db(commits.claim_row, head, runtime=self.runtime)
                if held is None:
                    return False
            work, rows = await run_tx(self._open, head, channel, held, read)
            if work is not None:
                traced.adopt(work.trace_id, session=work.session.ref if work.session else "")
            if read and not head.attempts:
                INTAKE_SECONDS.labels(channel.row.kind).observe(waited)
            self._send(channel, rows)
            if work is not None and work.turn is not None:
                await self._run_turn(work)
            if work is not None:
                await self._acknowledge(work)
        except LeaseLost:
            return False
        except asyncio.CancelledError:
            await asyncio.shield(run_db(setbacks.hand_back, head, work.held if work else held, read=read))
            raise
        except Exception as error:
            await self._fail(head, work.held if work and work.held else held, error, read=read)
        return True

    @property
    def is_busy(self) -> bool:
        """Whether somebody waits for an answer here, or has just got one and may write on."""
        return bool(self.running) or time.monotonic() - self.last_turn_at < QUIET_SECONDS

    def cancel(self, turn_id: int) -> None:
        """Stop a turn if it runs in this process; one that only begins sees the row's flag when it closes."""
        if turn_id in self.running:
            self.cancelled.add(turn_id)

    # --- stages 1 to 4 --------------------------------------------------------------------------------------------
    def _open(
        self, head: Head, channel: OpenChannel, held: Held | None, read: list[Work]
    ) -> tuple[Work | None, list[Outbox]]:
        """Run the stages that need no model; in the database thread. A work without a turn is finished.

        `read` gets what could be read of the row, for whoever has to give it up.
        """
        if held is not None and head.attempts >= MAX_ATTEMPTS:
            read[:] = opening.read_album(head, channel)
            raise RuntimeError(f"inbox row {head.pk} ended its process {head.attempts} times")
        try:
            work = opening.read_row(head, channel)
        except Unparsed as error:
            self._finish_silently(head, held, state=Inbox.State.UNPARSED, error=error.message)
            return None, []
        except TooEarly as error:
            setbacks.put_off(head, held, seconds=NOTE_SECONDS, error=error.message, runtime=self.runtime)
            return None, []
        if work is None:
            self._finish_silently(head, held, state=Inbox.State.DONE)
            return None, []
        work.held = held
        read[:] = [work]
        with opening.speaking(work):
            ending = None if work.resume else self._refuse_early(work)
            if ending is not None:
                return work, commits.end_row(work, lambda: ending, runtime=self.runtime)
            if work.resume is None and needs_no_model(work):
                return work, self._run_command(work)
            earlier = work.turn or opening.find_turn(work.head.pk)
            stopped = opening.check_stopped(work, earlier)
            if stopped is not None:
                return work, commits.end_row(work, lambda: stopped, runtime=self.runtime)
            self._begin(work, earlier)
        return work, []

    def _refuse_early(self, work: Work) -> Ending | None:
        with work.stage("trigger"):
            ending = opening.check_trigger(work)
        if ending is None:
            with work.stage("input"):
                ending = opening.check_message(work)
        return ending

    def _run_command(self, work: Work) -> list[Outbox]:
        """Run a command or a press inside the transaction that finishes its row."""

        def decide() -> Ending:
            with work.stage("command"):
                return opening.run_chat_command(work) or Ending(outcome="empty", remember=False)

        return commits.end_row(work, decide, runtime=self.runtime)

    def _begin(self, work: Work, earlier: Turn | None) -> None:
        with work.stage("session"):
            session = opening.load_session(work)
        user_seq = session.last_seq + 1
        if earlier is not None and earlier.user_seq:
            work.turn, user_seq = earlier, earlier.user_seq
            # A tool may have run before a crash: go on from its record instead of calling it again.
            work.resume = work.resume or earlier.agent_state or None
        with work.stage("prompt"):
            opening.compose(work, user_seq=user_seq, now=timezone.now())
        work.streams = flags.is_on(STREAMING.name, person=work.subject, channel=work.channel.row.name)
        commits.begin_turn(work, user_seq=user_seq, runtime=self.runtime)

    def _finish_silently(self, head: Head, held: Held | None, *, state: str, error: str = "") -> None:
        setbacks.end_silently(head, held, state=state, error=error, runtime=self.runtime)

    # --- stages 5 to 8 --------------------------------------------------------------------------------------------
    async def _run_turn(self, work: Work) -> None:
        turn_id = work.the_turn.pk
        self.running[turn_id] = work
        typing = asyncio.create_task(self._show_typing(work))
        try:
            with work.stage("agent"):
                outcome = await self.run_model(work)
            if self._may_wait(work, outcome):
                await run_db(setbacks.wait_for_model, work, outcome, seconds=outcome.retry_after or 5.0)
                return
            if outcome.stop == "parked":
                rows = await run_tx(parking.park_turn, work, outcome, runtime=self.runtime)
                self._rest_preview(work)
            else:
                with work.stage("output"):
                    reply = check_answer(work, outcome)
                work.is_shown = self._is_shown(work)
                rows = await run_tx(commits.close_turn, work, outcome, reply, runtime=self.runtime)
            self._send(work.channel, rows)
        finally:
            typing.cancel()
            self.running.pop(turn_id, None)
            self.cancelled.discard(turn_id)
            self.last_turn_at = time.monotonic()
        if outcome.stop in ("answer", "cut") and self.afterwards is not None:
            self.afterwards(work.the_turn.session_id, turn_id)

    async def run_model(self, work: Work) -> AgentOutcome:
        """Stage 5: the agent with the tools this person may use, streaming through the output guard."""
        await fetch_files(work)
        turn_id, session, actor = work.the_turn.pk, work.the_session, work.the_contact.actor
        known = _output_context(work, frozenset())
        with opening.speaking(work):
            guard = StreamGuard(policy_from_settings(), known)
        stream = TurnStream(work, guard, watchers=self.watchers, preview=self._preview)
        job = AgentJob(
            system=work.prompt.system,
            messages=work.prompt.messages,
            tools=work.tools,
            targets=targets_for(session.model),
            limits=AgentLimits(
                seconds=settings.CLAW_TURN_SECONDS,
                steps=settings.CLAW_TURN_STEPS,
                usd=settings.CLAW_TURN_USD,
                day_usd=settings.CLAW_DAY_USD,
            ),
            context=ToolContext(
                session_id=session.pk,
                turn_id=turn_id,
                session_ref=session.ref,
                actor=actor,
                language=work.language,
                time_zone=session.time_zone or settings.TIME_ZONE,
                tainted=work.tainted,
                trace_id=work.trace_id,
                user_seq=work.the_turn.user_seq,
                held=work.held,
            ),
            resume=work.resume,
            decisions=work.decisions,
            on_urls=guard.know,
            leaks=partial(has_leaks, context=known),
            on_spent=partial(setattr, work, "spent"),
        )
        return await run_agent(job, on_text=stream.on_text, cancelled=lambda: turn_id in self.cancelled)

    def _may_wait(self, work: Work, outcome: AgentOutcome) -> bool:
        """Tell whether a turn without a model waits for it, instead of saying so; it says so after a minute."""
        if not outcome.may_pass:
            return False
        waited = timezone.now().timestamp() - work.head.received_at.timestamp()
        return waited + (outcome.retry_after or 5.0) < PATIENCE_SECONDS and work.resume is None

    # --- around the stages ----------------------------------------------------------------------------------------
    def _send(self, channel: OpenChannel, rows: list[Outbox]) -> None:
        sender = self.find_sender(channel.row.pk)
        if rows and sender is not None:
            sender.send_now(rows)

    def _preview(self, work: Work, text: str) -> None:
        sender = self.find_sender(work.channel.row.pk)
        if sender is not None:
            sender.preview(work.the_turn, work.message.address, work.message.direct, text)

    def _is_shown(self, work: Work) -> bool:
        """Tell whether people see what there is of an answer. Programs get it with the end of their run."""
        sender = self.find_sender(work.channel.row.pk)
        live = work.streams and work.channel.row.kind == WEBCHAT
        return live or (sender is not None and sender.has_preview(work.the_turn.pk))

    def _rest_preview(self, work: Work) -> None:
        sender = self.find_sender(work.channel.row.pk)
        if sender is not None:
            sender.rest_preview(work.the_turn.pk)

    async def _show_typing(self, work: Work) -> None:
        """Show that the bot is at work, when the turn takes a while and the chat's budget has room."""
        adapter = work.channel.adapter
        if not adapter.capabilities.typing:
            return
        await asyncio.sleep(TYPING_AFTER)
        while True:
            if adapter.capabilities.live and work.session is not None:
                nudge("typing", session=work.session.pk)
            else:
                await self._type_on_platform(work)
            await asyncio.sleep(TYPING_EVERY)

    async def _type_on_platform(self, work: Work) -> None:
        sender, address = self.find_sender(work.channel.row.pk), work.message.address
        group = not work.message.direct
        if sender is None or not sender.leading or not sender.budget.idle(address.chat_id, group=group):
            return
        sender.budget.spend(address.chat_id, group)
        try:
            await work.channel.adapter.typing(address)
        except ChannelError as error:
            if error.retry_after is not None:
                sender.budget.cool(address.chat_id, error.retry_after)

    async def _acknowledge(self, work: Work) -> None:
        """Stop a pressed button's spinner and say what the press led to; never in the way of anything."""
        if work.message.kind != "callback" or not work.message.callback_id:
            return
        text = " ".join(work.notes)[:200]
        try:
            await work.channel.adapter.answer_callback(work.message.callback_id, text=text, alert=False)
        except ChannelError:
            return

    async def _fail(self, head: Head, held: Held | None, error: Exception, *, read: Sequence[Work]) -> None:
        """Let the row wait, or give it up and tell the user; what cannot be recorded is found again by its lease."""
        error_id = log_unknown(error, where=f"inbox row {head.pk}")
        try:
            await run_db(setbacks.fail_row, head, held, error_id=error_id, runtime=self.runtime, read=read)
        except LeaseLost:
            return  # the row is another's now, who tries it
        except Exception as second:
            log_unknown(second, where=f"recording the failure of inbox row {head.pk}")
            if held is not None:
                await self._let_go(held)

    async def _let_go(self, held: Held) -> None:
        try:
            await run_db(setbacks.let_go, held)
        except Exception as error:
            log_unknown(error, where=f"releasing {held.name}")


def needs_no_model(work: Work) -> bool:
    """Tell whether a row is a command, a press or a reaction; an unknown slash command in a direct chat is one too."""
    return work.match is not None or opening.is_unknown_command(work) or work.message.kind in ("callback", "reaction")


def _output_context(work: Work, tool_urls: frozenset[str]) -> OutputContext:
    """What the output guard compares an answer with: the real prompt, and the URLs that were really given.

    Given are those of the message, of what it quotes, and of all that the prompt holds: what people wrote here before,
    answers that passed this guard, facts, and what admins wrote.
    """
    prompt = work.prompt
    given = [work.text, work.message.quoted, *(message["content"] for message in prompt.messages)]
    given += [block.text for block in prompt.system]
    return OutputContext(
        prompt_texts=prompt.prompt_texts,
        canary=prompt.canary,
        known_urls=frozenset(url for text in given for url in extract_urls(text)) | tool_urls,
        user_text=work.text,
    )


def check_answer(work: Work, outcome: AgentOutcome) -> OutboundMessage:
    """Stage 6: let out what may be said, masked where told; a notice says when an answer is missing or not whole."""
    with opening.speaking(work):
        if not outcome.text.strip() and outcome.notice:
            return OutboundMessage(text=outcome.notice)
        checked: Checked = check_output(
            outcome.text, policy=policy_from_settings(), context=_output_context(work, outcome.known_urls)
        )
        work.verdicts += checked.verdicts
        text = texts.blocked_answer() if checked.blocked else checked.text
        if outcome.notice and not checked.blocked:
            text = f"{text}\n\n_{outcome.notice}_"
        return OutboundMessage(text=text, reply_to_id="" if work.message.direct else work.message.message_id)
