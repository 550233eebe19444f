"""A /code from its request to the merge, and what keeps its changes on a branch."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pytest_django import Settings

from bots.code.board import card_key
from clawsite.core.errors import NotAllowed
from clawsite.core.models import AuditEvent
from runbooks.models import CodeRun, Job, Project, ProjectMember
from runbooks.workspaces import git, roots
from tests.bots.code.making import FILES, MEND, World, at_tests, finish, go, go_on, labels, shown, tree_of
from tests.servers.messages import MessagesServer, text, tool_use
from tests.switching import switched_off


def test_what_passes_the_tests_is_merged(world: World, model: MessagesServer) -> None:
    model.script(tool_use("read_file", {"path": "app.py"}))
    model.script(MEND, on_result=True)
    model.script(tool_use("run_tests"), on_result=True)
    model.script(text("`add` subtracted; it adds now, and the test passes."), on_result=True)

    run = go(world.start())

    assert run.job.state == "succeeded", run.job.error
    assert (run.outcome, run.reason, run.files) == ("merged", "", [["app.py", 1, 1]])
    assert world.files()["app.py"] == "def add(a, b):\n    return a + b\n"
    assert (roots.tree_of(world.project) / "app.py").read_text() == world.files()["app.py"]
    assert world.log() == ["Add instead of subtracting", "Begin"]
    body = git.run_git(world.project, "log", "-1", "--format=%an|%b").stdout.decode()
    assert body.startswith("Bob|")
    assert f"/code {run.pk}" in body
    end = shown(f"{card_key(run)}:end")
    assert "merged" in end.text
    assert "app.py  +1 −1" in end.text
    assert "Tests: passed" in end.text
    assert labels(end) == [
        f"diff {run.pk}",
        f"code undo {run.pk}",
        *(f"code {v} {run.pk}" for v in ("again", "up", "down")),
    ]
    assert not roots.job_tree(world.project, run.job.key).exists()


def test_names_that_are_no_text_are_in_nobodys_way(world: World, model: MessagesServer) -> None:
    Path(os.fsdecode(os.fsencode(roots.tree_of(world.project)) + b"/caf\xe9.txt")).touch()
    world.commit("b.txt", "b")
    finish(model, tool_use("list_files", {}), MEND)

    run = go(world.start())

    assert (run.job.error, run.outcome) == ("", "merged")
    assert "caf%E9.txt" in str(model.requests()[0])


def test_without_the_feature_nothing_is_begun(world: World, model: MessagesServer) -> None:
    with switched_off("code"), pytest.raises(NotAllowed, match="switched off"):
        world.start()
    assert (CodeRun.objects.count(), Job.objects.count()) == (0, 0)


def test_what_fails_its_tests_waits_on_its_branch_until_somebody_keeps_it(world: World, model: MessagesServer) -> None:
    finish(model, tool_use("write_file", {"path": "new.py", "content": "x = 1\n", "why": "Add a module"}))
    run = go(world.start())

    assert (run.outcome, run.reason, run.tests["state"]) == ("kept", "tests", "failed")
    assert world.log() == ["Begin"]
    end = shown(f"{card_key(run)}:end")
    assert "not merged" in end.text
    assert "> add gives -1" in end.text
    assert labels(end)[1] == f"code keep {run.pk} {run.head[:10]}"

    assert world.say("/" + labels(end)[1]) == ""
    job = go_on("code_keep")
    assert (job.state, (job.result or {}).get("outcome")) == ("succeeded", "merged"), job.error
    assert world.log() == ["Add a module", "Begin"]
    assert "merged" in shown(f"{card_key(run)}:end").text
    assert "nothing to keep" in world.say(f"/code keep {run.pk}")


def test_a_branch_that_has_moved_is_not_kept_by_what_was_shown_before(world: World, model: MessagesServer) -> None:
    finish(model, tool_use("write_file", {"path": "new.py", "content": "x = 1\n", "why": "Add a module"}))
    run = go(world.start())
    world.say(f"/code keep {run.pk} 0123456789")
    job = go_on("code_keep")
    assert job.state == "failed"
    assert "changed since" in job.error
    assert shown(f"code:{job.key}:error").text == job.error
    assert world.log() == ["Begin"]


def test_what_decides_on_commands_needs_a_maintainer(world: World, model: MessagesServer) -> None:
    wider = FILES["claw.yaml"] + "allow:\n- [python, -c]\n"
    finish(model, MEND, tool_use("write_file", {"path": "claw.yaml", "content": wider, "why": "Allow more"}))
    people = world.people
    ProjectMember.objects.create(project=world.project, subject=people.alice.person, role="developer")
    run = go(world.start())

    assert (run.outcome, run.reason) == ("kept", "guarded")
    assert "a maintainer has to keep it" in shown(f"{card_key(run)}:end").text
    world.say(f"/code keep {run.pk}", by=people.alice, session=people.alices)
    assert go_on("code_keep").state == "failed"
    world.say(f"/code keep {run.pk}")
    assert go_on("code_keep").state == "succeeded"
    assert world.files()["claw.yaml"] == wider


def test_without_tests_nothing_is_merged_by_itself(world: World, model: MessagesServer) -> None:
    (roots.tree_of(world.project) / "claw.yaml").write_text("name: shop\ntype: python\n")
    git.commit_all(world.project, roots.tree_of(world.project), "No tests", actor=world.people.bob.actor)
    finish(model, MEND)
    run = go(world.start())
    assert (run.outcome, run.reason) == ("kept", "untested")


def test_what_came_meanwhile_is_merged_before_the_tests(world: World, model: MessagesServer) -> None:
    run = world.start()
    tree = roots.tree_of(world.project)

    def meanwhile() -> None:
        (tree / "other.py").write_text("y = 2\n")
        git.commit_all(world.project, tree, "Meanwhile", actor=world.people.bob.actor)

    finish(model, MEND)
    with at_tests(meanwhile):
        run = go(run)
    assert run.outcome == "merged", run.reason
    assert run.files == [["app.py", 1, 1]]
    assert set(world.files()) == {*FILES, "other.py"}
    assert "Meanwhile" in world.log()


def test_who_may_not_change_the_project_any_more_merges_nothing(world: World, model: MessagesServer) -> None:
    finish(model, MEND)
    with at_tests(lambda: Project.objects.update(archived=True)):
        run = go(world.start())

    assert (run.job.state, run.job.error, run.outcome) == ("failed", "shop is archived.", "kept")
    assert world.log() == ["Begin"]
    Project.objects.update(archived=False)
    world.say(f"/code keep {run.pk}")
    go_on("code_keep")
    assert world.log() == ["Add instead of subtracting", "Begin"]


def test_a_conflict_names_its_paths_and_keeps_the_branch(world: World, model: MessagesServer) -> None:
    run = world.start()
    tree = roots.tree_of(world.project)

    def meanwhile() -> None:
        (tree / "app.py").write_text("def add(a, b):\n    return sum([a, b])\n")
        git.commit_all(world.project, tree, "Meanwhile", actor=world.people.bob.actor)

    finish(model, MEND)
    with at_tests(meanwhile):
        run = go(run)
    assert (run.outcome, run.reason, run.conflicts) == ("kept", "conflict", ["app.py"])
    assert world.log() == ["Meanwhile", "Begin"]
    assert tree_of(world.project, run.head)["app.py"] == "def add(a, b):\n    return a + b\n"
    assert "conflicts with what came meanwhile: app.py" in shown(f"{card_key(run)}:end").text


def test_a_question_changes_nothing(world: World, model: MessagesServer) -> None:
    finish(model, tool_use("search_files", {"text": "def add"}), said="`add` is in app.py.")
    run = go(world.start("Where is add?"))
    assert (run.outcome, run.summary) == ("nothing", "`add` is in app.py.")
    assert labels(shown(f"{card_key(run)}:end"))[0] == f"code again {run.pk}"


def test_without_a_model_a_sentence_says_so(world: World, settings: Settings) -> None:
    settings.ANTHROPIC_API_KEY = ""
    run = go(world.start())
    assert run.job.state == "failed"
    assert "ANTHROPIC_API_KEY" in shown(f"{card_key(run)}:end").text


def test_what_a_run_may_cost_ends_it_and_what_there_is_stays(
    world: World, model: MessagesServer, settings: Settings
) -> None:
    settings.CLAW_CODE_STEPS = 1
    finish(model, MEND)
    run = go(world.start())
    assert (run.outcome, run.reason, run.steps) == ("kept", "unfinished", 1)
    assert "I stopped after 1 steps" in shown(f"{card_key(run)}:end").text


def test_a_person_has_so_much_for_a_day(world: World, model: MessagesServer, settings: Settings) -> None:
    settings.CLAW_CODE_DAY_USD = 0.5
    finish(model)
    first = go(world.start())
    CodeRun.objects.filter(pk=first.pk).update(cost_usd=0.6)
    second = go(world.start())
    assert second.job.state == "failed"
    assert "budget" in second.job.error


def test_a_model_that_goes_round_in_circles_is_ended(world: World, model: MessagesServer) -> None:
    model.script(tool_use("read_file", {"path": "app.py"}), times=None)
    run = go(world.start())
    assert run.steps == 5
    assert "round in circles" in run.notice


def test_secrets_are_in_no_message_of_a_commit_and_not_in_the_answer(world: World, model: MessagesServer) -> None:
    key = "sk-ant-api03-" + "a1B2" * 12
    bad = tool_use("write_file", {"path": "new.py", "content": "x = 1\n", "why": f"Use {key}"})
    finish(model, bad, said=f"The key is {key}.")
    run = go(world.start())
    assert run.outcome == "nothing"
    assert key not in run.summary
    assert key not in shown(f"{card_key(run)}:end").text
    assert AuditEvent.objects.filter(action="code.refused", data__tool="write_file").count() == 1
