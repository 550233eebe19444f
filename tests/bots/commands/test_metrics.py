"""/metrics: names, periods, what is near, what the job is told, and how its card reads."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from bots import texts
from bots.cards.registry import CardView, render_card
from bots.channels.base import Address, InboundMessage, Sender
from bots.commands.metrics import match_metric
from bots.commands.named_queries import forget_named
from runbooks.models import Job, MonitoredSystem, NamedQuery
from tests.bots.commands.conftest import Say
from tests.sessions_app.people import People

NOW = datetime(2026, 1, 20, 16, 0, tzinfo=UTC)
UTC_VIEW = CardView(zone=ZoneInfo("UTC"))


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is 16:00 UTC, and no name is known from elsewhere."""
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    forget_named()


@pytest.fixture
def query(db: None) -> NamedQuery:
    """The approval rate of the guardian, beside its volume."""
    system = MonitoredSystem.objects.create(name="guardian", title="Guardian")
    NamedQuery.objects.create(system=system, name="volume", promql="tx")
    words = ["taxa de aprovação", "одобрения"]
    return NamedQuery.objects.create(
        system=system, name="approval_rate", title="Approval rate", promql="rate", unit="%", words=words
    )


def asked() -> list[tuple[dict[str, Any], str]]:
    """The parameters of the jobs, and who asked."""
    return [(job.params, job.requested_by) for job in Job.objects.filter(kind="metrics").order_by("pk")]


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("/metrics approval_rate", 6),
        ("metrics approval rate 2h", 2),
        ("/metrics guardian approval-rate last 24 hours", 24),
        ("gráfico de taxa de aprovação últimas 3 horas", 3),
        ("метрика одобрения за сутки", 24),
    ],
)
def test_a_named_metric_becomes_a_job(text: str, hours: int, people: People, query: NamedQuery, say: Say) -> None:
    people.bobs.time_zone = "America/Sao_Paulo"

    assert say(people.bob, people.bobs, text) == ()

    ((params, who),) = asked()
    assert params == {
        "query": query.pk,
        "start": NOW.timestamp() - hours * 3600,
        "end": NOW.timestamp(),
        "zone": "America/Sao_Paulo",
        "language": "en",
    }
    assert who == people.bob.actor.subject
    assert Job.objects.get().session_id == people.bobs.pk


def test_without_a_name_it_says_which_there_are(people: People, query: NamedQuery, say: Say) -> None:
    (answer,) = say(people.bob, people.bobs, "métricas")

    labels = [(button.label, button.data.split(" ", 1)[1]) for row in answer.buttons for button in row]
    assert labels[0] == ("Approval rate", f"#{query.pk} 6h")
    assert [label for label, _ in labels] == ["Approval rate", "volume"]
    assert say(people.bob, people.bobs, f"/metrics #{query.pk} 6h") == ()
    NamedQuery.objects.all().delete()
    (answer,) = say(people.bob, people.bobs, "/metrics")
    assert "There are no metrics yet" in answer.text


def test_near_misses_get_buttons(people: People, query: NamedQuery, say: Say) -> None:
    (answer,) = say(people.bob, people.bobs, "/metrics aproval rate 2h")
    assert answer.text == "I know no metric called “aproval rate”. Did you mean one of these?"
    assert answer.buttons[0][0].data == f"cmd:metrics #{query.pk} 2h"

    (answer,) = say(people.bob, people.bobs, "/metrics zzzz 2 horsa")
    assert "Did you mean “2 horas”?" in answer.text
    (answer,) = say(people.bob, people.bobs, "/metrics zzzz")
    assert answer.text.endswith("/metrics lists them.")
    assert asked() == []


def test_one_name_in_two_systems_is_asked_back(people: People, query: NamedQuery, say: Say) -> None:
    shop = MonitoredSystem.objects.create(name="shop")
    NamedQuery.objects.create(system=shop, name="approval_rate", title="Approval rate", promql="rate")

    (answer,) = say(people.bob, people.bobs, "/metrics approval rate")
    assert [button.label for button in answer.buttons[0]] == ["Approval rate (Guardian)", "Approval rate (shop)"]
    assert say(people.bob, people.bobs, "/metrics shop approval rate") == ()


def test_a_system_that_is_off_has_no_metrics(people: People, query: NamedQuery, say: Say) -> None:
    MonitoredSystem.objects.update(enabled=False)
    (answer,) = say(people.bob, people.bobs, f"/metrics #{query.pk}")
    assert "I know no metric" in answer.text


def test_charlie_gets_the_answer_for_what_does_not_exist(people: People, query: NamedQuery, say: Say) -> None:
    (answer,) = say(people.charlie, people.bobs, "/metrics approval rate")
    assert answer.text == texts.unknown_command()
    assert asked() == []


def message(text: str, **fields: Any) -> InboundMessage:
    """What somebody wrote."""
    given: dict[str, Any] = {"external_id": "1", "kind": "message", "address": Address(chat_id="7"), "direct": True}
    return InboundMessage(**(given | {"sender": Sender(external_id="7"), "text": text} | fields))


@pytest.mark.parametrize(
    "text", ["taxa de aprovação", "Taxa de aprovação?", "approval rate últimas 2 horas", "одобрения за сутки"]
)
def test_the_mere_name_is_enough(text: str, query: NamedQuery) -> None:
    match = match_metric(message(text), text)
    assert match is not None
    assert match.command.name == "metrics"


@pytest.mark.parametrize(
    "text", ["", "what is the approval rate of visas?", "approval", "2h", "a taxa de aprovação caiu", "volume\n2h"]
)
def test_other_sentences_are_left_to_the_model(text: str, query: NamedQuery) -> None:
    assert match_metric(message(text), text) is None


def test_what_was_forwarded_or_pressed_is_no_name(query: NamedQuery) -> None:
    assert match_metric(message("volume", forwarded=True), "volume") is None
    assert match_metric(message("volume", kind="edit"), "volume") is None


def card(**data: Any) -> dict[str, Any]:
    """The data of a card with one series."""
    one = {"name": "", "value": 93.1, "mean": 94.2, "low": 90.0, "high": 96.25, "before": 96.2}
    start, end = "2026-01-20T10:00:00+00:00", "2026-01-20T16:00:00+00:00"
    whole = {"query": 3, "title": "Approval rate", "system": "Guardian", "unit": "%", "start": start, "end": end}
    return whole | {"series": [one], "more": 0, "file": "media/charts/k.png", "error": ""} | data


def test_the_card_tells_value_change_and_shows_the_picture() -> None:
    answer = render_card("metrics", card(), UTC_VIEW)

    assert answer.text == "\n".join(
        [
            "📈 Approval rate (Guardian)",
            "10:00 – 16:00 (UTC)",
            "",
            "Last value: 93.1%",
            "├── Average: 94.2%",
            "├── Range: 90% – 96.2%",
            "└── Against the time before: ▼ −2.0 percentage points",
        ]
    )
    assert answer.plain
    ((file),) = answer.files
    assert (file.path, file.kind, file.mime) == ("media/charts/k.png", "photo", "image/png")
    assert next(button.data for button in answer.buttons[0]) == "cmd:metrics #3 1h"


@pytest.mark.parametrize(
    ("unit", "before", "mean", "words"),
    [
        ("/min", 100.0, 150.0, "▲ +50.0%"),
        ("/min", 100.0, 100.01, "＝"),
        ("/min", 0.0, 10.0, "unknown"),
        ("/min", None, 10.0, "unknown"),
        ("%", 0.0, 10.0, "▲ +10.0 percentage points"),
    ],
)
def test_the_change_is_told_as_its_unit_wants_it(unit: str, before: float | None, mean: float, words: str) -> None:
    one = {"name": "", "value": 1.0, "mean": mean, "low": 0.0, "high": 2.0, "before": before}
    answer = render_card("metrics", card(unit=unit, series=[one]), UTC_VIEW)
    assert answer.text.endswith(f"Against the time before: {words}")


@pytest.mark.parametrize(
    ("value", "words"), [(0.000423, "0.00042 s"), (-0.05, "-0.050 s"), (0.0, "0 s"), (3e-30, "3.0e-30 s")]
)
def test_a_small_value_is_not_told_as_nothing(value: float, words: str) -> None:
    one = {"name": "", "value": value, "mean": value, "low": 0.0, "high": value, "before": None}
    answer = render_card("metrics", card(unit="s", series=[one]), UTC_VIEW)
    assert f"Last value: {words}" in answer.text


def test_several_series_are_a_line_each() -> None:
    rows = [
        {"name": f"m{number}", "value": 10.0, "mean": 10.0, "low": 0.0, "high": 20.0, "before": 20.0}
        for number in range(2)
    ]
    answer = render_card("metrics", card(series=rows, more=3, unit="/min"), UTC_VIEW)
    assert answer.text.endswith("1. m0: 10 /min ▼ −50.0%\n2. m1: 10 /min ▼ −50.0%\n… and 3 more")


def test_what_cannot_be_read_is_told() -> None:
    broken = render_card("metrics", card(series=[], file="", error="Prometheus does not answer."), UTC_VIEW)
    assert "⚠️ Prometheus does not answer." in broken.text
    empty = render_card("metrics", card(series=[], file=""), UTC_VIEW)
    assert empty.text.endswith("No data in this time.")
    assert broken.files == empty.files == ()
