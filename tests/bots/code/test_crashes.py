"""A /code whose process is killed at each of its parts: another one goes on, and nothing is done or merged twice.

The process is a real one, forked as a worker does it, and kills itself where the test says; what a reaper does then is
done here.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import psutil
import pytest
from django.db import connections

from bots.code import merging, testing, tree, working
from bots.code.ending import end_code
from clawsite.core.db import close_pool
from clawsite.core.models import AuditEvent, Process
from clawsite.core.process import void_dead_local_processes
from runbooks.models import CodeRun, Job, Operation
from runbooks.reaper import take_up_left
from runbooks.run import run_job
from runbooks.workspaces import git, roots
from sessions_app.models import Card, ToolCall
from tests.bots.code.making import MEND, World, finish, go, go_on
from tests.clawsite.running import until
from tests.servers.messages import MessagesServer, pause, text, tool_use

pytestmark = [pytest.mark.faults, pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")]

ALLOWED = "name: shop\ntest:\n  argv: [python, test_app.py]\nallow:\n- [sh, slow.sh]\n"


def die(*_: object, **__: object) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def before(_do: Callable[..., Any]) -> Callable[..., Any]:
    return die


def after(do: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **options: Any) -> Any:
        do(*args, **options)
        die()

    return run


def kill_it(process: int) -> None:
    os.kill(process, signal.SIGKILL)


def kill(
    run: CodeRun | Job, *, when: Callable[[], object] | None = None, how: Callable[[int], object] = kill_it
) -> None:
    """Run the job in a process of its own until that dies, or is killed when something is so; take up what it left."""
    worker = Process.objects.create(role="worker", host="elsewhere", pid=1, started=1)
    close_pool()
    run_job(run.pk if isinstance(run, Job) else run.job_id)
    pid = until(_runner, seconds=30, what="its process")
    if when is not None:
        until(when, seconds=30, what="the moment to kill")
        how(pid)
    until(lambda: not psutil.pid_exists(pid), seconds=30, what="its end")
    void_dead_local_processes()
    take_up_left(worker.pk)
    connections.close_all()


def _runner() -> int | None:
    return Process.objects.filter(role="job").values_list("pid", flat=True).first()


@pytest.mark.parametrize(
    ("where", "name", "kind"),
    [
        (tree, "commit", before),
        (tree, "commit", after),
        (working, "take_answer", before),
        (testing, "run_tests", before),
        (merging, "merge", before),
        (git, "merge_branch", after),
        (merging, "merge", after),
        (tree, "remove", before),
    ],
    ids=["written", "committed", "answered", "testing", "merging", "merged", "recorded", "settled"],
)
def test_it_goes_on_from_the_last_commit(
    world: World, model: MessagesServer, monkeypatch: pytest.MonkeyPatch, where: Any, name: str, kind: Any
) -> None:
    again = tool_use("edit_file", {"path": "app.py", "old": "a - b", "new": "a + b", "why": "Add, once more"})
    model.script(MEND)
    model.script(again, on_result=True)
    model.script(text("Done."), on_result=True, times=None)
    run = world.start()
    with monkeypatch.context() as patch:
        patch.setattr(where, name, kind(getattr(where, name)))
        kill(run)
    run.job.refresh_from_db()
    assert run.job.state == "queued"

    run = go(run)
    assert (run.job.state, run.outcome) == ("succeeded", "merged"), run.job.error
    assert world.files()["app.py"] == "def add(a, b):\n    return a + b\n"
    assert len(world.log()) == 2
    assert Operation.objects.filter(job=run.job).count() == 1
    assert (roots.tree_of(world.project) / "app.py").read_text() == world.files()["app.py"]
    assert Card.objects.filter(kind="code-end").count() == 1


def test_a_merge_that_was_not_recorded_is_recorded_as_it_was(
    world: World, model: MessagesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(model, tool_use("write_file", {"path": "new.py", "content": "x = 1\n", "why": "Add a module"}))
    run = go(world.start())
    before = world.commit("other.py", "y = 2\n")
    world.say(f"/code keep {run.pk}")
    with monkeypatch.context() as patch:
        patch.setattr(git, "merge_branch", after(git.merge_branch))
        kill(Job.objects.get(kind="code_keep"))
    assert go_on("code_keep").state == "succeeded"
    operation = Operation.objects.get(job=run.job)
    assert (operation.before, operation.sha) == (before, git.head(world.project))
    assert {"new.py", "other.py"} <= set(world.files())


def test_a_command_that_was_killed_is_not_run_again(world: World, model: MessagesServer) -> None:
    world.commit("claw.yaml", ALLOWED)
    world.commit("slow.sh", "echo x >> ran; sleep 60\n")
    model.script(MEND)
    model.script(tool_use("run_command", {"argv": ["sh", "slow.sh"]}), on_result=True)
    model.script(text("Done."), on_result=True)
    run = world.start()
    ran = roots.job_tree(world.project, run.job.key) / "ran"
    kill(run, when=ran.exists)

    run = go(run)
    assert run.outcome == "merged", run.job.error
    calls = dict(ToolCall.objects.filter(job_key=run.job.key).values_list("tool", "state"))
    assert calls == {"edit_file": "done", "run_command": "failed"}
    assert not AuditEvent.objects.filter(action="code.command").exists()
    # What it had written was never committed, so it is gone.
    assert "ran" not in world.files()
    assert "interrupted" in str(model.requests()[-1]["body"]["messages"][-1])


def test_a_stop_ends_a_command_that_runs(world: World, model: MessagesServer) -> None:
    world.commit("claw.yaml", ALLOWED)
    world.commit("slow.sh", "echo $$ > pid; sleep 60\n")
    model.script(MEND)
    model.script(tool_use("run_command", {"argv": ["sh", "slow.sh"]}), on_result=True)
    run = world.start()
    pid = roots.job_tree(world.project, run.job.key) / "pid"
    kill(run, when=pid.exists, how=lambda _process: world.say("/stop"))
    run = CodeRun.objects.select_related("job").get(pk=run.pk)
    assert (run.job.state, run.outcome, run.reason) == ("cancelled", "kept", "unfinished")
    assert run.files == [["app.py", 1, 1]]
    assert not pid.parent.exists()


def test_the_model_is_asked_again_after_its_answer_was_lost(world: World, model: MessagesServer) -> None:
    model.script(MEND)
    model.script(text("Lost."), pause(60), on_result=True)
    model.script(text("Done."), on_result=True)
    run = world.start()
    kill(run, when=lambda: len(model.requests()) == 2)
    run = go(run)
    assert (run.outcome, run.summary) == ("merged", "Done.")
    assert world.log() == ["Add instead of subtracting", "Begin"]
    assert run.cost_usd > 0


def test_one_that_is_given_up_leaves_its_commits_on_the_branch(world: World, model: MessagesServer) -> None:
    model.script(MEND)
    model.script(text("Lost."), pause(60), on_result=True)
    run = world.start()
    kill(run, when=lambda: len(model.requests()) == 2)
    world.say("/stop")
    run = CodeRun.objects.select_related("job").get(pk=run.pk)
    assert (run.job.state, run.outcome, run.reason) == ("cancelled", "kept", "unfinished")
    assert run.cost_usd > 0
    end_code(run.job)
    assert Card.objects.filter(kind="code-end").count() == 1
