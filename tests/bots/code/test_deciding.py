"""What people do with a /code: look at what changed, undo it, have it again, and say what they think."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from bots.code.board import card_key
from guardrails.approvals import decide
from guardrails.models import Approval
from runbooks.feedback import list_feedback
from runbooks.models import CodeRun, CurrentProject, Job, ProjectMember
from runbooks.workspaces import git
from runbooks.workspaces.operations import record_operation
from runbooks.workspaces.roots import tree_of
from sessions_app.models import Card
from tests.bots.code.making import APP, FILES, MEND, World, finish, go, go_on, labels, shown
from tests.servers.messages import MessagesServer, tool_use

NEW = tool_use("write_file", {"path": "new.py", "content": "x = 1\n", "why": "Add a module"})


@pytest.fixture
def mended(world: World, model: MessagesServer) -> CodeRun:
    """A /code of Bob's that is merged."""
    finish(model, MEND, NEW, said="Mended.")
    return go(world.start())


def agree(world: World, *, yes: bool = True) -> Approval:
    approval = Approval.objects.get(state="waiting")
    assert decide(approval.key, actor=world.people.bob.actor, approve=yes).outcome in ("approved", "rejected")
    return approval


def test_undo_asks_with_the_files_and_takes_back_by_one_new_commit(world: World, mended: CodeRun) -> None:
    assert world.say(f"/code undo {mended.pk}") == ""
    job = go_on("code_undo")
    assert job.state == "waiting_approval"
    request = agree(world)
    assert "Undo in shop by a new commit" in request.summary
    assert "new.py  +0 −1" in request.summary
    job = go_on("code_undo")
    assert job.state == "succeeded", job.error

    assert world.files()["app.py"] == APP
    assert "new.py" not in world.files()
    assert world.log() == ["Undo: Make the failing test pass", "Add a module", "Add instead of subtracting", "Begin"]
    mended.refresh_from_db()
    assert mended.outcome == "undone"
    assert "undone" in shown(f"{card_key(mended)}:end").text
    assert "nothing to undo" in world.say(f"/code undo {mended.pk}")


def test_a_name_that_breaks_the_list_of_files_is_shown_as_one_line(world: World, mended: CodeRun) -> None:
    world.commit("a\nclaw.yaml  +9 −9\u202e.py", "x\n")
    world.say("/undo")
    go_on("code_undo")
    assert Approval.objects.get().summary.splitlines()[2:] == ["a claw.yaml  +9 −9\ufffd.py  +0 −1"]


def test_an_undo_that_nobody_wants_changes_nothing(world: World, mended: CodeRun) -> None:
    world.say("/undo")
    go_on("code_undo")
    agree(world, yes=False)
    assert go_on("code_undo").result == {"undone": False}
    assert "new.py" in world.files()


def test_undo_of_what_was_changed_since_names_the_files(world: World, mended: CodeRun) -> None:
    world.commit("app.py", "def add(a, b):\n    return sum((a, b))\n")
    world.say(f"/undo {mended.pk}")
    go_on("code_undo")
    agree(world)
    job = go_on("code_undo")
    assert job.state == "failed"
    assert "app.py" in job.error
    assert shown(f"code:{job.key}:error").text == job.error
    assert "new.py" in world.files()


def test_undo_of_any_operation_by_its_commit(world: World) -> None:
    sha = world.commit("notes.md", "Notes\n")
    world.commit("other.md", "Others\n")
    world.say(f"/undo {sha[:8]}")
    go_on("code_undo")
    agree(world)
    job = go_on("code_undo")
    assert "notes.md" not in world.files()
    assert "other.md" in world.files()
    assert "Undone: Put notes.md" in shown(f"code:{job.key}:done").text


def test_rollback_to_a_commit_gives_its_files_back_by_a_new_one(world: World) -> None:
    sha = world.commit("notes.md", "Notes\n")
    last = world.commit("other.md", "Others\n")
    assert world.say(f"/rollback {sha[:8]}") == ""
    assert go_on("code_return").state == "waiting_approval"
    request = agree(world)
    assert "other.md  +0 −1" in request.summary
    job = go_on("code_return")
    assert job.state == "succeeded", job.error
    assert "other.md" not in world.files()
    assert "notes.md" in world.files()
    assert world.log()[0].startswith(f"Return to {sha[:8]}: ")
    made = world.project.operations.latest("pk")
    assert (made.kind, made.before, made.sha) == ("return", last, (job.result or {})["commit"])
    assert "is as it was at" in shown(f"code:{job.key}:done").text


def test_rollback_to_a_commit_that_moved_meanwhile_asks_again(world: World) -> None:
    sha = world.commit("notes.md", "Notes\n")
    world.commit("other.md", "Others\n")
    world.say(f"/rollback {sha[:8]}")
    go_on("code_return")
    agree(world)
    world.commit("third.md", "Third\n")
    assert go_on("code_return").state == "waiting_approval"
    assert "third.md" in world.files()
    agree(world, yes=False)
    assert go_on("code_return").result == {"returned": False}


def test_rollback_to_no_commit_says_so_and_changes_nothing(world: World) -> None:
    world.say("/rollback abcdef12")
    job = go_on("code_return")
    assert job.state == "failed"
    assert shown(f"code:{job.key}:error").text == job.error


def test_changes_that_are_not_merged_are_thrown_away(world: World, model: MessagesServer) -> None:
    finish(model, NEW)
    run = go(world.start())
    world.say(f"/code undo {run.pk}")
    go_on("code_undo")
    assert "Throw away what is not merged" in agree(world).summary
    assert go_on("code_undo").state == "succeeded"
    run.refresh_from_db()
    assert run.outcome == "dropped"
    assert labels(shown(f"{card_key(run)}:end"))[0] == f"code again {run.pk}"


def test_a_short_diff_is_in_the_message(world: World, mended: CodeRun) -> None:
    assert world.say(f"/diff {mended.pk}") == ""
    card = shown(f"diff:{go_on('code_diff').key}")
    assert "-    return a - b\n+    return a + b" in card.text
    assert not card.files
    world.say("/diff")
    assert "Make the failing test pass" in shown(f"diff:{go_on('code_diff').key}").text


def test_a_long_diff_is_a_file(world: World) -> None:
    secret = "sk-ant-api03-" + "a1B2" * 12
    (tree_of(world.project) / "long.txt").write_text("".join(f"line {number}\n" for number in range(200)) + secret)
    git.run_git(world.project, "add", "-A")
    git.run_git(world.project, "commit", "-q", "-m", "From elsewhere")
    sha = git.head(world.project)
    world.say(f"/diff {sha[:9]}")
    card = shown(f"diff:{go_on('code_diff').key}")
    (file,) = card.files
    body = (Path(settings.CLAW_HOME) / file.path).read_text()
    assert (file.name, "+line 199" in body, secret in body) == (f"shop-{sha[:10]}.patch", True, False)
    assert "long.txt  +201 −0" in card.text


def test_a_commit_that_is_not_there_is_said(world: World) -> None:
    world.say("/diff 0123abcd")
    assert go_on("code_diff").error == "There is no commit '0123abcd' in shop."
    world.say("/diff --output=/tmp/x")
    assert go_on("code_diff").error == "Name a commit by its number."


def test_again_and_a_reply_go_on_from_what_was(world: World, model: MessagesServer, mended: CodeRun) -> None:
    assert world.say(f"/code again {mended.pk}") == ""
    second = CodeRun.objects.latest("pk")
    assert (second.request, second.earlier_id) == (mended.request, mended.pk)
    Card.objects.filter(key=f"{card_key(mended)}:end").update(remote_ids=["77"])
    assert world.say("/code Now subtract, too", reply_to="77") == ""
    third = CodeRun.objects.latest("pk")
    assert (third.request, third.earlier_id) == ("Now subtract, too", mended.pk)
    finish(model, said="I see.")
    go(second)
    told = model.requests()[-1]["body"]["messages"][0]["content"]
    told = told if isinstance(told, str) else told[0]["text"]
    assert "It is merged" in told
    assert "Said: Mended." in told
    assert "app.py" in told


def test_a_thumb_and_its_reason_stay_with_the_job(world: World, mended: CodeRun) -> None:
    assert "What was wrong?" in world.say(f"/code down {mended.pk}")
    assert world.say(f"/code down {mended.pk} It forgot subtract") == "Thank you, noted."
    assert world.say(f"/code down {mended.pk}").startswith("Noted.")
    (row,) = list_feedback()
    assert (row.job_id, row.good, row.reason, row.name) == (mended.job_id, False, "It forgot subtract", "Bob")
    world.say(f"/code up {mended.pk}")
    (row,) = list_feedback()
    assert (row.good, row.reason) == (True, "")


def test_others_find_nothing(world: World, mended: CodeRun) -> None:
    people, before = world.people, Job.objects.count()
    for verb in ("keep", "undo", "again", "up", "down", "stop"):
        order = f"/code {verb} {mended.pk}"
        # Alice is an admin, and no member: in chats she sees nothing of it. Charlie is a stranger.
        assert world.say(order, by=people.alice, session=people.alices) == "There is no such work."
        assert "do not know this command" in world.say(order, by=people.charlie, session=people.group)
    assert world.say(f"/diff {mended.pk}", by=people.alice, session=people.alices) == "There is no such work."
    assert Job.objects.count() == before


def test_who_only_looks_may_not_change(world: World, mended: CodeRun) -> None:
    people = world.people
    ProjectMember.objects.create(project=world.project, subject=people.alice.person, role="viewer")
    assert world.say(f"/diff {mended.pk}", by=people.alice, session=people.alices) == ""
    said = world.say(f"/code undo {mended.pk}", by=people.alice, session=people.alices)
    assert said
    assert "no such" not in said
    assert not Job.objects.filter(kind="code_undo").exists()


def test_without_a_project_one_is_asked_for(world: World) -> None:
    people = world.people
    assert "project" in world.say("/code Do it", by=people.alice, session=people.alices)
    assert world.say("/code").startswith("Say what is to be done")


def test_words_that_only_look_like_orders_are_work(world: World) -> None:
    assert world.say("/code keep 3 lines of context\nand the header") == ""
    assert CodeRun.objects.latest("pk").request == "keep 3 lines of context\nand the header"


def test_two_in_one_project_go_one_after_the_other(world: World, model: MessagesServer) -> None:
    first, second = world.start(), world.start("Add a module")
    finish(model, tool_use("run_command", {"argv": ["sort", "app.py"]}), MEND)
    assert go(first).job.state == "waiting_approval"
    waiting = go(second)
    assert (waiting.job.state, waiting.outcome) == ("queued", "open")
    assert "Waiting for its turn in this project, 1 ahead" in shown(card_key(second)).text
    agree(world, yes=False)
    assert go(first).outcome == "merged"
    Job.objects.filter(pk=second.job_id).update(not_before="2020-01-01T00:00:00Z")
    finish(model, NEW)
    assert go(second).outcome == "merged"
    assert world.log() == ["Add a module", "Add instead of subtracting", "Begin"]


def test_what_a_stopped_job_left_is_looked_at_before_it_is_kept(world: World, model: MessagesServer) -> None:
    """Its row knows no files, as it was stopped while it waited: what guards them must not go by the row."""
    people = world.people
    ProjectMember.objects.create(project=world.project, subject=people.alice.person, role="developer")
    wider = tool_use("write_file", {"path": "claw.yaml", "content": "name: shop\nallow: [[sh]]\n", "why": "Allow more"})
    finish(model, wider, tool_use("run_command", {"argv": ["sort", "app.py"]}))
    run = world.start()
    assert go(run).job.state == "waiting_approval"
    world.say(f"/code stop {run.pk}")
    run.refresh_from_db()
    assert (run.outcome, run.files) == ("kept", [])

    world.say(f"/code keep {run.pk} {run.head[:10]}", by=people.alice, session=people.alices)
    assert "maintainer" in go_on("code_keep").error
    assert world.log() == ["Begin"]
    assert "claw.yaml  +1" in shown(f"{card_key(run)}:end").text
    world.say(f"/code keep {run.pk} {run.head[:10]}")
    assert go_on("code_keep").state == "succeeded"


def test_what_is_kept_is_what_was_shown(world: World, model: MessagesServer) -> None:
    finish(model, NEW)
    run = go(world.start())
    seen = run.head
    tree = git.add_worktree(world.project, "later", f"code/{run.pk}")
    (tree / "later.py").write_text("y = 2\n")
    git.commit_all(world.project, tree, "Later", actor=world.people.bob.actor)
    git.remove_worktree(world.project, "later")
    world.say(f"/code keep {run.pk} {seen[:10]}")
    assert "changed since" in go_on("code_keep").error
    run.refresh_from_db()
    assert run.head != seen
    assert "later.py" in shown(f"{card_key(run)}:end").text


def test_an_undo_of_what_decides_on_commands_needs_a_maintainer(world: World) -> None:
    people = world.people
    ProjectMember.objects.create(project=world.project, subject=people.alice.person, role="developer")
    sha = world.commit("claw.yaml", FILES["claw.yaml"] + "environments: {production: {approval: true}}\n")
    CurrentProject.objects.create(session=people.alices, subject=people.alice.person, project=world.project)
    world.say(f"/undo {sha[:9]}", by=people.alice, session=people.alices)
    assert "maintainer" in go_on("code_undo").error
    world.say(f"/undo {sha[:9]}")
    assert go_on("code_undo").state == "waiting_approval"


def test_the_beginning_of_a_project_is_not_undone(world: World) -> None:
    actor = world.people.bob.actor
    record_operation(world.project, kind="new", sha=git.head(world.project), actor=actor, summary="Begin shop")
    world.say("/undo")
    assert go_on("code_undo").error == "This is how the project began. It cannot be undone."
