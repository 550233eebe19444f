"""One row for each minute that is over: right numbers, once, caught up after a silence, and gone after a week."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from clawsite.core.models import Process
from clawsite.models import Minute
from clawsite.ops.housekeeping import clean
from clawsite.ops.minutes import p95, record_minutes
from clawsite.web.board.charts import LINES
from runbooks.models import Job
from sessions_app.models import Channel, Inbox, Outbox, Session, Turn

pytestmark = pytest.mark.django_db


def begin(minutes_ago: int) -> datetime:
    """Return the beginning of a minute that is over for certain."""
    return (timezone.now() - timedelta(seconds=10)).replace(second=0, microsecond=0) - timedelta(minutes=minutes_ago)


def add_turn(at: datetime, number: int, *, outcome: str = "answer", agent: float = 100.0, **values: Any) -> None:
    channel, _ = Channel.objects.get_or_create(kind="telegram", name="main")
    session, _ = Session.objects.get_or_create(channel=channel, chat_id="1")
    row = Inbox.objects.create(channel=channel, external_id=f"{number}", lane="1", raw="{}", received_at=at)
    Turn.objects.create(
        inbox=row, session=session, epoch=1, outcome=outcome, stages={"agent": agent},
        started_at=at + timedelta(seconds=0.5), finished_at=at + timedelta(seconds=2), **values,
    )  # fmt: skip


def test_a_minute_holds_what_happened_in_it() -> None:
    at = begin(2)
    for number in range(20):
        add_turn(at, number, agent=float(number + 1), input_tokens=10, output_tokens=2, cost_usd="0.01")
    add_turn(at, 20, outcome="unavailable")
    add_turn(at + timedelta(minutes=1), 21, agent=900.0)
    Outbox.objects.create(
        channel=Channel.objects.get(), chat_id="1", dedupe_key="1", payload={}, created_at=at + timedelta(seconds=3)
    )
    Job.objects.create(kind="x", requested_by="system", owner="system", state="failed", ended_at=at)
    for number, role in enumerate(("bots", "bots", "job")):
        Process.objects.create(role=role, host="a", pid=number, started=1, started_at=at)
    record_minutes()
    found = Minute.objects.get(at=at).data
    assert {key: found[key] for key in ("in", "out", "answers", "failures", "tokens_input", "tokens_output")} == {
        "in": 21, "out": 1, "answers": 20, "failures": 1, "tokens_input": 200, "tokens_output": 40,
    }  # fmt: skip
    assert (found["cost"], found["jobs_done"], found["jobs_failed"]) == (0.2, 0, 1)
    assert found["starts"] == {"bots a": 2}
    assert (found["p95_agent"], found["p95_wait"]) == (20.0, 500.0)
    assert Minute.objects.get(at=at + timedelta(minutes=1)).data["p95_agent"] == 900.0


def test_a_minute_is_written_once_and_only_when_it_is_over() -> None:
    assert record_minutes() == 60
    assert record_minutes() in (0, 1)
    assert Minute.objects.order_by("-at")[0].at <= timezone.now() - timedelta(seconds=70)


def test_what_is_only_seen_at_its_time_is_missing_later() -> None:
    record_minutes()
    newest, *_, oldest = Minute.objects.order_by("-at")
    assert newest.data["queue_inbox"] == 0
    assert "queue_inbox" not in oldest.data


def test_after_a_long_silence_an_hour_is_caught_up() -> None:
    Minute.objects.create(at=begin(600))
    assert record_minutes() == 60


def test_minutes_of_a_clock_that_went_ahead_keep_nobody_from_writing_those_that_come() -> None:
    ahead = Minute.objects.create(at=begin(0) + timedelta(days=365), data={"in": 7})
    assert record_minutes() == 60
    assert not Minute.objects.filter(pk=ahead.pk).exists()
    assert record_minutes() in (0, 1)


def test_every_line_of_a_chart_is_a_number_of_some_minute() -> None:
    at = begin(1)
    add_turn(at, 1)
    Turn.objects.update(stages=dict.fromkeys(("input", "prompt", "agent", "output"), 1.0))
    record_minutes()
    keys = {key for minute in Minute.objects.all() for key in minute.data}
    assert {line.key for line in LINES} - keys == {"memory_web", "memory_bots", "memory_worker"}  # nothing runs here


def test_minutes_go_after_a_week() -> None:
    for days in (7, 9):
        Minute.objects.create(at=timezone.now() - timedelta(days=days))
    assert clean()["minutes"] == 1


@pytest.mark.parametrize(("values", "found"), [([3.0], 3.0), (list(range(1, 101)), 95.0), ([1.0, 9.0], 9.0)])
def test_nineteen_of_twenty(values: list[float], found: float) -> None:
    assert p95(values) == found
