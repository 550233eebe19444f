"""One job at a time changes a project: the oldest first, the others wait without a process and lose nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from guardrails.types import Actor
from runbooks import jobs
from runbooks.jobs import JobContext, Park
from runbooks.models import Job, Operation, Project, ProjectTurn
from runbooks.workspaces import git
from runbooks.workspaces.operations import _after, after_operation, last_operations, record_operation
from runbooks.workspaces.roots import tree_of
from runbooks.workspaces.turns import holder_of, leave_turn, take_turn
from runbooks.workspaces.watchers import sessions_of, unwatch, watch
from sessions_app.models import Channel, Session
from tests.runbooks.people import ALICE, BOB
from tests.runbooks.running import kind, perform_together, run, start
from tests.runbooks.workspaces.making import commit, project, row, write

pytestmark = pytest.mark.django_db(transaction=True)


def due(job: Job) -> bool:
    """Tell whether a queued job is to run now."""
    return Job.objects.filter(pk=job.pk, state="queued", not_before__lte=timezone.now()).exists()


def test_jobs_of_one_project_work_one_after_the_other() -> None:
    made, other = row("shop"), row("blog")
    log: list[str] = []
    names: dict[int, str] = {}

    def work(ctx: JobContext) -> Any:
        pause = take_turn(ctx, made if ctx.params["value"] != "other" else other)
        if pause is not None:
            return pause
        log.append(names[ctx.job.pk])
        if ctx.params["value"] == "wait" and len(log) == 1:
            return Park(for_approval=True, until=timezone.now() + timedelta(hours=1))
        return None

    with kind(work):
        first, second, third, beside = (start(value=value) for value in ("wait", "x", "x", "other"))
        names.update({first.pk: "first", second.pk: "second", third.pk: "third", beside.pk: "beside"})
        assert run(first).state == "waiting_approval"
        assert run(third).state == run(second).state == "queued"
        assert run(beside).state == "succeeded"
        assert (log, holder_of(made)) == (["first", "beside"], first)
        assert not due(second)

        jobs.resume_job(first.pk)
        assert run(first).state == "succeeded"
        assert (due(second), due(third)) == (True, False)  # the oldest was woken, not who came first
        jobs.cancel_job(second.key, actor=BOB)
        assert due(third)
        assert run(third).state == "succeeded"

    assert log == ["first", "beside", "first", "third"]
    assert not ProjectTurn.objects.exists()
    assert holder_of(made) is None


def test_a_turn_that_ends_while_another_job_parks_is_not_lost() -> None:
    made = row()
    held = start("selftest", events=0)
    ProjectTurn.objects.create(project=made, job=held, held=True)

    def work(ctx: JobContext) -> Any:
        pause = take_turn(ctx, made)
        if pause is not None:
            run(held)  # ends between the look and the pause
        return pause

    with kind(work):
        job = start()
        assert run(job).state == "queued"
        assert due(job)
        assert run(job).state == "succeeded"


def test_many_jobs_that_come_at_once_all_get_their_turn() -> None:
    made = row()
    inside: list[int] = []
    seen: list[int] = []

    def work(ctx: JobContext) -> Any:
        pause = take_turn(ctx, made)
        if pause is None:
            inside.append(ctx.job.pk)
            seen.append(len(inside))
            inside.remove(ctx.job.pk)
        return pause

    with kind(work):
        made_jobs = [start() for _ in range(6)]
        while Job.objects.filter(state="queued").exists():
            ready = [job for job in made_jobs if due(job)]
            assert ready
            perform_together([job.pk for job in ready[:2]])
    assert seen == [1] * 6
    assert set(Job.objects.values_list("state", flat=True)) == {"succeeded"}


def test_a_turn_may_be_given_back_before_the_end() -> None:
    made = row()
    first, second = start("selftest"), start("selftest")
    ProjectTurn.objects.create(project=made, job=first, held=True)
    ProjectTurn.objects.create(project=made, job=second)

    leave_turn(first)

    assert list(ProjectTurn.objects.values_list("job_id", flat=True)) == [second.pk]
    leave_turn(first)


def test_an_operation_is_recorded_once_and_told_of() -> None:
    made = row()
    job = start("selftest")
    told: list[Operation] = []
    after_operation(told.append)
    try:
        for _ in range(2):
            record_operation(made, kind="code", sha="b", before="a", job=job, actor=ALICE, summary="Add\n a  line")
    finally:
        _after.remove(told.append)

    (operation,) = last_operations(made)
    assert told == [operation]
    assert (operation.summary, operation.actor_name) == ("Add a line", "Alice")


def test_what_fails_for_one_who_listens_records_nothing() -> None:
    made = row()

    def fail(operation: Operation) -> None:
        raise RuntimeError(operation.kind)

    after_operation(fail)
    try:
        with pytest.raises(RuntimeError):
            record_operation(made, kind="code", sha="b", actor=ALICE, summary="x")
    finally:
        _after.remove(fail)
    assert not Operation.objects.exists()


def watching(project: Project, session: Session, actor: Actor) -> list[bool]:
    """Watch twice and say what became of it."""
    return [watch(project, session.pk, actor=actor) for _ in range(2)]


def test_news_go_to_the_chats_that_watch_and_to_the_one_that_asked() -> None:
    made = row()
    channel = Channel.objects.create(kind="telegram", name="t")
    first, second = (Session.objects.create(channel=channel, chat_id=chat) for chat in "12")

    assert watching(made, first, BOB) == [True, False]
    assert sessions_of(made) == [first.pk]
    assert sessions_of(made, second.pk, None, first.pk) == [second.pk, first.pk]
    assert [unwatch(made, first.pk), unwatch(made, first.pk)] == [True, False]
    assert sessions_of(made) == []


def test_whoever_has_the_turn_finds_the_files_as_they_should_be() -> None:
    made = project(files={"a.txt": "one\n"})
    write(tree_of(made), {"a.txt": "two\n"})
    second = commit(made, "Two.")
    git.return_to(made, f"{second}^", actor=BOB)
    git.run_git(made, "update-ref", "refs/heads/main", second)  # as if killed before the files followed

    with kind(lambda ctx: take_turn(ctx, made)):
        assert run(start()).state == "succeeded"
    assert (tree_of(made) / "a.txt").read_text() == "two\n"
