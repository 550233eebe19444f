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
from clawsite.core.errors import NotAllowed
from clawsite.core.models import AuditEvent
from clawsite.gateway.access import find_session
from clawsite.gateway.approvals import decider
from clawsite.gateway.principal import Principal
from clawsite.gateway.runs import access_run
from clawsite.gateway.waiting import is_answering
from clawsite.ops.housekeeping import clean
from clawsite.ops.levels import report
from clawsite.ops.levels.week import WEEK
from clawsite.ops.selfalerts import work
from clawsite.web.board.today import Today
from clawsite.web.chat.history import has_button, read_news, read_older
from clawsite.web.chat.identity import Visitor
from clawsite.web.report import read_queues
from clawsite.web.report.channels import read_last_command
from guardrails.approvals import withdraw
from guardrails.models import Approval, VerdictRecord
from runbooks.models import Job
from sessions_app.channels import GATEWAY, WEBCHAT
from sessions_app.models import Channel, Contact, Inbox, Message, Outbox, Session, Turn
from sessions_app.outbox import end_waits, find_heads, recover_unknown

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

FEW, MANY = 100, 1000
_today = Today()
ALICE = Principal(subject="token:alice", owner="token:alice", name="", granted=frozenset(), scopes=frozenset())
VISITOR = Visitor(external_id="1", name="Bob", language="en")
STRANGER = Visitor(external_id="charlie", name="Charlie", language="en")


@contextmanager
def steps_of_sqlite() -> Iterator[Callable[[], int]]:
    """Count the steps of SQLite's machine, in tens: what a query costs, whatever else the computer does."""
    taken = 0

    def step() -> int:
        nonlocal taken
        taken += 1
        return 0

    connection.ensure_connection()
    connection.connection.set_progress_handler(step, 10)
    try:
        yield lambda: taken
    finally:
        connection.connection.set_progress_handler(None, 0)


def answered(count: int, *, at: datetime) -> Session:
    """Make messages of one chat that were answered then; one of each hundred was given up."""
    channel, _ = Channel.objects.get_or_create(kind=WEBCHAT, name="main")
    Channel.objects.get_or_create(kind=GATEWAY, name="gateway")
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
    numbers = range(first, first + count)
    Session.objects.bulk_create(Session(channel=channel, chat_id=f"another {number}") for number in numbers)
    Contact.objects.bulk_create(Contact(channel=channel, external_id=f"{number}") for number in numbers)
    Message.objects.bulk_create(Message(session=session, seq=number, role="user", text="") for number in numbers)
    AuditEvent.objects.bulk_create(AuditEvent(actor="system", action="test", at=at) for _ in numbers)
    Job.objects.bulk_create(
        Job(kind="x", requested_by="system", owner="system", state="succeeded", ended_at=at) for _ in numbers
    )
    VerdictRecord.objects.bulk_create(VerdictRecord(stage="input", rule="pii", action="mask", at=at) for _ in numbers)
    Outbox.objects.bulk_create(
        Outbox(channel=channel, chat_id="1", dedupe_key=f"{row.pk}", payload={}, state="sent", created_at=at)
        for row in rows
    )
    return session


def find_run() -> None:
    with pytest.raises(NotAllowed):
        access_run(ALICE, "there is none")


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
    "a run of the gateway": lambda session: find_run(),
    "a session of the gateway": lambda session: find_session(ALICE, "main"),
    "who decides at the gateway": lambda session: decider(ALICE),
    "a stranger's older messages": lambda session: read_older(STRANGER, before=10),
    "a visitor's news": lambda session: read_news(VISITOR, after=10**6),
    "a stranger's button": lambda session: has_button(STRANGER, seq=1, data="1"),
    "whether a session answers": lambda session: is_answering(session.pk),
    "old rows": lambda session: clean(),
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
    assert costs[1] <= costs[0] + 30, f"tens of steps after {FEW} and {MANY} messages"


def test_what_asked_is_taken_back_at_the_same_cost_after_ten_times_as_many_decisions() -> None:
    costs = []
    for numbers in (range(FEW), range(FEW, MANY)):
        Approval.objects.bulk_create(
            Approval(key=f"{number}", kind="tool", state="approved", data={"turn": number}, expires_at=timezone.now())
            for number in numbers
        )
        with steps_of_sqlite() as taken:
            withdraw("tool", actor="system", turn=0)
        costs.append(taken())
    assert costs[1] <= costs[0] + 30, "tens of steps"
