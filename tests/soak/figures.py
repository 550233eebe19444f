"""What the samples of a soak say: slopes, percentiles, and which of them are beyond their limits. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import linear_regression, median

MIB = 1024 * 1024
HOUR = 3600.0
# Beginnings are not judged, and comparisons are of a first and a last part: so long, or a quarter of a shorter soak.
WARM_SECONDS = PART_SECONDS = 1800.0
SHARE = 0.25
# A process is judged when it was there for most of the time; what a job runs in is not.
STAYED = 0.8
LEAST_POINTS = 10

MOST_SLOPE = 1.0
MOST_RATIO = 1.2
MOST_MORE = 3
MOST_WAL = 64 * MIB


@dataclass(frozen=True, slots=True)
class Point:
    """One process at one moment (seconds since the soak began)."""

    at: float
    memory: int
    files: int
    threads: int


@dataclass(kw_only=True, slots=True)
class Samples:
    """Everything that was measured."""

    seconds: float
    processes: dict[str, list[Point]] = field(default_factory=dict)
    answers: list[tuple[float, float]] = field(default_factory=list)
    pings: list[tuple[float, float]] = field(default_factory=list)
    wal: list[int] = field(default_factory=list)
    sent: int = 0
    lost: int = 0
    doubled: int = 0
    connects: int = 0
    cuts: Counter[str] = field(default_factory=Counter)
    restarts: int = 0
    jobs: int = 0

    @property
    def warm(self) -> float:
        """How long the beginning is that is not judged."""
        return min(WARM_SECONDS, self.seconds * SHARE)

    @property
    def part(self) -> float:
        """How long the parts are that are compared."""
        return min(PART_SECONDS, self.seconds * SHARE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One line of the result. `limit` is empty for what is only told."""

    name: str
    value: str
    limit: str = ""
    good: bool = True


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return by how much a value grows in an hour; 0 from too few points."""
    if len(points) < LEAST_POINTS:
        return 0.0
    times, values = zip(*points, strict=True)
    return linear_regression(times, values).slope * HOUR


def percentile(found: Sequence[tuple[float, float]], share: float, *, begin: float, end: float) -> float:
    """Return the percentile of what was measured in a span; 0 when nothing was."""
    values = sorted(value for at, value in found if begin <= at <= end)
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def compare(found: Sequence[tuple[float, float]], samples: Samples) -> tuple[float, float]:
    """Return the 99th percentile of the first part after the beginning, and of the last part."""
    first = percentile(found, 0.99, begin=samples.warm, end=samples.warm + samples.part)
    return first, percentile(found, 0.99, begin=samples.seconds - samples.part, end=samples.seconds)


def sizes(samples: Samples) -> list[str]:
    """Return the memory of every process at its last look that is still there, by name."""
    last = max((points[-1].at for points in samples.processes.values()), default=0.0)
    return [
        f"{name} {points[-1].memory / MIB:.1f} MiB"
        for name, points in sorted(samples.processes.items())
        if last - points[-1].at < 1
    ]


def p99(samples: Samples, now: float, seconds: float = 300.0) -> float:
    """Return the 99th percentile of the time to an answer in the last seconds."""
    return percentile(list(samples.answers), 0.99, begin=now - seconds, end=now)


def judge(samples: Samples) -> list[Figure]:
    """Return the whole result."""
    return [*_messages(samples), *_sockets(samples), *_storage(samples), *_processes(samples)]


def _messages(samples: Samples) -> list[Figure]:
    return [
        Figure(name="messages written", value=f"{samples.sent:,} in {samples.seconds / 60:.0f} minutes"),
        Figure(name="lost", value=str(samples.lost), limit="0", good=samples.lost == 0),
        Figure(name="answered twice", value=str(samples.doubled), limit="0", good=samples.doubled == 0),
        _ratio("time to the answer, p99", samples.answers, samples),
    ]


def _sockets(samples: Samples) -> list[Figure]:
    return [
        Figure(name="connections opened", value=f"{samples.connects:,}"),
        Figure(name="connections cut", value=_count(samples.cuts), limit="0", good=not samples.cuts),
        Figure(name="jobs run", value=f"{samples.jobs:,}"),
        _ratio("time of a ping, p99", samples.pings, samples),
    ]


def _count(cuts: Counter[str]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in cuts.most_common()) or "0"


def _ratio(name: str, found: Sequence[tuple[float, float]], samples: Samples) -> Figure:
    first, last = compare(found, samples)
    good = 0 < last <= first * MOST_RATIO  # 0: nothing came any more, because what asked has ended
    value = f"{first * 1000:.0f} ms, at the end {last * 1000:.0f} ms"
    return Figure(name=name, value=value, limit=f"at most {MOST_RATIO} times", good=good)


def _storage(samples: Samples) -> list[Figure]:
    most = max(samples.wal, default=0)
    return [Figure(name="largest WAL", value=f"{most / MIB:.1f} MiB", limit="64 MiB", good=most < MOST_WAL)]


def _processes(samples: Samples) -> list[Figure]:
    restarts = Figure(name="restarts", value=str(samples.restarts), limit="0", good=samples.restarts == 0)
    least = STAYED * max((len(points) for points in samples.processes.values()), default=0)
    stayed = {name: points for name, points in samples.processes.items() if len(points) >= least}
    return [restarts, *(_process(name, points, samples) for name, points in sorted(stayed.items()))]


def _process(name: str, points: list[Point], samples: Samples) -> Figure:
    """Return one line for a process: its memory from the beginning on, and what grew after it was warm."""
    judged = [point for point in points if point.at >= samples.warm]
    grows = slope([(point.at, point.memory / MIB) for point in judged])
    files = _levels([point.files for point in judged])
    threads = _levels([point.threads for point in judged])
    ends = f"{points[0].memory / MIB:.0f} to {points[-1].memory / MIB:.0f} MiB ({grows:+.2f} MiB an hour)"
    more = f"{files[0]:.0f} to {files[1]:.0f} files, {threads[0]:.0f} to {threads[1]:.0f} threads"
    return Figure(
        name=name,
        value=f"{ends}, {more}",
        limit=f"+{MOST_SLOPE:.0f} MiB an hour, +{MOST_MORE}",
        good=grows < MOST_SLOPE and all(last - first <= MOST_MORE for first, last in (files, threads)),
    )


def _levels(values: Sequence[int]) -> tuple[float, float]:
    """Return the medians of the first and of the last quarter."""
    quarter = max(1, len(values) // 4)
    return (median(values[:quarter]), median(values[-quarter:])) if values else (0.0, 0.0)
