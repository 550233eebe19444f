"""What models cost and how much they can read. An unknown model costs 0 and says so (`known` is False).

Source: the price and model tables of platform.claude.com (November 2026), US dollars for a million tokens.
Reading from the cache costs a tenth of the input price, writing to it (5 minutes) a quarter more.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache

from bots.agent.provider import Tokens
from bots.agent.types import Usage

logger = logging.getLogger(__name__)

CACHE_READ = 0.1
CACHE_WRITE = 1.25


@dataclass(frozen=True, slots=True)
class Model:
    """Prices of input and output, and the window in tokens. From `long_at` prompt tokens on the long prices hold."""

    input: float
    output: float
    window: int
    long_at: int = 0
    long_input: float = 0.0
    long_output: float = 0.0


MODELS: dict[str, Model] = {
    "claude-fable-5": Model(10.0, 50.0, 1_000_000),
    "claude-opus-5-5": Model(4.0, 20.0, 1_000_000),
    "claude-sonnet-5-5": Model(2.0, 10.0, 1_000_000),
    "claude-haiku-5-5": Model(0.10, 0.50, 1_000_000, 100_000, 0.50, 2.50),
    "claude-haiku-4-5": Model(1.0, 5.0, 200_000),
}


@lru_cache(maxsize=256)
def find_model(name: str) -> Model | None:
    """Return the model with the longest prefix that fits, or None; an unknown one is logged once."""
    fitting = [prefix for prefix in MODELS if name.startswith(prefix)]
    if not fitting:
        logger.warning("the price of model %s is not known, its cost is counted as 0", name[:60])
        return None
    return MODELS[max(fitting, key=len)]


def is_known(name: str) -> bool:
    """Tell whether money limits can see the cost of this model."""
    return find_model(name) is not None


def count_usage(model: str, tokens: Tokens) -> Usage:
    """Return tokens and cost of one call."""
    return Usage(input=tokens.prompt, output=tokens.output, cached=tokens.cache_read, cost_usd=_cost(model, tokens))


def _cost(model: str, tokens: Tokens) -> float:
    found = find_model(model)
    if found is None:
        return 0.0
    is_long = bool(found.long_at) and tokens.prompt > found.long_at
    per_input = found.long_input if is_long else found.input
    per_output = found.long_output if is_long else found.output
    read = tokens.fresh + CACHE_READ * tokens.cache_read + CACHE_WRITE * tokens.cache_write
    return (read * per_input + tokens.output * per_output) / 1_000_000
