"""The work after the answer: facts from what the user said, and the summary of a history that grew too long.

One piece at a time in a process, from a queue of at most 100 turns; what does not fit is dropped, because the
next turn of the session asks again. Failures are logged and cooled down; a reply never waits for any of this.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bots.agent import budget, compact, extract
from bots.agent.provider import Provider
from bots.agent.small import Asker, Cooling
from bots.agent.types import Usage
from clawsite.core import flags
from clawsite.core.db import run_db
from clawsite.core.errors import BadInput, Unavailable, log_unknown
from clawsite.core.features import FACTS, SUMMARIES
from clawsite.core.tracing import trace, trace_id
from guardrails.models import VerdictRecord
from sessions_app import facts
from sessions_app.memory.summarize import CompactionPlan, plan_compaction, store_summary
from sessions_app.models import Message, Session, Turn
from sessions_app.prompts.dialogue import fold_name

logger = logging.getLogger(__name__)

QUEUE_MAX = 100
GIVE_WAY_SECONDS = 10.0
LOOK_SECONDS = 0.1  # while people wait, as many turns a second as this divides it into
FACT_SECONDS, FACT_TOKENS = 30.0, 700
COMPACT_SECONDS = 90.0
GIVE_UP_AFTER = 3  # failed summaries in a row, then one is made without a model

_cooling = Cooling()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Said:
    """What the user said in a turn, and in a group under which name."""

    text: str
    seq: int
    author: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ended:
    """A turn that was answered."""

    session_id: int
    turn_id: int
    trace_id: str
    at: float = field(default_factory=time.monotonic)


class AfterAnswers:
    """The queue of a process. `run` works until it is cancelled, and gives way while `is_busy` says so."""

    def __init__(self, is_busy: Callable[[], bool] = lambda: False) -> None:
        self._queue: asyncio.Queue[_Ended] = asyncio.Queue(maxsize=QUEUE_MAX)
        self._is_busy = is_busy
        self._left_out = 0

    def add(self, session_id: int, turn_id: int) -> None:
        """Queue a finished turn; never waits and never fails."""
        try:
            self._queue.put_nowait(_Ended(session_id=session_id, turn_id=turn_id, trace_id=trace_id()))
        except asyncio.QueueFull:
            self._left_out += 1
            if self._left_out % QUEUE_MAX == 1:
                logger.warning("the work after answers is %d turns behind; %d left out", QUEUE_MAX, self._left_out)

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits."""
        return self._queue.empty()

    async def run(self) -> None:
        """Take one turn after the other."""
        while True:
            ended = await self._queue.get()
            await self._give_way(ended)
            try:
                with trace("after the answer", trace_id=ended.trace_id):
                    await after_answer(ended.session_id, ended.turn_id)
            except Exception as error:
                log_unknown(error, where=f"the work after turn {ended.turn_id}")

    async def _give_way(self, ended: _Ended) -> None:
        """Let people who wait for an answer go first, until the turn ended ten seconds ago.

        Where somebody always waits, a turn is not held up by the ten seconds of those before it.
        """
        while self._is_busy():
            await asyncio.sleep(LOOK_SECONDS)
            if time.monotonic() - ended.at >= GIVE_WAY_SECONDS:
                return


async def after_answer(session_id: int, turn_id: int, *, provider: Provider | None = None) -> None:
    """Do what is to be done after a turn was answered. Safe to repeat."""
    asker = Asker(provider=provider)
    try:
        await _extract_facts(session_id, turn_id, asker)
        await _compact(session_id, asker)
    finally:
        asker.close()
        if asker.usage != Usage():
            await run_db(budget.add_to_turn, turn_id, asker.usage)


async def _extract_facts(session_id: int, turn_id: int, asker: Asker) -> None:
    said = await run_db(_find_own_words, turn_id) if _cooling.is_cool("facts") else None
    if said is None or not extract.is_worth_reading(said.text):
        return
    question = extract.write_question(said.text, author=said.author)
    try:
        answer = await asker.ask(extract.SYSTEM, question, seconds=FACT_SECONDS, max_tokens=FACT_TOKENS)
    except Unavailable as error:
        logger.info("no facts from turn %d: %s", turn_id, error.message)
        _cooling.fail("facts")
        return
    _cooling.succeed("facts")
    found = extract.read_answer(answer, said=said.text, author=said.author)
    if found:
        await run_db(_keep_facts, session_id, said, found)


def _find_own_words(turn_id: int) -> _Said | None:
    """Return what the user wrote, or None when it was not their own words or a guard was not at ease with the turn."""
    turns = Turn.objects.filter(pk=turn_id, tainted=False, user_seq__isnull=False)
    turn = turns.select_related("session__channel").first()
    if turn is None or turn.user_seq is None or not flags.is_on(FACTS.name, channel=turn.session.channel.name):
        return None
    if (
        turn.trace_id
        and VerdictRecord.objects.filter(
            session_ref=turn.session.ref, trace_id=turn.trace_id, rule__startswith="injection"
        ).exists()
    ):
        return None
    rows = Message.objects.filter(
        session_id=turn.session_id, seq=turn.user_seq, role=Message.Role.USER, seq__gt=turn.session.start_seq
    )
    message = rows.select_related("contact").first()
    if message is None or message.data.get("forwarded"):
        return None
    in_group = turn.session.kind == Session.Kind.GROUP
    return _Said(text=message.text, seq=message.seq, author=fold_name(str(message.contact or "")) if in_group else "")


def _keep_facts(session_id: int, said: _Said, found: list[extract.FoundFact]) -> None:
    session = Session.objects.get(pk=session_id)
    if session.start_seq >= said.seq:
        return  # /reset came in between
    for fact in found:
        try:
            facts.remember(
                session, fact.text, kind=fact.kind, origin="extracted", source_seq=said.seq,
                confidence=fact.confidence, author=said.author,
            )  # fmt: skip
        except BadInput as error:
            logger.info("a fact of session %d was not kept: %s", session_id, error.message)


async def _compact(session_id: int, asker: Asker) -> None:
    key = f"summary {session_id}"
    plan = await run_db(_plan, session_id) if _cooling.is_cool(key) else None
    if plan is None:
        return
    by_model = await run_db(_may_ask, session_id)
    text = await _summarize(session_id, plan, asker) if by_model else ""
    if by_model and not text and _cooling.fail(key) < GIVE_UP_AFTER:
        return
    stored = await run_db(store_summary, session_id, plan, text or compact.write_plain_summary(plan))
    _cooling.succeed(key)
    if stored:
        logger.info(
            "session %d: %d messages summarized%s", session_id, plan.messages, "" if text else " without a model"
        )


async def _summarize(session_id: int, plan: CompactionPlan, asker: Asker) -> str:
    """Return the model's summary, "" when it does not answer or what it wrote may not be used."""
    try:
        text = await asker.ask(
            compact.SYSTEM, plan.text, seconds=COMPACT_SECONDS, max_tokens=compact.ANSWER_TOKENS, whole=True
        )
    except Unavailable as error:
        logger.warning("no summary of session %d: %s", session_id, error.message)
        return ""
    if compact.is_clean(text):
        return text
    logger.warning("the summary of session %d looked like an attack and is not used", session_id)
    return ""


def _may_ask(session_id: int) -> bool:
    """Tell whether the model summarizes here, or it is done without one."""
    name = Session.objects.filter(pk=session_id).values_list("channel__name", flat=True).first()
    return flags.is_on(SUMMARIES.name, channel=name or "")


def _plan(session_id: int) -> CompactionPlan | None:
    session = Session.objects.filter(pk=session_id).first()
    return plan_compaction(session) if session else None
