"""The numbers of a briefing against a real Prometheus whose past is known: equal to the truth, and to its own sums."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from runbooks.briefings.systems import read_system
from runbooks.briefings.window import Window
from runbooks.models import MonitoredSystem, NamedQuery
from tests.runbooks.briefings.backfill import END, HOURS, BackfilledPrometheus, Truth, ask_directly, backfilled

pytestmark = [pytest.mark.services, pytest.mark.django_db]

QUERIES = {
    "traffic": "60 * sum(rate(shop_tx_total[1m]))",
    "success": '100 * sum(rate(shop_tx_total{outcome="ok"}[1m])) / sum(rate(shop_tx_total[1m]))',
    "failures": '100 * sum by (merchant) (rate(shop_tx_total{outcome="failed"}[1m]))'
    " / sum by (merchant) (rate(shop_tx_total[1m]))",
}
WINDOW = Window.until(END, hours=HOURS)


@pytest.fixture(scope="module")
def past() -> Iterator[tuple[BackfilledPrometheus, Truth]]:
    """One for all tests here."""
    with backfilled() as made:
        yield made


@pytest.fixture
def system(past: tuple[BackfilledPrometheus, Truth]) -> MonitoredSystem:
    """The shop's row."""
    made = MonitoredSystem.objects.create(name="shop", prometheus_url=past[0].url)
    for part, promql in QUERIES.items():
        NamedQuery.objects.create(system=made, name=part, promql=promql, briefing=part)
    return made


def test_they_equal_what_was_counted_and_what_prometheus_adds_up(
    system: MonitoredSystem, past: tuple[BackfilledPrometheus, Truth]
) -> None:
    server, truth = past
    told = read_system(system, WINDOW)
    traffic, success = told["figures"]
    assert told["errors"] == []
    assert (traffic["covered"], success["covered"]) == (1.0, 1.0)

    assert round(traffic["value"]) == truth.total
    assert round(ask_directly(server, f"sum(increase(shop_tx_total[{HOURS}h]))")) == truth.total
    assert success["value"] == pytest.approx(100 * (1 - truth.failed / truth.total), abs=1e-9)
    directly = f'sum(increase(shop_tx_total{{outcome="ok"}}[{HOURS}h])) / sum(increase(shop_tx_total[{HOURS}h]))'
    assert success["value"] == pytest.approx(100 * ask_directly(server, directly), abs=1e-9)


def test_the_merchant_that_fails_is_the_one_that_is_named(system: MonitoredSystem) -> None:
    (point,) = read_system(system, WINDOW)["attention"]
    assert point["name"] == "merchant xyz"
    assert point["value"] == pytest.approx((6 * 20 + 2 * 40) / 8)
    assert point["usual"] == pytest.approx((6 * 1 + 2 * 2) / 8)


def test_a_time_that_is_known_in_part_says_so(system: MonitoredSystem) -> None:
    early = Window.until(END - timedelta(hours=4), hours=HOURS)
    traffic, _ = read_system(system, early)["figures"]
    assert (traffic["covered"], traffic["minutes"]) == (pytest.approx(5 / 8, abs=0.005), pytest.approx(300, abs=1))
    nothing = read_system(system, Window.until(END - timedelta(days=2), hours=HOURS))
    assert [figure["value"] for figure in nothing["figures"]] == [None, None]


def test_one_wrong_query_hides_no_other(system: MonitoredSystem) -> None:
    NamedQuery.objects.filter(name="success").update(promql="sum(")
    told = read_system(system, WINDOW)
    assert [figure["part"] for figure in told["figures"]] == ["traffic"]
    assert [error["query"] for error in told["errors"]] == ["success"]
    assert len(told["attention"]) == 1


def test_a_single_rate_is_held_to_the_day_before(system: MonitoredSystem) -> None:
    failing = f"100 - ({QUERIES['success']})"
    late = Window.until(END, hours=2)
    system.queries.filter(name="failures").update(promql=failing)
    assert read_system(system, late)["attention"] == []  # twice as much as before is not three times
    system.queries.filter(name="failures").update(promql=f"({failing}) ^ 2")
    (point,) = read_system(system, late)["attention"]
    assert (point["name"], point["alone"]) == ("", True)
    assert point["value"] == pytest.approx(4 * point["usual"])
