"""How often the detector is right on labelled series, and that the labels are what they say."""

from __future__ import annotations

from itertools import pairwise

import pytest

from runbooks.anomalies.values import Finding, Kind
from tests.bench.anomalies import to_anomalies_table
from tests.runbooks.anomalies.labelled import RECIPES, Label, all_series, make_series
from tests.runbooks.anomalies.scoring import Score, compare, score_all

SEEDS = 2


def test_findings_are_right_and_incidents_are_found() -> None:
    scores = score_all(all_series(SEEDS))
    total = Score()
    for score in scores.values():
        total.add(score)

    assert set(scores) == set(RECIPES)
    assert total.found + total.missed >= 40 * SEEDS
    assert total.precision >= 0.9, scores
    assert total.recall >= 0.8, scores
    assert total.named >= 0.9 * total.found, scores


def test_a_series_and_its_labels_are_the_same_every_time() -> None:
    one, again, other = make_series("sparse", 1), make_series("sparse", 1), make_series("sparse", 2)

    assert one == again
    assert one.points != other.points


@pytest.mark.parametrize("name", RECIPES)
def test_labels_lie_within_what_is_judged_and_apart(name: str) -> None:
    series = make_series(name, 1)
    labels = sorted(series.labels, key=lambda label: label.start)

    assert len(labels) == len(RECIPES[name].incidents)
    assert all(series.start <= label.start < label.end <= series.end for label in labels)
    assert all(one.end < other.start for one, other in pairwise(labels))


def test_the_count_knows_right_from_wrong() -> None:
    labels = [Label(kind="drop", start=10_000, end=20_000), Label(kind="spike", start=50_000, end=51_000)]

    def count(start: float, end: float) -> Score:
        return compare([Finding(kind=Kind.DROP, started_at=start, ended_at=end)], labels, step=60)

    assert count(10_000, 20_000) == Score(right=1, wrong=0, found=1, missed=1, named=1)
    assert count(30_000, 31_000) == Score(right=0, wrong=1, found=0, missed=2, named=0)
    assert count(0, 90_000) == Score(right=0, wrong=1, found=0, missed=2, named=0)
    assert count(50_000, 50_500) == Score(right=1, wrong=0, found=1, missed=1, named=0)


def test_the_table_has_a_line_for_each_shape_and_one_for_all() -> None:
    lines = to_anomalies_table(seeds=1).splitlines()

    assert len(lines) == len(RECIPES) + 3
    assert lines[-1].startswith("| all |")
