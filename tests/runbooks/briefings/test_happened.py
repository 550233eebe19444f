"""What our rows say of a shift: alerts, anomalies, and who is on call on the days on which the clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from runbooks.alerts.actions import acknowledge
from runbooks.briefings.happened import read_alerts, read_anomalies
from runbooks.briefings.oncall import read_handover
from runbooks.briefings.window import Window
from runbooks.models import AlertGroup, Anomaly, MonitoredSystem, Responder, Rota, Shift, Swap
from runbooks.models.oncall import DAYS
from tests.runbooks.alerts.deliveries import NOW, One, fire, later
from tests.runbooks.people import BOB
from tests.sessions_app.people import make_people

pytestmark = pytest.mark.django_db
WINDOW = Window(start=NOW, end=NOW + timedelta(hours=8))


def titles(rows: list[dict[str, str]]) -> list[str]:
    return [row["title"] for row in rows]


def test_alerts_of_the_time_the_worst_first() -> None:
    before, during, after = NOW - timedelta(hours=3), later(hours=1), later(hours=9)
    fire(One(name="Old", ends=before), at=before)
    fire(One(name="Lasting", severity="warning"), at=before)
    fire(One(name="Worst"), at=during)
    fire(One(name="Passed"), at=later(minutes=5))
    fire(One(name="Passed", ends=later(minutes=17)), at=later(minutes=17))
    fire(One(name="Calm", severity="info"), at=during)
    fire(One(name="Calm", severity="info", ends=later(hours=2)), at=later(hours=2))
    fire(One(name="Later"), at=after)
    acknowledge(AlertGroup.objects.get(title="Worst").pk, actor=BOB, now=later(hours=2))

    told = read_alerts(WINDOW)

    assert (told["count"], told["firing_count"]) == (4, 2)
    assert titles(told["firing"]) == ["Worst", "Lasting"]
    assert titles(told["over"]) == ["Passed"]
    assert (told["firing"][0]["acked"], told["firing"][1]["acked"]) == ("Bob", "")


def odd(system: MonitoredSystem, title: str, begins: float, ends: float | None, score: float) -> None:
    Anomaly.objects.create(
        system=system,
        query=title,
        title=title,
        series=title,
        kind="drop",
        state="open" if ends is None else "resolved",
        started_at=NOW + timedelta(hours=begins),
        seen_at=NOW + timedelta(hours=ends or begins),
        ended_at=None if ends is None else NOW + timedelta(hours=ends),
        robust=score,
    )


def test_anomalies_that_were_there_at_some_time_of_it() -> None:
    system = MonitoredSystem.objects.create(name="shop", title="The Shop")
    for title, begins, ends, score in (
        ("before", -3, -1, -9.0),
        ("into", -1, 1, -4.0),
        ("within", 2, 3, 8.0),
        ("open", 4, None, -3.6),
        ("after", 9, None, -9.0),
    ):
        odd(system, title, begins, ends, score)

    told = read_anomalies(WINDOW)

    assert (told["count"], told["resolved"]) == (3, 2)
    assert titles(told["list"]) == ["open", "within", "into"]
    assert told["list"][0]["system"] == "The Shop"


def rota() -> dict[str, Responder]:
    """Ana has the nights of Berlin and Bruno the days."""
    people = make_people()
    made = Rota.objects.create(name="berlin", time_zone="Europe/Berlin")
    responders = {
        name: Responder.objects.create(name=name, contact=contact)
        for name, contact in (("ana", people.alice), ("bruno", people.bob))
    }
    for name, starts, ends in (("ana", time(22), time(6)), ("bruno", time(6), time(22))):
        Shift.objects.create(
            rota=made, responder=responders[name], days=list(DAYS), starts=starts, ends=ends, first_day=date(2026, 1, 5)
        )
    return responders


@pytest.mark.parametrize("morning", [datetime(2026, 3, 29, 4, 0, tzinfo=UTC), datetime(2026, 10, 25, 5, 0, tzinfo=UTC)])
def test_the_night_hands_over_at_six_on_both_days(morning: datetime) -> None:
    rota()
    (told,) = read_handover(morning)
    assert (told["before"], told["now"], told["next"]) == ("ana", "bruno", "ana")
    assert datetime.fromisoformat(told["until"]) == morning + timedelta(hours=16)
    (early,) = read_handover(morning - timedelta(hours=1))
    assert (early["before"], early["now"], early["until"], early["next"]) == (
        "ana",
        "ana",
        morning.isoformat(),
        "bruno",
    )


def test_a_swap_counts_and_a_gap_is_nobodys() -> None:
    responders = rota()
    morning = datetime(2026, 6, 1, 4, 0, tzinfo=UTC)
    Swap.objects.create(
        rota=Rota.objects.get(),
        responder=responders["ana"],
        starts_at=morning,
        ends_at=morning + timedelta(hours=1),
    )
    (told,) = read_handover(morning)
    assert (told["before"], told["now"], told["next"]) == ("ana", "ana", "bruno")
    Shift.objects.all().delete()
    Swap.objects.all().delete()
    (told,) = read_handover(morning)
    assert (told["before"], told["now"], told["until"], told["next"]) == ("", "", "", "")
