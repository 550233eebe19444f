"""Several workers at the same query: one looks, and whoever keeps findings makes one row of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from clawsite.core.db import with_retry
from runbooks.anomalies.store import Found, keep
from runbooks.anomalies.values import Finding, Kind, Rules
from runbooks.anomalies.watching import look
from runbooks.models import Anomaly, NamedQuery, QueryWatch
from tests.runbooks.test_races import MANY, together
from tests.servers.courses import CourseServer

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 1, 20, 12, 0, tzinfo=UTC)


def test_one_of_many_workers_looks_at_a_query(courses: CourseServer, query: NamedQuery) -> None:
    courses.put("tx", lambda at: 0.0 if at > NOW.timestamp() - 600 else 100 + at % 7)

    found = together(lambda _: with_retry(lambda: look(query, now=NOW)))

    assert sorted(found) == [False] * (MANY - 1) + [True]
    assert Anomaly.objects.count() == 1
    assert len(courses.asked) == 2


def test_the_same_findings_of_many_are_one_row(query: NamedQuery) -> None:
    QueryWatch.objects.create(query=query)
    at = NOW.timestamp()
    finding = Finding(kind=Kind.DROP, started_at=at - 600, ended_at=at, lasts=True, robust=-9)
    found = [Found(labels={"merchant": "xyz"}, findings=[finding])]

    errors = together(lambda _: with_retry(lambda: keep(query, found, until=NOW, rules=Rules())))

    assert errors == [None] * MANY
    assert [(row.kind, row.state) for row in Anomaly.objects.all()] == [("drop", "open")]
