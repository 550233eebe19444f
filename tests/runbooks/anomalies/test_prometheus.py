"""The watch on a real Prometheus: its steps, its way to end a series, and the season of days before."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from runbooks.anomalies.watching import look
from runbooks.models import Anomaly, MonitoredSystem, NamedQuery, QueryWatch
from tests.programs import need_program
from tests.runbooks.briefings.backfill import BackfilledPrometheus

pytestmark = [pytest.mark.services, pytest.mark.django_db]

END = datetime(2026, 10, 25, 6, 0, tzinfo=UTC)
DAYS = 4


def night_and_day(at: float) -> float:
    """Six times as much at noon as at midnight."""
    return 700 - 500 * math.cos(2 * math.pi * (at - END.timestamp() + 6 * 3600) / 86_400) + at % 7


def write_past() -> str:
    """Four days of three shops: one as ever, one with nothing in the last twenty minutes, one silent for forty."""
    end = END.timestamp()
    times = [end - number * 60 for number in range(DAYS * 1440, -1, -1)]
    rows = ["# TYPE shop_tx gauge"]
    rows += [f'shop_tx{{shop="usual"}} {night_and_day(at):.2f} {at:.0f}' for at in times]
    rows += [f'shop_tx{{shop="empty"}} {0 if at > end - 1200 else night_and_day(at):.2f} {at:.0f}' for at in times]
    rows += [f'shop_tx{{shop="silent"}} {night_and_day(at):.2f} {at:.0f}' for at in times if at <= end - 2400]
    return "\n".join([*rows, "# EOF", ""])


@pytest.fixture(scope="module")
def prometheus() -> Iterator[BackfilledPrometheus]:
    """Prometheus with that past."""
    programs = need_program("prometheus"), need_program("promtool")
    with BackfilledPrometheus.running(programs[0], write_past(), programs[1]) as server:
        yield server


def test_what_is_unusual_in_a_real_prometheus_is_found(prometheus: BackfilledPrometheus) -> None:
    system = MonitoredSystem.objects.create(name="shop", prometheus_url=prometheus.url)
    query = NamedQuery.objects.create(system=system, name="tx", promql="shop_tx", unit="/min", watched=True)

    assert look(query, now=END)

    rows = {row.labels["shop"]: row for row in Anomaly.objects.all()}
    assert {shop: (row.kind, row.state) for shop, row in rows.items()} == {
        "empty": ("drop", "open"),
        "silent": ("missing", "open"),
    }
    assert rows["empty"].started_at == END - timedelta(minutes=19)
    assert rows["empty"].expected == pytest.approx(night_and_day(END.timestamp()), rel=0.1)
    assert rows["silent"].started_at - (END - timedelta(minutes=40)) < timedelta(minutes=7)
    assert QueryWatch.objects.get().error == ""


def test_an_expression_that_prometheus_refuses_is_told(prometheus: BackfilledPrometheus) -> None:
    system = MonitoredSystem.objects.create(name="shop", prometheus_url=prometheus.url)
    query = NamedQuery.objects.create(system=system, name="tx", promql="sum(shop_tx", watched=True)

    assert not look(query, now=END)
    assert "does not take this expression" in QueryWatch.objects.get().error
