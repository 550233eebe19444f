"""What is looked at every few seconds costs the same, however many messages there have been."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from bots.agent.budget import sum_today
from bots.commands.stop import request_stop
from clawsite.ops.levels import report
from clawsite.ops.levels.week import WEEK
from clawsite.ops.selfalerts import work
from clawsite.web.board.today import Today
from clawsite.web.report import read_queues
from clawsite.web.report.channels import read_last_command
from sessions_app.models import Channel, Inbox, Outbox, Session, Turn
from sessions_app.outbox import end_waits, find_heads, recover_unknown

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

FEW, MANY = 100, 1000
_today = Today()


@contextmanager
def steps_of_sqlite() -> Iterator[Callable[[], int]]:
    """Count the steps of SQLite's machine, in hundreds: what a query costs, whatever else the computer does."""
    taken = 0

    def step() -> int:
        nonlocal taken
        taken += 1
        return 0

    connection.ensure_connection()
    connection.connection.set_progress_handler(step, 100)
    try:
        yield lambda: taken
    finally:
        connection.connection.set_progress_handler(None, 0)


def answered(count: int, *, at: datetime) -> Session:
    """Make messages of one chat that were answered then; one of each hundred was given up."""
    channel, _ = Channel.objects.get_or_create(kind="telegram", name="main")
    session, _ = Session.objects.get_or_create(channel=channel, chat_id="1")
    first = Inbox.objects.count()
    Inbox.objects.bulk_create(
        Inbox(channel=channel, external_id=f"{number}", lane="1", raw="{}", state="done", received_at=at, done_at=at)
        for number in range(first, first + count)
    )
    rows = Inbox.objects.order_by("pk")[first:]
    Turn.objects.bulk_create(
        Turn(
            inbox=row, session=session, epoch=1, state="done", outcome="answer", stages={"agent": 5.0},
            started_at=at, finished_at=at,
        ) for row in rows
    )  # fmt: skip
    Outbox.objects.bulk_create(
        Outbox(channel=channel, chat_id="1", dedupe_key=f"{row.pk}", payload={}, state="sent", created_at=at)
        for row in rows
    )
    return session


LOOKS: dict[str, Callable[[Session], Any]] = {
    "the sender": lambda session: find_heads(session.channel_id, busy=(), limit=8),
    "a clock that was set back": lambda session: end_waits(timezone.now()),
    "what was being sent": lambda session: recover_unknown(session.channel_id),
    "/stop": lambda session: request_stop(session, actor="contact:1"),
    "queues": lambda session: read_queues(timezone.now()),
    "the last command": lambda session: read_last_command(),
    "levels": lambda session: report(),
    "errors": lambda session: list(work.find_errors(timezone.now())),
    "slow answers": lambda session: list(work.find_slow(timezone.now())),
    "the day": lambda session: _today.read(timezone.localtime()),
    "the budget": lambda session: sum_today(),
}


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_costs_the_same_after_ten_times_as_many_messages(name: str) -> None:
    look, at = LOOKS[name], timezone.now() - timedelta(minutes=30)
    costs = []
    for count in (FEW, MANY - FEW):
        session = answered(count, at=at)
        WEEK.forget()
        look(session)  # the first look of a process counts what is over
        with steps_of_sqlite() as taken:
            look(session)
        costs.append(taken())
    assert costs[1] <= costs[0] + 3, f"hundreds of steps after {FEW} and {MANY} messages"
