"""Twenty jobs of two people come to one project at once: each has its turn, and no change is lost."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from runbooks import jobs
from runbooks.jobs import JobContext
from runbooks.models import Job, Operation, ProjectTurn
from runbooks.workspaces import git
from runbooks.workspaces.operations import record_operation
from runbooks.workspaces.roots import tree_of
from runbooks.workspaces.turns import take_turn
from tests.runbooks.people import ALICE, BOB
from tests.runbooks.running import kind, perform_together
from tests.runbooks.workspaces.making import commit, project, write

pytestmark = pytest.mark.django_db(transaction=True)
JOBS = 20
AT_ONCE = 4


def test_twenty_jobs_of_one_project_lose_nothing() -> None:
    made = project()
    people = {person.subject: person for person in (ALICE, BOB)}

    def work(ctx: JobContext) -> Any:
        pause = take_turn(ctx, made)
        if pause is not None:
            return pause
        name, actor, before = str(ctx.params["value"]), people[ctx.job.owner], git.head(made)
        write(tree_of(made), {f"{name}.txt": name})
        sha = commit(made, f"Note {name}", actor=actor, job=ctx.job.key)
        record_operation(made, kind="file", sha=sha, before=before, job=ctx.job, actor=actor, summary=f"Note {name}")
        return None

    with kind(work):
        made_jobs = [_start(number) for number in range(JOBS)]
        while waiting := Job.objects.filter(state="queued"):
            ready = list(waiting.filter(not_before__lte=timezone.now()).order_by("-pk").values_list("pk", flat=True))
            assert ready, "jobs wait, and none of them is to run"
            perform_together(ready[:AT_ONCE])  # the youngest first

    states = Job.objects.filter(pk__in=[job.pk for job in made_jobs]).values_list("state", flat=True)
    assert list(states) == ["succeeded"] * JOBS
    notes = [f"Note {number}" for number in range(JOBS)]
    assert sorted(Operation.objects.values_list("summary", flat=True)) == sorted(notes)
    log = git.run_git(made, "log", "--format=%s (%an)", git.head(made)).stdout.decode().splitlines()
    assert sorted(log[:-1]) == sorted(f"{note} ({('Alice', 'Bob')[number % 2]})" for number, note in enumerate(notes))
    assert not ProjectTurn.objects.exists()
    assert git.is_clean(made)


def _start(number: int) -> Job:
    return jobs.create_job("test", params={"value": number}, actor=(ALICE, BOB)[number % 2], start=True)
