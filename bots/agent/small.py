"""Small questions to a model behind the answer: the cheapest target first, one attempt more, a time limit, a cost.

Nothing here is ever in the way of a reply, and nothing is tried while the model or this job was failing a
moment ago.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial

from django.conf import settings

from bots.agent import budget
from bots.agent.anthropic import default_provider
from bots.agent.failover import Failover, NoAnswer, Retry
from bots.agent.provider import ModelCall, Provider, Tokens
from bots.agent.targets import breakers, by_price, list_targets, teller, usable_targets
from bots.agent.types import Target, Usage
from clawsite.core.errors import Unavailable

COOL_SECONDS = (60.0, 300.0, 900.0)
KEYS_MAX = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class _Text:
    """A system prompt of ours."""

    text: str
    stable: bool = True


class Asker:
    """Asks one small question and adds up what it cost."""

    def __init__(self, *, provider: Provider | None = None, retry: Retry | None = None) -> None:
        self._provider = provider
        self._retry = retry or Retry(retries=1)
        self.usage = Usage()
        self._meter = budget.open_meter()

    async def ask(self, system: str, text: str, *, seconds: float, max_tokens: int, whole: bool = False) -> str:
        """Return the model's text. Raises Unavailable when there is none in time, or no money left for today.

        `whole` also refuses one that was cut off.
        """
        targets = by_price(await usable_targets(list_targets()))
        if not targets or (settings.CLAW_DAY_USD and await budget.spent_today() >= settings.CLAW_DAY_USD):
            raise Unavailable("no model for work behind the answer")
        failover = Failover(
            provider=self._provider or default_provider(),
            targets=targets,
            breakers=breakers,
            retry=self._retry,
            on_spent=self._spend,
            teller=teller,
        )

        def make(target: Target) -> ModelCall:
            return ModelCall(
                target=target,
                system=(_Text(text=system),),
                messages=({"role": "user", "content": text},),
                max_tokens=max_tokens,
                on_left=partial(self._spend, target),
            )

        try:
            async with asyncio.timeout(seconds):
                end, _ = await failover.call(make, on_start=lambda: None, on_piece=lambda piece: None)
        except (NoAnswer, TimeoutError) as error:
            raise Unavailable(f"the model did not answer ({type(error).__name__})") from error
        if end.stop_reason == "refusal":
            raise Unavailable("the model declined")
        if whole and end.stop_reason in ("max_tokens", "model_context_window_exceeded"):
            raise Unavailable("the model's answer was cut off")
        return end.text.strip()

    def close(self) -> None:
        """Nothing more will be asked; the cost is about to be written down."""
        self._meter.close()

    def _spend(self, target: Target, tokens: Tokens) -> None:
        self.usage = self.usage + budget.spend(target.model, tokens, meter=self._meter)


class Cooling:
    """Who failed lately and is left alone: 60, then 300, then 900 s. Remembers the last thousand keys."""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def is_cool(self, key: str) -> bool:
        """Tell whether this may be tried now."""
        return time.monotonic() >= self._failed.get(key, (0, 0.0))[1]

    def fail(self, key: str) -> int:
        """Note a failure and return how many there were in a row."""
        times = self._failed.pop(key, (0, 0.0))[0] + 1
        wait = COOL_SECONDS[min(times, len(COOL_SECONDS)) - 1]
        self._failed[key] = (times, time.monotonic() + wait)
        while len(self._failed) > KEYS_MAX:
            self._failed.popitem(last=False)
        return times

    def succeed(self, key: str) -> None:
        """Forget its failures."""
        self._failed.pop(key, None)
