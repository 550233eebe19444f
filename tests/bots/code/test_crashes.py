"""A /code whose process is killed at each of its parts: another one goes on, and nothing is done or merged twice.

The process is a real one, forked as a worker does it, and kills itself where the test says; what a reaper does then is
done here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bots.code import deciding, merging, testing, tree, working
from bots.code.ending import end_code
from clawsite.core import audit
from clawsite.core.models import AuditEvent
from guardrails.approvals import decide
from guardrails.models import Approval
from runbooks.models import CodeRun, Job, Operation
from runbooks.workspaces import git, landing, roots
from sessions_app.models import Card, ToolCall
from tests.bots.code.making import MEND, World, finish, go, go_on
from tests.runbooks.killing import after, before, kill_it, kill_job
from tests.servers.messages import MessagesServer, pause, text, tool_use

pytestmark = [pytest.mark.faults, pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")]

ALLOWED = "name: shop\ntest:\n  argv: [python, test_app.py]\nallow:\n- [sh, slow.sh]\n"


def kill(
    run: CodeRun | Job, *, when: Callable[[], object] | None = None, how: Callable[[int], object] = kill_it
) -> None:
    """Kill the process of a run, see tests.runbooks.killing."""
    kill_job(run.pk if isinstance(run, Job) else run.job_id, when=when, how=how)


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


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_is_kept_is_told_and_recorded_once(
    world: World, model: MessagesServer, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Killed between the parts of that, or after it and before the job's end is written."""
    finish(model, tool_use("write_file", {"path": "new.py", "content": "x = 1\n", "why": "Add a module"}))
    run = go(world.start())
    world.say(f"/code keep {run.pk}")
    part: Any = audit if when == "before" else deciding
    name, kind = ("record", before) if when == "before" else ("_tell", after)
    with monkeypatch.context() as patch:
        patch.setattr(part, name, kind(getattr(part, name)))
        assert kill_job(Job.objects.get(kind="code_keep").pk).state == "queued"
    job = go_on("code_keep")
    assert job.state == "succeeded", job.error
    assert job.result is not None
    assert job.result["outcome"] == "merged"
    assert AuditEvent.objects.filter(action="code.keep").count() == 1
    assert Card.objects.get(kind="code-end").data["outcome"] == "merged"


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


@pytest.mark.parametrize(
    ("where", "name", "kind"),
    [
        (git, "commit_all", after),
        (git, "merge_branch", before),
        (git, "merge_branch", after),
        (landing, "record_operation", after),
        (deciding, "_tell", after),
    ],
    ids=["committed", "merging", "merged", "recorded", "told"],
)
def test_an_undo_goes_on(
    world: World, model: MessagesServer, monkeypatch: pytest.MonkeyPatch, where: Any, name: str, kind: Any
) -> None:
    finish(model, MEND)
    request = "Make the test pass, and leave all else in it as it is, for others are at work there"
    assert f"Undo: {request}"[71] == " "  # where the title of the commit ends
    run = go(world.start(request))
    world.say(f"/undo {run.pk}")
    job = go_on("code_undo")
    decide(Approval.objects.get(state="waiting").key, actor=world.people.bob.actor, approve=True)
    with monkeypatch.context() as patch:
        patch.setattr(where, name, kind(getattr(where, name)))
        assert kill_job(job.pk).state == "queued"
    assert go_on("code_undo").state == "succeeded"

    run.refresh_from_db()
    made = Operation.objects.filter(kind="revert")
    assert [(each.before, each.sha) for each in made] == [(run.merged, git.head(world.project))]
    assert run.outcome == "undone"
    assert "a - b" in world.files()["app.py"]
    assert len(world.log()) == 3
