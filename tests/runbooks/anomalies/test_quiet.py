"""Nights, weekends and growth, seen by the watch with its two resolutions: nothing of it is an anomaly."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta

from runbooks.anomalies.watching import look
from runbooks.models import Anomaly, NamedQuery
from tests.servers.courses import CourseServer

MONDAY = datetime(2026, 1, 19, tzinfo=UTC)
WEEK = 7


def traffic(at: float) -> float:
    """Days and nights, weekends of a third, two percent more each week, and noise that is the same for a moment."""
    days = (at - MONDAY.timestamp()) / 86_400
    share = 0.35 if int(days // 1) % WEEK >= 5 else 1.0
    growth = math.pow(1.02, days / WEEK)
    level = (700 - 500 * math.cos(2 * math.pi * days)) * share * growth
    return level * random.Random(at).gauss(1, 0.05)


def test_an_ordinary_week_has_no_anomalies(courses: CourseServer, query: NamedQuery) -> None:
    courses.put("tx", traffic)
    for number in range(20):
        look(query, now=MONDAY + timedelta(hours=8.5 * number))

    assert list(Anomaly.objects.values_list("kind", "started_at", "robust")) == []


def test_the_outage_of_yesterday_hides_none_and_makes_none(courses: CourseServer, query: NamedQuery) -> None:
    now = MONDAY + timedelta(days=2, hours=12)
    outages = [(now - timedelta(days=1, minutes=90), now - timedelta(hours=23)), (now - timedelta(minutes=20), now)]
    spans = [(start.timestamp(), end.timestamp()) for start, end in outages]

    def broken(at: float) -> float:
        return 0.0 if any(start <= at <= end for start, end in spans) else traffic(at)

    courses.put("tx", broken)
    look(query, now=now - timedelta(minutes=30))
    assert not Anomaly.objects.exists()
    look(query, now=now)
    assert [(row.kind, row.started_at) for row in Anomaly.objects.all()] == [("drop", outages[1][0])]


def test_a_sunday_that_is_like_a_monday_is_one(courses: CourseServer, query: NamedQuery) -> None:
    sunday = MONDAY + timedelta(days=6, hours=11)
    courses.put("tx", lambda at: traffic(at) * (1 if at < sunday.timestamp() else 2.9))
    look(query, now=sunday + timedelta(minutes=30))

    assert [(row.kind, row.started_at) for row in Anomaly.objects.all()] == [("spike", sunday)]
