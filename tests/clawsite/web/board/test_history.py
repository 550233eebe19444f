"""What the charts draw: sums or the worst of the minutes of a step, and nothing where nothing is known."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from clawsite.models import Minute
from clawsite.web.board.charts import CHARTS, LINES, describe
from clawsite.web.board.history import RANGES, read_history

pytestmark = pytest.mark.django_db


def this_minute() -> datetime:
    return timezone.now().replace(second=0, microsecond=0)


def known(history: dict[str, Any], key: str) -> list[float]:
    return [value for value in history["lines"][key] if value is not None]


def test_minutes_of_a_step_are_added_or_the_worst_is_shown() -> None:
    minute = this_minute()
    for ago in range(1, 125):
        Minute.objects.create(at=minute - timedelta(minutes=ago), data={"in": 2, "p95_agent": float(ago)})
    history = read_history(168)
    assert history["lines"]["in"][-1] == 120.0  # the last hour that is over
    assert 60.0 <= history["lines"]["p95_agent"][-1] <= 120.0


def test_what_is_not_known_is_no_zero() -> None:
    Minute.objects.create(at=this_minute() - timedelta(minutes=3), data={"in": 1})
    history = read_history(1)
    assert known(history, "in") == [1.0]
    assert known(history, "queue_inbox") == []
    assert len(history["lines"]["in"]) == 60


@pytest.mark.parametrize("hours", RANGES)
def test_a_range_has_at_most_180_steps(hours: int) -> None:
    history = read_history(hours)
    assert len(history["at"]) == hours * 60 // RANGES[hours] <= 180
    assert {two - one for one, two in zip(history["at"], history["at"][1:], strict=False)} == {RANGES[hours] * 60}


def test_many_pages_share_one_reading(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        read_history(6)
        read_history(6)


def test_no_two_charts_or_lines_have_one_name() -> None:
    assert len({chart.name for chart in CHARTS}) == len(CHARTS) == len(describe())
    assert len({line.key for line in LINES}) == len(LINES)
    assert max(len(chart.lines) for chart in CHARTS) <= 5  # colours of the page
