"""What a soak concludes from its samples: what grows is seen, what is only noise or a beginning is not."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.soak.figures import MIB, Point, Samples, judge, p99, percentile, sizes, slope

SECONDS = 7200.0


def steady(**change: object) -> Samples:
    """Two hours in which nothing was wrong, but for the change."""
    dice = random.Random(5)
    samples = Samples(seconds=SECONDS, sent=36_000, connects=6000, jobs=700, wal=[4 * MIB] * 480)
    for number in range(480):
        at = number * 15.0
        samples.answers.append((at, dice.uniform(0.02, 0.05)))
        samples.pings.append((at, dice.uniform(0.001, 0.002)))
        for name in ("web 7", "bots 8"):
            memory = (100 + min(10, number / 10)) * MIB + dice.randrange(MIB)
            point = Point(at, round(memory), 40 + dice.randrange(3), 3)
            samples.processes.setdefault(name, []).append(point)
    for name, value in change.items():
        setattr(samples, name, value)
    return samples


def beyond(samples: Samples) -> list[str]:
    """Return the names of the figures that are beyond their limits."""
    return [figure.name for figure in judge(samples) if not figure.good]


def test_noise_and_the_growth_of_a_beginning_are_within_the_limits() -> None:
    assert beyond(steady()) == []


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"lost": 1}, "lost"),
        ({"doubled": 1}, "answered twice"),
        ({"cuts": Counter(TimeoutError=1)}, "connections cut"),
        ({"restarts": 1}, "restarts"),
        ({"wal": [65 * MIB]}, "largest WAL"),
        ({"answers": []}, "time to the answer, p99"),
        ({"answers": [(number * 15.0, 0.03) for number in range(300)]}, "time to the answer, p99"),
        ({"pings": [(number * 15.0, 0.03) for number in range(300, 480)]}, "time of a ping, p99"),
        ({"pings": [(0.0, 0.1), (1800.0, 0.1), (7200.0, 0.13)]}, "time of a ping, p99"),
    ],
)
def test_each_limit_is_told_by_its_name(change: dict[str, object], name: str) -> None:
    assert beyond(steady(**change)) == [name]


@pytest.mark.parametrize(
    ("memory", "files", "threads"),
    [(1.5, 0.0, 0.0), (0.0, 4.0, 0.0), (0.0, 0.0, 4.0)],
    ids=["memory", "files", "threads"],
)
def test_a_process_that_grows_is_found(memory: float, files: float, threads: float) -> None:
    samples = steady()
    samples.processes["web 7"] = [
        Point(
            at, round((100 + at / 3600 * memory) * MIB), round(40 + at / 3600 * files), round(3 + at / 3600 * threads)
        )
        for at in (number * 15.0 for number in range(480))
    ]
    assert beyond(samples) == ["web 7"]


def test_what_came_and_went_is_not_judged() -> None:
    samples = steady()
    samples.processes["queue 9"] = [Point(at, round(at * MIB), 1, 1) for at in range(3000, 3600)][::60]
    assert beyond(samples) == []
    assert not any(figure.name == "queue 9" for figure in judge(samples))


def test_a_slope_is_by_the_hour_and_none_is_drawn_through_a_few_points() -> None:
    assert slope([(number * 60.0, number * 2.0) for number in range(30)]) == pytest.approx(120)
    assert slope([(0.0, 0.0), (60.0, 100.0)]) == 0


def test_a_percentile_is_of_its_span() -> None:
    found = [(float(number), float(number)) for number in range(1000)]
    assert percentile(found, 0.99, begin=100, end=199) == 199
    assert percentile(found, 0.99, begin=2000, end=3000) == 0


def test_what_is_told_meanwhile_is_of_those_that_are_there_and_of_the_last_minutes() -> None:
    samples = steady()
    samples.processes["queue 9"] = [Point(15.0, 50 * MIB, 9, 1)]
    samples.answers = [(at, 0.5 if at < 6000 else 0.1) for at, _ in samples.answers]

    assert [told.rpartition(" 1")[0] for told in sizes(samples)] == ["bots 8", "web 7"]
    assert p99(samples, SECONDS) == 0.1
    assert p99(samples, SECONDS, seconds=3600.0) == 0.5
