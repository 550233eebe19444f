"""Labelled series: made by fixed seeds, with incidents put in by their own story and written down as they are put in.

Nothing here knows the detector. What is put in is what people on call would want to hear of: outages, losses, surges,
stuck and silent exporters, some of them slight. What is not labelled is what they would not: nights and weekends,
growth, noise, one odd sample, the batch that runs every hour.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
# A Monday, 00:00 UTC.
BEGIN = 1_767_571_200.0


@dataclass(frozen=True, kw_only=True)
class Label:
    """One incident: from when to when, and of which kind."""

    kind: str
    start: float
    end: float


@dataclass(kw_only=True)
class Labelled:
    """A series of so many days, of which the last ones are judged."""

    shape: str
    seed: int
    step: float
    days: float
    judged: float
    unit: str = ""
    points: list[tuple[float, float]] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)

    @property
    def end(self) -> float:
        """The first moment after the series."""
        return BEGIN + self.days * DAY

    @property
    def start(self) -> float:
        """The first moment that is judged."""
        return self.end - self.judged * DAY

    def __str__(self) -> str:
        return f"{self.shape} {self.seed}"


Shape = Callable[[float, random.Random], float]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a shape is made: its usual course, and the incidents that may happen in it."""

    shape: Callable[[], Shape]
    step: float
    days: float
    judged: float
    incidents: tuple[str, ...]
    unit: str = ""
    shortest: float = 10 * MINUTE
    longest: float = 60 * MINUTE
    lost: float = 0.0


def _sun(at: float) -> float:
    """0 in the small hours, 1 in the afternoon."""
    return 0.5 - 0.5 * math.cos(2 * math.pi * ((at % DAY) / DAY - 0.125))


def _is_weekend(at: float) -> bool:
    return int((at - BEGIN) // DAY) % 7 >= 5


def _daily(at: float, dice: random.Random) -> float:
    return round((300 + 1200 * _sun(at)) * dice.gauss(1, 0.05), 2)


def _weekly(at: float, dice: random.Random) -> float:
    share = 0.35 if _is_weekend(at) else 1.0
    return round((300 + 1200 * _sun(at)) * share * dice.gauss(1, 0.06), 2)


def _trend(at: float, dice: random.Random) -> float:
    return round((500 + 40 * (at - BEGIN) / DAY) * dice.gauss(1, 0.05), 2)


def _sparse(at: float, dice: random.Random) -> float:
    return float(sum(dice.random() < 0.02 for _ in range(10)))


def _flat(at: float, dice: random.Random) -> float:
    return 4.0


def _bursts(at: float, dice: random.Random) -> float:
    batch = 6.0 if at % HOUR < 2 * MINUTE else 1.0
    glitch = 5.0 if dice.random() < 0.003 else 1.0
    return round(120 * max(batch, glitch) * dice.gauss(1, 0.08), 2)


def _percent(at: float, dice: random.Random) -> float:
    return round(min(100.0, dice.gauss(94.2, 0.6)), 2)


def _latency(at: float, dice: random.Random) -> float:
    return round(0.12 * math.exp(dice.gauss(0, 0.25)), 4)


def _steady(at: float, dice: random.Random) -> float:
    return round(dice.gauss(100, 6), 2)


def _wandering() -> Shape:
    """Noise that remembers: each point drags the next ones along, as real load does."""
    drift = 0.0

    def shape(at: float, dice: random.Random) -> float:
        nonlocal drift
        drift = 0.9 * drift + dice.gauss(0, 0.04)
        return round((300 + 1200 * _sun(at)) * (1 + drift) * dice.gauss(1, 0.03), 2)

    return shape


RECIPES: dict[str, Recipe] = {
    "daily season": Recipe(
        shape=lambda: _daily, step=5 * MINUTE, days=9, judged=2,
        incidents=("outage", "loss", "surge", "stuck", "silent"), shortest=25 * MINUTE, longest=2 * HOUR,
    ),
    "weekly season": Recipe(
        shape=lambda: _weekly, step=15 * MINUTE, days=22, judged=4,
        incidents=("outage", "loss", "surge", "silent"), shortest=75 * MINUTE, longest=4 * HOUR,
    ),
    "trend": Recipe(
        shape=lambda: _trend, step=5 * MINUTE, days=9, judged=2,
        incidents=("outage", "loss", "surge", "stuck"), shortest=25 * MINUTE, longest=2 * HOUR,
    ),
    "sparse": Recipe(
        shape=lambda: _sparse, step=MINUTE, days=2.5, judged=1, incidents=("flood", "flood", "silent"),
        shortest=30 * MINUTE, longest=90 * MINUTE,
    ),
    "flat": Recipe(shape=lambda: _flat, step=MINUTE, days=2, judged=0.5, incidents=("outage", "half", "silent")),
    "bursts": Recipe(shape=lambda: _bursts, step=MINUTE, days=2, judged=0.5, incidents=("outage", "surge", "loss")),
    "level shift": Recipe(shape=lambda: _steady, step=MINUTE, days=2, judged=0.5, incidents=("shift",)),
    "approval rate": Recipe(
        shape=lambda: _percent, step=MINUTE, days=2, judged=0.5, incidents=("decline", "decline", "stuck"), unit="%"
    ),
    "latency": Recipe(shape=lambda: _latency, step=MINUTE, days=2, judged=0.5, incidents=("slow", "slow", "slow")),
    "leaky": Recipe(
        shape=lambda: _steady, step=MINUTE, days=2, judged=0.5, incidents=("outage", "silent", "surge"), lost=0.03
    ),
    "calm": Recipe(shape=lambda: _steady, step=MINUTE, days=2, judged=0.5, incidents=()),
    "calm weeks": Recipe(shape=lambda: _weekly, step=15 * MINUTE, days=22, judged=7, incidents=()),
    "wandering": Recipe(
        shape=_wandering, step=5 * MINUTE, days=9, judged=2,
        incidents=("outage", "loss", "surge", "silent"), shortest=25 * MINUTE, longest=2 * HOUR,
    ),
    "slight": Recipe(
        shape=lambda: _daily, step=5 * MINUTE, days=9, judged=2,
        incidents=("dent", "bump", "dent", "bump"), shortest=25 * MINUTE, longest=2 * HOUR,
    ),
    "second weekend": Recipe(
        shape=lambda: _weekly, step=15 * MINUTE, days=13, judged=2,
        incidents=("outage", "surge"), shortest=75 * MINUTE, longest=4 * HOUR,
    ),
    "young season": Recipe(
        shape=lambda: _daily, step=MINUTE, days=1.75, judged=0.75, incidents=("outage", "surge", "silent"),
        shortest=15 * MINUTE,
    ),
    "short history": Recipe(shape=lambda: _steady, step=MINUTE, days=0.25, judged=0.25, incidents=("outage",)),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Incident:
    """What happened: the kind by which people name it, and what became of each value meanwhile (None: no point)."""

    kind: str
    change: Callable[[float], float | None]


def _happen(name: str, value: float, dice: random.Random) -> Incident:
    """Throw the dice for how bad it is; `value` is the series' where it begins."""
    size = dice.random()
    noise = random.Random(dice.random())
    stories: dict[str, Incident] = {
        "outage": Incident(kind="drop", change=lambda old: round(old * 0.02 * size, 2)),
        "loss": Incident(kind="drop", change=lambda old: round(old * (0.15 + 0.35 * size), 2)),
        "dent": Incident(kind="drop", change=lambda old: round(old * (0.35 + 0.2 * size), 2)),
        "bump": Incident(kind="spike", change=lambda old: round(old * (1.45 + 0.4 * size), 2)),
        "half": Incident(kind="drop", change=lambda old: old / 2),
        "surge": Incident(kind="spike", change=lambda old: round(old * (1.5 + 2 * size), 2)),
        "shift": Incident(kind="spike", change=lambda old: round(old * (1.6 + size), 2)),
        "slow": Incident(kind="spike", change=lambda old: round(old * (2.5 + 4 * size), 4)),
        "decline": Incident(kind="drop", change=lambda old: round(old - 4 - 25 * size, 2)),
        "flood": Incident(kind="spike", change=lambda old: old + float(noise.randint(2, 5))),
        "stuck": Incident(kind="flat", change=lambda old: value),
        "silent": Incident(kind="missing", change=lambda old: None),
    }
    return stories[name]


def make_series(name: str, seed: int) -> Labelled:
    """Make one series: its usual course first, then what happened, each incident in its own part of what is judged."""
    recipe = RECIPES[name]
    dice = random.Random(f"{name} {seed}")
    made = Labelled(shape=name, seed=seed, step=recipe.step, days=recipe.days, judged=recipe.judged, unit=recipe.unit)
    count = round(recipe.days * DAY / recipe.step)
    course = {BEGIN + number * recipe.step: 0.0 for number in range(count)}
    usual = recipe.shape()
    values: dict[float, float | None] = {at: usual(at, dice) for at in course}
    for label, incident in _plan(recipe, made, values, dice):
        made.labels.append(label)
        for at in course:
            old = values[at]
            if label.start <= at < label.end and old is not None:
                values[at] = incident.change(old)
    kept = ((at, value) for at, value in values.items() if value is not None and dice.random() >= recipe.lost)
    made.points = list(kept)
    return made


def _plan(
    recipe: Recipe, made: Labelled, values: dict[float, float | None], dice: random.Random
) -> Iterator[tuple[Label, Incident]]:
    """Say when each incident begins and ends, well apart from the others."""
    names = list(recipe.incidents)
    dice.shuffle(names)
    first = max(made.start, BEGIN + 2 * HOUR)
    share = (made.end - first) / max(1, len(names))
    for number, name in enumerate(names):
        length = _whole(dice.uniform(recipe.shortest, recipe.longest), recipe.step)
        begins = first + number * share
        begin = begins + _whole(dice.uniform(HOUR, share - length - HOUR), recipe.step)
        begin = BEGIN + _whole(begin - BEGIN, recipe.step)
        end = made.end if name == "shift" else begin + length
        incident = _happen(name, values[begin] or 0.0, dice)
        yield Label(kind=incident.kind, start=begin, end=end), incident


def _whole(seconds: float, step: float) -> float:
    return round(seconds / step) * step


def all_series(seeds: int = 4) -> Iterator[Labelled]:
    """Make every shape with so many seeds."""
    for name in RECIPES:
        for seed in range(1, seeds + 1):
            yield make_series(name, seed)
