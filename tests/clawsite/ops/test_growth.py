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
from clawsite.gateway.access import find_session, visible_sessions
from clawsite.gateway.approvals import decider, waiting
from clawsite.gateway.principal import Principal
from clawsite.gateway.runs import access_run
from clawsite.gateway.waiting import is_answering
from clawsite.ops.housekeeping import clean, clean_inbox, settle_runs
from clawsite.ops.levels import report
from clawsite.ops.levels.week import WEEK
from clawsite.ops.selfalerts import work
from clawsite.web.board.figures import _people_waiting
from clawsite.web.board.today import Today
from clawsite.web.chat.history import has_button, read_news, read_older
from clawsite.web.chat.identity import Visitor
from clawsite.web.report import read_queues
from clawsite.web.report.channels import read_last_command
from guardrails.approvals import withdraw
from guardrails.models import Approval, VerdictRecord
from runbooks.books.asking import names_of
from runbooks.models import ChangeRequest, Job, Pipeline, Project, Run
from runbooks.workspaces.gitops import asking as gitops
from runbooks.workspaces.pipelines import local_asking
from runbooks.workspaces.pipelines.audience import audience_of
from sessions_app.channels import GATEWAY, WEBCHAT
from sessions_app.models import Card, Channel, Contact, Inbox, Message, Outbox, Session, Turn
from sessions_app.outbox import end_waits, expire_older, find_heads, recover_unknown
from sessions_app.purge import purge_session

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
    gateway, _ = Channel.objects.get_or_create(kind=GATEWAY, name="gateway")
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
    Session.objects.bulk_create(Session(channel=gateway, chat_id=f"token:{number}/main") for number in numbers)
    Card.objects.bulk_create(
        Card(key=f"alert:{number}:1", session=session, kind="alert", changed=False, changed_at=at) for number in numbers
    )
    Contact.objects.bulk_create(Contact(channel=channel, external_id=f"{number}") for number in numbers)
    Message.objects.bulk_create(Message(session=session, seq=number, role="user", text="") for number in numbers)
    AuditEvent.objects.bulk_create(AuditEvent(actor="system", action="test", at=at) for _ in numbers)
    jobs = Job.objects.bulk_create(
        Job(kind="x", requested_by="system", owner="system", state="succeeded", ended_at=at) for _ in numbers
    )
    Run.objects.bulk_create(Run(job=job, name="x", target=job.key, open=False, requested_by="system") for job in jobs)
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
    "runs whose job is over": lambda session: settle_runs(),
    "who asks to be let in": lambda session: _people_waiting(),
    "a program's sessions": lambda session: list(visible_sessions(ALICE)),
    "all that stands for a person": lambda session: names_of("user:1"),
    "who sees a pipeline": lambda session: audience_of(Pipeline(pk=1, project=Project(pk=1))),
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


def remove_another() -> None:
    session = Session.objects.create(channel=Channel.objects.get(kind=WEBCHAT), chat_id="gone")
    purge_session(session, actor=ALICE.actor, own=True)


STAY: dict[str, Callable[[], Any]] = {
    "a conversation": remove_another,
    "updates that turns came of": clean_inbox,
    "answers that are out": lambda: expire_older(days=3),
}


@pytest.mark.parametrize("name", STAY)
def test_a_removal_costs_the_same_after_ten_times_as_many_rows_that_stay(name: str) -> None:
    costs = []
    for count in (FEW, MANY - FEW):
        answered(count, at=timezone.now() - timedelta(days=20))
        Inbox.objects.update(raw="")
        with steps_of_sqlite() as taken:
            STAY[name]()
        costs.append(taken())
    assert costs[1] <= costs[0] + 30, f"tens of steps after {FEW} and {MANY} messages"


def test_a_person_is_forgotten_at_the_same_cost_after_ten_times_as_many_verdicts_and_decisions() -> None:
    channel = Channel.objects.create(kind=WEBCHAT, name="main")
    Contact.objects.create(channel=channel, external_id="gone")
    costs = []
    for numbers in (range(FEW), range(FEW, MANY)):
        VerdictRecord.objects.bulk_create(
            VerdictRecord(stage="input", rule="pii", action="mask", subject=f"contact:another-{n}") for n in numbers
        )
        Approval.objects.bulk_create(
            Approval(key=f"{n}", kind="tool", state="approved", requested_by=f"user:{n}", expires_at=timezone.now())
            for n in numbers
        )
        with steps_of_sqlite() as taken:
            remove_another()
        costs.append(taken())
    assert costs[1] <= costs[0] + 30, "tens of steps"


WAITS: dict[str, Callable[[], Any]] = {
    "what the gateway shows": lambda: list(waiting(Approval.objects.order_by("-pk"))[:50]),
    "a turn": lambda: withdraw("tool", actor="system", turn=0),
    "a change request": lambda: gitops.withdraw(ChangeRequest(pk=1), actor="system"),
    "a pipeline": lambda: local_asking.withdraw(Pipeline(pk=1)),
}


@pytest.mark.parametrize("name", WAITS)
def test_what_waits_is_found_at_the_same_cost_after_ten_times_as_many_decisions(name: str) -> None:
    costs = []
    for numbers in (range(FEW), range(FEW, MANY)):
        Approval.objects.bulk_create(
            Approval(key=f"{number}", kind="tool", state="approved", data={"turn": number}, expires_at=timezone.now())
            for number in numbers
        )
        with steps_of_sqlite() as taken:
            WAITS[name]()
        costs.append(taken())
    assert costs[1] <= costs[0] + 30, "tens of steps"
