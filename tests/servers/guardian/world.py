"""The state of the example system: how many transactions there are, how they end, and what is wrong with it.

Invariant: counters only grow, and by the rate times the time that passed, so that whoever scrapes them sees the rate.
"""

from __future__ import annotations

import math
import random
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

Trouble = Literal["zero", "spike", "slow", "merchant"]
TROUBLES: tuple[str, ...] = get_args(Trouble)
OUTCOMES = ("approved", "declined", "failed")

# Share of all transactions; together 1.
MERCHANTS = {"acme": 0.34, "borealis": 0.26, "cantina": 0.18, "delta": 0.13, "xyz": 0.09}
PER_MINUTE = 1247.0
APPROVAL = 0.942
SPIKE = 5.0
FAILING = 0.6
# What one worker does in a minute; what is beyond waits.
WORKER_PER_MINUTE = 900.0
FAST_SECONDS, SLOW_SECONDS = 0.04, 3.0
# Uptime is told over thirty days, of which the system was away this long before it was started here.
DAYS, AWAY_SECONDS = 30, 777.6


@dataclass(kw_only=True, slots=True)
class World:
    """The system itself. `noise` is how far the rate strays by chance: 0.03 is three percent."""

    clock: Callable[[], float] = time.time
    noise: float = 0.03
    workers: int = 3
    cached: int = 1200
    troubles: dict[Trouble, str] = field(default_factory=dict)
    counts: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    backlog: float = 0.0
    away: float = AWAY_SECONDS
    started_at: float = 0.0
    ready_at: float = 0.0
    seen: list[float] = field(default_factory=list)
    _advanced_at: float = 0.0
    _random: random.Random = field(default_factory=lambda: random.Random(7))

    def __post_init__(self) -> None:
        self.started_at = self._advanced_at = self.clock()
        for merchant in MERCHANTS:
            for outcome in OUTCOMES:
                self.counts[merchant, outcome] = 0.0

    # What goes wrong, and what helps
    def misbehave(self, trouble: Trouble, merchant: str = "xyz") -> None:
        """Begin one kind of trouble: no transactions, five times as many, slow answers, or a merchant that fails."""
        if trouble not in TROUBLES or merchant not in MERCHANTS:
            raise ValueError(f"one of {', '.join(TROUBLES)}; merchants are {', '.join(MERCHANTS)}")
        self.advance()
        if trouble not in self.troubles:
            self.seen.append(self.clock())
        self.troubles[trouble] = merchant if trouble == "merchant" else ""

    def behave(self) -> None:
        """End all trouble at once, as if it had passed by itself."""
        self.advance()
        self.troubles.clear()
        self.backlog = 0.0

    def restart(self, seconds: float = 0.0) -> None:
        """Start anew: nothing is wrong afterwards. For `seconds` it is not ready, and nothing is done."""
        self.behave()
        self.started_at = self.clock()
        self.ready_at = self.started_at + seconds

    def clear_cache(self) -> int:
        """Empty the cache, which is what makes answers slow; return how many entries went."""
        self.advance()
        gone, self.cached = self.cached, 0
        self.troubles.pop("slow", None)
        return gone

    def scale(self, workers: int) -> None:
        """Have so many workers."""
        if not 1 <= workers <= 50:
            raise ValueError("1 to 50 workers")
        self.advance()
        self.workers = workers

    # How it is
    @property
    def is_ready(self) -> bool:
        return self.clock() >= self.ready_at

    @property
    def status(self) -> str:
        """One word for its health."""
        if not self.is_ready:
            return "starting"
        if "zero" in self.troubles:
            return "unhealthy"
        return "degraded" if self.troubles or self.backlog > WORKER_PER_MINUTE else "healthy"

    @property
    def uptime(self) -> float:
        """Percent of the last thirty days."""
        return 100.0 * (1 - min(1.0, self.away / (DAYS * 86_400)))

    @property
    def latency(self) -> float:
        """Seconds that an answer of its API takes."""
        return SLOW_SECONDS if "slow" in self.troubles else FAST_SECONDS

    @property
    def arriving(self) -> float:
        """Transactions that arrive in a minute: a slow daily wave and some chance."""
        if "zero" in self.troubles or not self.is_ready:
            return 0.0
        wave = 1 + 0.05 * math.sin(self.clock() / 86_400 * 2 * math.pi)
        chance = 1 + self._random.uniform(-self.noise, self.noise)
        return PER_MINUTE * wave * chance * (SPIKE if "spike" in self.troubles else 1)

    @property
    def per_minute(self) -> float:
        """Transactions that are done in a minute: what arrives, as far as the workers come."""
        return min(self.arriving, self.workers * WORKER_PER_MINUTE)

    @property
    def approval(self) -> float:
        """Percent of the transactions that are approved."""
        return 100.0 * sum(share * self.shares(merchant)["approved"] for merchant, share in MERCHANTS.items())

    def shares(self, merchant: str) -> dict[str, float]:
        """How the transactions of a merchant end, as shares of 1."""
        failed = FAILING if self.troubles.get("merchant") == merchant else 0.004
        approved = (1 - failed) * APPROVAL / (1 - 0.004)
        return {"approved": approved, "declined": 1 - failed - approved, "failed": failed}

    def anomalies(self) -> int:
        """How often something went wrong in the last hour."""
        return sum(self.clock() - at < 3600 for at in self.seen)

    def advance(self) -> None:
        """Bring the counters up to now."""
        now = self.clock()
        minutes, self._advanced_at = max(0.0, now - self._advanced_at) / 60, now
        arriving, done = self.arriving * minutes, self.per_minute * minutes
        self.backlog = max(0.0, self.backlog + arriving - self.workers * WORKER_PER_MINUTE * minutes)
        self.cached += round(done / 50)
        if self.status in ("unhealthy", "starting"):
            self.away += minutes * 60
        for merchant, share in MERCHANTS.items():
            for outcome, part in self.shares(merchant).items():
                self.counts[merchant, outcome] += done * share * part
