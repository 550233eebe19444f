"""The words of a briefing: the shape that was asked for, complete without a model, in the chat's language and zone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from bots.cards import CardView, render_card

EVIL = "<b>x</b> {0} %s [a](http://e.example)"
FIGURES = [
    {"part": "traffic", "title": "", "unit": "/min", "value": 45231.4, "covered": 1.0, "minutes": 480},
    {"part": "success", "title": "", "unit": "%", "value": 94.24, "covered": 1.0, "minutes": 480},
]
POINT = {"title": "", "name": "merchant XYZ", "value": 12.04, "usual": 0.4, "alone": False}
SYSTEM = {"name": "Transaction Guardian", "figures": FIGURES, "attention": [POINT], "firing": None, "errors": []}
ALERT = {"name": "ZeroTransactions", "severity": "critical", "since": "2026-10-25T01:30:00+00:00"}
INCIDENT = {"number": "INC-7", "title": "API is slow", "severity": "P2", "state": "open", "assignee": "Bob"}
QUIET: dict[str, Any] = {
    "start": "2026-10-24T22:00:00+00:00",
    "end": "2026-10-25T06:00:00+00:00",
    "systems": [],
    "incidents": {"opened": {"P1": 0, "P2": 0, "P3": 0, "P4": 0}, "resolved": 0, "open": [], "open_count": 0},
    "alerts": {"count": 0, "firing_count": 0, "firing": [], "over": []},
    "anomalies": {"count": 0, "resolved": 0, "list": []},
    "handover": [],
    "pending": {"approvals": 0, "runs": [], "failed": []},
    "job": "a" * 32,
    "missing": [],
    "left_out": 0,
}
GROUP = {"title": "Zero transactions", "severity": "critical", "acked": "", "since": "2026-10-25T05:10:00+00:00"}
ODD = {"system": "Shop", "title": "Traffic", "kind": "drop", "score": -7.1, "since": "2026-10-24T22:30:00+00:00"}
PASSED = "2026-10-24T22:42:00+00:00"
TURN = {"rota": "night", "before": "Ana", "now": "Bruno", "until": "2026-10-25T14:00:00+00:00", "next": "Ana"}
BUSY: dict[str, Any] = QUIET | {
    "systems": [SYSTEM],
    "alerts": {
        "count": 3,
        "firing_count": 1,
        "firing": [GROUP | {"until": ""}],
        "over": [GROUP | {"title": "Slow", "severity": "warning", "until": "2026-10-25T05:22:00+00:00"}],
    },
    "anomalies": {
        "count": 7,
        "resolved": 5,
        "list": [ODD | {"until": ""}, ODD | {"until": "2026-10-24T22:42:00+00:00"}],
    },
    "handover": [TURN],
    "incidents": {"opened": {"P1": 0, "P2": 1, "P3": 0, "P4": 2}, "resolved": 1, "open": [INCIDENT], "open_count": 1},
    "pending": {"approvals": 2, "runs": ["Restart the API"], "failed": [{"name": "backup", "count": 1}]},
}


def worded(data: dict[str, Any], *, zone: str = "UTC", language: str = "en") -> str:
    with translation.override(language):
        message = render_card("briefing", data, CardView(zone=ZoneInfo(zone), language=language))
    assert message.plain
    return message.text


def test_it_has_the_shape_that_was_asked_for() -> None:
    assert worded(BUSY).splitlines() == [
        "☀️ Briefing of the day shift",
        "24 Oct 22:00 – 25 Oct 06:00 (UTC)",
        "",
        "📊 Last 8 hours:",
        "├── Transactions: 45,231",
        "├── Approved: 94.2%",
        "├── Anomalies: 7 (5 over)",
        "├── Alerts: 3 (1 firing)",
        "└── Incidents: 0 P1, 1 P2, 2 P4 (1 resolved)",
        "",
        "⚠️ Attention:",
        "├── 🔴 Zero transactions, since 05:10: nobody has it",
        "├── Transaction Guardian · merchant XYZ: failures 12.0% (others: 0.4%)",
        "├── 📈 Shop · Traffic: drop, since 22:30, 24 Oct",
        "├── 🟡 Slow, at 05:10 (over, 12 min)",
        "└── 📈 Shop · Traffic: drop, at 22:30, 24 Oct (over, 12 min)",
        "",
        "📋 Pending:",
        "├── 🟠 INC-7 · P2 · API is slow — Bob",
        "├── 2 approvals wait",
        "├── Under way: Restart the API",
        "└── Failed: backup (1)",
        "",
        "🤝 Handover:",
        "└── Ana → Bruno (until 14:00)",
        "",
        "Have a good shift! 🦞",
    ]


def test_it_says_so_when_there_is_nothing() -> None:
    text = worded(QUIET)
    assert text.count("└── Nothing") == 2
    assert "└── There is no rota" in text
    assert "Anomalies: 0\n├── Alerts: 0\n" in text
    assert "No system is watched" in text
    assert "Incidents: 0 P1, 0 P2" in text


@pytest.mark.parametrize(
    ("language", "hours", "words"),
    [
        ("en", 1, "Last 1 hour:"), ("en", 8, "Last 8 hours:"), ("pt-br", 1, "Última 1 hora:"),
        ("ru", 1, "За последний 1 час:"), ("ru", 3, "За последние 3 часа:"), ("ru", 12, "За последние 12 часов:"),
    ],
)  # fmt: skip
def test_its_hours_have_the_number_of_the_language(language: str, hours: int, words: str) -> None:
    start = datetime.fromisoformat(QUIET["end"]) - timedelta(hours=hours)
    assert f"📊 {words}\n" in worded(QUIET | {"start": start.isoformat()}, language=language)


def test_a_handover_that_could_not_be_read_is_not_known() -> None:
    text = worded(QUIET | {"handover": None, "missing": [{"part": "handover", "error": "e1"}]})
    assert "🤝 Handover:\n└── unknown\n" in text
    assert "handover: not available now (error e1)" in text


def test_its_hours_are_real_on_the_night_the_clock_goes_back() -> None:
    text = worded(QUIET, zone="Europe/Berlin")
    assert "25 Oct 00:00 – 25 Oct 07:00 (Europe/Berlin)" in text
    assert "Last 8 hours" in text


@pytest.mark.parametrize(("zone", "title"), [("America/Sao_Paulo", "night"), ("UTC", "day"), ("Asia/Tokyo", "evening")])
def test_the_shift_is_the_one_of_the_place(zone: str, title: str) -> None:
    assert worded(QUIET, zone=zone).splitlines()[0].endswith(f"of the {title} shift")


def test_numbers_are_written_as_people_of_the_language_do() -> None:
    assert "45.231" in worded(BUSY, language="pt-br")
    assert "94,2%" in worded(BUSY, language="pt-br")
    assert "94,2%" in worded(BUSY, language="ru")


def test_what_is_away_is_named_and_the_rest_is_there() -> None:
    silent = SYSTEM | {"name": "Shop", "figures": [], "attention": [], "errors": [{"query": "tx", "text": "Gone."}]}
    partly = SYSTEM | {"figures": [FIGURES[0] | {"covered": 0.5, "minutes": 240}, FIGURES[1] | {"value": None}]}
    missing = [{"part": "pending", "error": "a1b2"}]
    text = worded(BUSY | {"systems": [partly, silent], "pending": None, "missing": missing})
    assert "Transaction Guardian · Transactions: 45,231 (of 4 h only)" in text
    assert "Transaction Guardian · Approved: no data" in text
    assert "Shop · tx: Gone." in text
    assert "what is pending: not available now (error a1b2)" in text
    assert "INC-7" in text


def test_what_fires_now_comes_first() -> None:
    firing = SYSTEM | {"firing": {"count": 14, "alerts": [ALERT]}}
    taken = BUSY["alerts"] | {"firing": [GROUP | {"until": "", "acked": "Bob"}]}
    lines = worded(BUSY | {"systems": [firing], "alerts": taken}, zone="Europe/Berlin").splitlines()
    start = lines.index("⚠️ Attention:")
    assert lines[start + 1] == "├── 🔴 Zero transactions, since 06:10: Bob has it"
    assert lines[start + 2] == "├── 🔴 ZeroTransactions fires since 02:30 (Transaction Guardian)"
    assert lines[start + 7] == "└── … and 13 more"


@pytest.mark.parametrize(
    ("turn", "line"),
    [
        (TURN | {"before": "Bruno"}, "Bruno until 14:00, then Ana"),
        (TURN | {"before": "", "next": ""}, "nobody → Bruno (until 14:00)"),
        (TURN | {"now": "", "until": ""}, "Ana → nobody"),
        (TURN | {"before": "Bruno", "until": "", "next": ""}, "Bruno"),
    ],
)
def test_who_hands_over_to_whom(turn: dict[str, str], line: str) -> None:
    assert f"🤝 Handover:\n└── {line}\n" in worded(QUIET | {"handover": [turn]})
    both = worded(QUIET | {"handover": [turn, turn | {"rota": "day"}]})
    assert f"├── night: {line}\n└── day: {line}\n" in both


def test_many_lines_are_cut_and_counted() -> None:
    many = SYSTEM | {"attention": [POINT | {"name": f"merchant {each}"} for each in range(40)]}
    incidents = BUSY["incidents"] | {"open": [INCIDENT] * 10, "open_count": 31}
    text = worded(BUSY | {"systems": [many], "incidents": incidents})
    assert "… and 32 more" in text
    assert "… and 21 more" in text
    assert "… and 3 systems more" in worded(BUSY | {"left_out": 3})


def test_what_comes_from_outside_is_text() -> None:
    evil = {
        "name": EVIL,
        "figures": [FIGURES[0] | {"title": EVIL}],
        "attention": [POINT | {"name": EVIL, "title": EVIL}],
        "firing": {"count": 1, "alerts": [ALERT | {"name": EVIL}]},
        "errors": [{"query": EVIL, "text": EVIL}],
    }
    alerts = {
        "count": 1,
        "firing_count": 1,
        "firing": [GROUP | {"title": EVIL, "until": "", "acked": EVIL}],
        "over": [],
    }
    anomalies = {"count": 1, "resolved": 0, "list": [ODD | {"title": EVIL, "system": EVIL, "until": ""}]}
    text = worded(BUSY | {"systems": [evil], "alerts": alerts, "anomalies": anomalies})
    assert text.count(EVIL) == 13


def test_while_it_is_made_it_says_so() -> None:
    assert "putting the briefing together" in worded({"waiting": True})


def test_who_has_the_shift_is_written_on_it_and_ends_the_button() -> None:
    view = CardView(zone=ZoneInfo("Europe/Berlin"))
    (row,) = render_card("briefing", QUIET, view).buttons
    assert [button.data for button in row] == [f"cmd:briefing have {'a' * 32}"]
    taken = render_card("briefing", QUIET | {"taken": {"who": "Bob", "at": "2026-10-25T06:04:00+00:00"}}, view)
    assert taken.text.splitlines()[-2] == "✅ Bob has the shift since 07:04"
    assert taken.buttons == ()
