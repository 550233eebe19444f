"""/anomalies: the shape of the answer, periods, names, what nobody watches, pages, and who may look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from bots import texts
from runbooks.models import Anomaly, MonitoredSystem, NamedQuery, QueryWatch
from tests.bots.commands.conftest import Say
from tests.sessions_app.people import People

NOW = datetime(2026, 1, 20, 16, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is 16:00 UTC."""
    monkeypatch.setattr(timezone, "now", lambda: NOW)


@pytest.fixture
def query(db: None) -> NamedQuery:
    """A watched query of the guardian, and one of another system."""
    system = MonitoredSystem.objects.create(name="guardian", title="Guardian")
    other = MonitoredSystem.objects.create(name="shop")
    NamedQuery.objects.create(system=other, name="errors", promql="errors")
    return NamedQuery.objects.create(
        system=system, name="tx", title="Volume", promql="tx", unit="/min", watched=True, words=["volume de vendas"]
    )


def make(query: NamedQuery, ago: int, minutes: int | None, kind: str = "drop", **values: Any) -> Anomaly:
    """An anomaly that began so many minutes ago and lasted so many, or goes on."""
    start = NOW - ago * MINUTE
    end = start + minutes * MINUTE if minutes is not None else None
    given = {"robust": -8.66, "zscore": -2.8, "value": 12.0, "expected": 1247.0} | values
    return Anomaly.objects.create(
        system=query.system, query=query.name, title=str(query), unit=query.unit, series="s", kind=kind,
        state="resolved" if end else "open", started_at=start, seen_at=end or NOW, ended_at=end, **given,
    )  # fmt: skip


def test_the_answer_has_the_shape_that_was_asked_for(people: People, query: NamedQuery, say: Say) -> None:
    make(query, 88, 12)
    make(query, 15, 5, "spike", robust=5.1, zscore=3.1, value=4000.5, expected=1250.0)

    (answer,) = say(people.bob, people.bobs, "anomalias últimas 2 horas")

    assert answer.plain
    assert answer.text == "\n".join(
        [
            "🔍 Anomalies (last 2 hours):",
            "",
            "14:32 – Drop: Volume (Guardian)",
            "├── Robust score: -8.7",
            "├── Z-score: -2.8",
            "├── Value: 12 /min (usual: 1,247 /min)",
            "├── State: resolved",
            "└── Duration: 12 min",
            "",
            "15:45 – Spike: Volume (Guardian)",
            "├── Robust score: 5.1",
            "├── Z-score: 3.1",
            "├── Value: 4,000 /min (usual: 1,250 /min)",
            "├── State: resolved",
            "└── Duration: 5 min",
            "",
            "Total: 2 anomalies, all are over",
        ]
    )
    assert [[button.data for button in row] for row in answer.buttons] == [[f"cmd:metrics #{query.pk} 2h"]]


def test_times_are_those_of_the_chat(people: People, query: NamedQuery, say: Say) -> None:
    make(query, 88, None)
    people.bobs.time_zone = "America/Sao_Paulo"

    (answer,) = say(people.bob, people.bobs, "/anomalies today")

    assert "11:32 – Drop" in answer.text
    assert "State: open" in answer.text
    assert "Duration: 1 h 28 min" in answer.text
    assert answer.text.endswith("Total: 1 anomaly, 1 still open")


def test_kinds_without_scores_tell_none(people: People, query: NamedQuery, say: Say) -> None:
    make(query, 30, None, "missing")
    make(query, 20, None, "flat", value=94.2, labels={"merchant": "<b>x\n✅\u202eyz</b>", "path": "x" * 5000})

    (answer,) = say(people.bob, people.bobs, "anomalies last hour")

    assert "No data: Volume" in answer.text
    assert "Value: 94.2 /min, always the same" in answer.text
    assert "├── merchant=<b>x ✅ yz</b>, path=xxx" in answer.text
    assert len(answer.text) < 800
    assert "score" not in answer.text.lower()


def test_only_what_was_there_in_the_period_is_told(people: People, query: NamedQuery, say: Say) -> None:
    make(query, 300, 12)

    (answer,) = say(people.bob, people.bobs, "аномалии за час")
    assert answer.text == "✅ No anomalies (last hour)."
    (answer,) = say(people.bob, people.bobs, "/anomalies")
    assert answer.text.startswith("🔍 Anomalies (last 24 hours):")


def test_a_system_or_a_query_may_be_named(people: People, query: NamedQuery, say: Say) -> None:
    make(query, 30, 12)

    for words in ("guardian 2h", "volume 2h", "tx", "Guardian volume de vendas today"):
        (answer,) = say(people.bob, people.bobs, f"/anomalies {words}")
        assert "Total: 1 anomaly" in answer.text, words
    (answer,) = say(people.bob, people.bobs, "/anomalies shop 2h")
    assert answer.text.startswith("✅ No anomalies")


@pytest.mark.parametrize(
    ("words", "meant"),
    [("2 horsa", "“2 horas”"), ("volme", "“volume”"), ("qwertyuiop", "/anomalies 2h")],
)
def test_near_misses_get_a_suggestion(words: str, meant: str, people: People, query: NamedQuery, say: Say) -> None:
    (answer,) = say(people.bob, people.bobs, f"/anomalies {words}")

    assert answer.text.startswith(f"I know no period, system or metric called “{words}”.")
    assert meant in answer.text


def test_it_says_when_nobody_watches(people: People, query: NamedQuery, say: Say) -> None:
    NamedQuery.objects.update(watched=False)

    (answer,) = say(people.bob, people.bobs, "anomalies")
    assert "No metric is watched" in answer.text


def test_it_says_which_query_cannot_be_judged(people: People, query: NamedQuery, say: Say) -> None:
    watch = QueryWatch.objects.create(query=query, error="Prometheus does not answer.")
    (answer,) = say(people.bob, people.bobs, "anomalies")
    assert "⚠️ Volume: never looked at. Prometheus does not answer." in answer.text

    QueryWatch.objects.filter(pk=watch.pk).update(looked_at=NOW - 90 * MINUTE)
    (answer,) = say(people.bob, people.bobs, "anomalies")
    assert "⚠️ Volume: looked at until 14:30. Prometheus does not answer." in answer.text


def test_many_are_told_page_by_page(people: People, query: NamedQuery, say: Say) -> None:
    for number in range(10):
        make(query, 100 - 5 * number, 2)

    (first,) = say(people.bob, people.bobs, "/anomalies tx 2h")
    assert first.text.count("Duration") == 8
    assert first.buttons[-1][0].data == "cmd:anomalies tx 2h +8"
    (rest,) = say(people.bob, people.bobs, "/anomalies tx 2h +8", pressed="5")
    assert rest.text.count("Duration") == 2
    assert rest.edit_ids == ("5",)
    assert "Total: 10 anomalies" in rest.text
    assert rest.buttons[-1][0].data == "cmd:anomalies tx 2h +0"


def test_charlie_gets_the_answer_for_what_does_not_exist(people: People, query: NamedQuery, say: Say) -> None:
    make(query, 30, 12)
    (answer,) = say(people.charlie, people.bobs, "/anomalies")
    assert answer.text == texts.unknown_command()
