"""What fires now: the worst first, without what is silenced and without the alert that always fires."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from runbooks.briefings.firing import read_firing
from runbooks.models import Alert, AlertGroup, MonitoredSystem
from tests.clawsite.ops.test_growth import steps_of_sqlite
from tests.runbooks.alerts.deliveries import One, fire
from tests.servers.hosting import Hosted
from tests.servers.http import HttpServer
from tests.servers.wire import Response

pytestmark = pytest.mark.django_db


class Alertmanager(Hosted):
    """Tells these alerts."""

    def __init__(self, alerts: list[dict[str, Any]]) -> None:
        super().__init__()
        self.server = HttpServer(lambda request: Response.from_json(alerts))

    async def _open(self) -> None:
        await self.server.open()

    async def _close(self) -> None:
        await self.server.close()


def alert(name: str, severity: str, minute: int, *, state: str = "active") -> dict[str, Any]:
    return {
        "fingerprint": name,
        "labels": {"alertname": name} | ({"severity": severity} if severity else {}),
        "startsAt": f"2026-10-25T01:{minute:02}:00Z",
        "status": {"state": state, "silencedBy": [], "inhibitedBy": []},
    }


def test_the_worst_first() -> None:
    alerts = [
        alert("Watchdog", "none", 0),
        alert("Odd", "", 1),
        alert("Slow", "warning", 2),
        alert("Down", "CRIT", 9),
        alert("Zero", "critical", 8),
        alert("Known", "critical", 3, state="suppressed"),
    ]
    with Alertmanager(alerts).running() as server:
        system = MonitoredSystem.objects.create(name="shop", alertmanager_url=server.server.url)
        told = read_firing(system)
    assert told["count"] == 4
    assert [each["name"] for each in told["alerts"]] == ["Zero", "Down", "Slow", "Odd"]
    assert [each["severity"] for each in told["alerts"]] == ["critical", "critical", "warning", ""]
    assert told["alerts"][0]["since"] == "2026-10-25T01:08:00+00:00"


def test_what_was_told_to_us_is_in_our_own_rows() -> None:
    fire(One(name="Down", instance="a"))
    known, other = alert("Down-a", "critical", 1), alert("Down-b", "critical", 2)
    with Alertmanager([known, other]).running() as server:
        told = read_firing(MonitoredSystem.objects.create(name="shop", alertmanager_url=server.server.url))
    assert [each["name"] for each in told["alerts"]] == ["Down-b"]


def test_many_are_counted_and_the_rest_left_out() -> None:
    with Alertmanager([alert(f"A{each}", "warning", each) for each in range(40)]).running() as server:
        told = read_firing(MonitoredSystem.objects.create(name="shop", alertmanager_url=server.server.url))
    assert (told["count"], len(told["alerts"])) == (40, 5)


@pytest.mark.sqlite
def test_what_is_over_costs_nothing() -> None:
    costs = []
    with Alertmanager([alert("Down", "critical", 1)]).running() as server:
        system = MonitoredSystem.objects.create(name="shop", alertmanager_url=server.server.url)
        for numbers in (range(100), range(100, 1000)):
            over = {"state": "resolved", "severity": "warning"}
            groups = AlertGroup.objects.bulk_create(AlertGroup(key=f"{each}", title="x", **over) for each in numbers)
            Alert.objects.bulk_create(
                Alert(group=group, fingerprint="other", starts_at=timezone.now(), **over) for group in groups
            )
            with steps_of_sqlite() as taken:
                read_firing(system)
            costs.append(taken())
    assert costs[1] <= costs[0] + 30, "tens of steps"
