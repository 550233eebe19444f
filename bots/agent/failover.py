"""One model call made to succeed: retries with full jitter, the next target, the breakers.

Invariant: once text of a call was streamed, only the same target may repeat that call, so that one answer
never mixes two models. A server that asks for more than a minute is not waited for here: the turn is given
back instead.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from bots.agent.provider import End, Fault, ModelCall, ModelError, Provider, Tokens
from bots.agent.types import Target
from bots.breaker import BILLING_SECONDS, PROBE_SECONDS, Breakers
from clawsite.core.errors import ClawError
from clawsite.core.metrics import MODEL_CALLS, MODEL_SECONDS
from clawsite.core.services import Teller
from clawsite.core.tracing import span
from clawsite.rpc.watchdog import Watchdog

logger = logging.getLogger(__name__)

TRIES_IN_A_ROW = 2  # of one target, before the next one gets its turn
SLOW_SECONDS = 40.0  # of silence, after which others are told, long before the call is given up
KEEP_SECONDS = 3600.0  # a chat message is not kept longer than this for a model that asks to wait


@dataclass(frozen=True, kw_only=True, slots=True)
class Retry:
    """How often and how long a call is repeated: `retries` more attempts, pauses of up to `base` * 2**n seconds."""

    retries: int = 4
    base: float = 1.0
    cap: float = 30.0
    wait_max: float = 60.0

    def pause(self, attempt: int) -> float:
        """Return a random pause before the given attempt (1 is the first repetition)."""
        return random.uniform(0.0, min(self.cap, self.base * 2.0**attempt))  # noqa: S311


class NoAnswer(ClawError):
    """No target answered. `retry_after`: when to try the whole turn again, None when that is of no use."""

    code = "model_unavailable"

    def __init__(self, message: str, *, fault: Fault, retry_after: float | None = None) -> None:
        super().__init__(message, retryable=retry_after is not None)
        self.fault = fault
        self.retry_after = retry_after


@dataclass(slots=True)
class _Try:
    """What this call knows of one target."""

    index: int
    target: Target
    count: int = 0
    not_before: float = 0.0
    dead: bool = False


@dataclass(kw_only=True, slots=True)
class Failover:
    """Makes the calls of one run. The target that answered last is asked first the next time."""

    provider: Provider
    targets: Sequence[Target]
    breakers: Breakers
    retry: Retry = field(default_factory=Retry)
    on_spent: Callable[[Target, Tokens], None]
    teller: Teller | None = None
    _last: Target | None = None

    async def call(
        self, make: Callable[[Target], ModelCall], *, on_start: Callable[[], None], on_piece: Callable[[str], None]
    ) -> tuple[End, Target]:
        """Return the message and who gave it; `on_start` is called before each attempt. Raises NoAnswer."""
        tries = [_Try(index, target) for index, target in enumerate(self._ordered())]
        streamed = False
        fault: Fault | None = None

        def note(piece: str) -> None:
            nonlocal streamed
            streamed = streamed or bool(piece)
            on_piece(piece)

        for attempt in range(self.retry.retries + 1):
            chosen = self._pick(tries)
            if chosen is None:
                break
            await self._pause(chosen, attempt)
            on_start()
            try:
                end = await self._ask(chosen.target, make, on_piece=note)
            except ModelError as error:
                fault = error.fault
                self._learn(chosen, error, attempt)
                if fault is Fault.PERMANENT:
                    break
                tries = [chosen] if streamed else tries
                continue
            self._succeed(chosen.target, end)
            return end, chosen.target
        fault = fault or self._why(tries)
        raise NoAnswer("No model answered.", fault=fault, retry_after=self._retry_after(tries, fault))

    def _why(self, tries: list[_Try]) -> Fault:
        """Return what is wrong where all targets are left alone: what they said last, when all said the same."""
        said = {self.breakers.of(t.target.name).why for t in tries}
        return Fault(said.pop()) if len(said) == 1 and "" not in said else Fault.RETRY

    async def _ask(
        self, target: Target, make: Callable[[Target], ModelCall], *, on_piece: Callable[[str], None]
    ) -> End:
        """Make one call, and count how it went and how long it took."""
        began, outcome = time.monotonic(), "cancelled"
        watchdog = Watchdog(SLOW_SECONDS, partial(self._tell_slow, target))

        def take(piece: str) -> None:
            watchdog.heard()
            on_piece(piece)

        try:
            with span("model", model=target.model):
                end = await self.provider.run(make(target), on_piece=take)
            outcome = "ok"
        except ModelError as error:
            outcome = str(error.fault)
            raise
        finally:
            watchdog.stop()
            MODEL_CALLS.labels(target.model, outcome).inc()
            MODEL_SECONDS.labels(target.model).observe(time.monotonic() - began)
        return end

    def _ordered(self) -> list[Target]:
        targets = list(self.targets)
        if self._last in targets:
            targets.remove(self._last)
            targets.insert(0, self._last)
        return targets

    def _pick(self, tries: list[_Try]) -> _Try | None:
        """Return the next target to ask: one that need not be waited for, then the least tried, then the first."""
        now = time.monotonic()
        order = sorted(tries, key=lambda t: (t.not_before > now, t.count // TRIES_IN_A_ROW, t.index))
        return next((t for t in order if not t.dead and self.breakers.of(t.target.name).admit()), None)

    async def _pause(self, chosen: _Try, attempt: int) -> None:
        """Wait before a target is asked again; a fresh one is asked at once."""
        if chosen.count:
            await asyncio.sleep(max(self.retry.pause(attempt), chosen.not_before - time.monotonic()))
        chosen.count += 1

    def _learn(self, chosen: _Try, error: ModelError, attempt: int) -> None:
        breaker = self.breakers.of(chosen.target.name)
        self.on_spent(chosen.target, error.tokens)
        logger.warning("model call failed (%s, attempt %d): %s", error.fault, attempt + 1, error.message)
        wait = error.retry_after or 0.0
        if error.fault is Fault.PERMANENT:
            breaker.succeed()
        elif error.fault is Fault.RETRY and wait <= self.retry.wait_max:
            breaker.fail()
            chosen.not_before = time.monotonic() + wait
        else:
            chosen.dead = True
            seconds = BILLING_SECONDS if error.fault is Fault.BILLING else PROBE_SECONDS
            breaker.trip(wait if error.fault is Fault.RETRY else seconds, why=error.fault)
        self._tell(chosen.target, error)

    def _tell(self, target: Target, error: ModelError) -> None:
        """Let others know how the target does; a request that is wrong by itself was answered."""
        if self.teller is None:
            return
        if error.fault is Fault.PERMANENT:
            self.teller.worked(target.name)
            return
        wait = self.breakers.of(target.name).wait or None
        self.teller.failed(target.name, error=error.message, error_kind=error.fault, retry_after=wait)

    def _tell_slow(self, target: Target) -> None:
        """Let others know that a target keeps us waiting, long before that call is given up."""
        if self.teller is not None:
            text = f"{target.model} has sent nothing for {SLOW_SECONDS:g} seconds."
            self.teller.failed(target.name, error=text, error_kind="slow", seconds=SLOW_SECONDS)

    def _succeed(self, target: Target, end: End) -> None:
        self.breakers.of(target.name).succeed()
        if self.teller is not None:
            self.teller.worked(target.name)
        self.on_spent(target, end.tokens)
        self._last = target

    def _retry_after(self, tries: list[_Try], fault: Fault) -> float | None:
        """Return when the first of these targets may be asked again, unless that is useless or too far away."""
        if fault is Fault.PERMANENT or (all(t.dead for t in tries) and fault in (Fault.FAILOVER, Fault.BILLING)):
            return None
        waits = [self.breakers.of(t.target.name).wait for t in tries]
        soonest = max(min(waits, default=0.0), self.retry.pause(self.retry.retries))
        return soonest if soonest <= KEEP_SECONDS else None
