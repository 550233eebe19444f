"""A command of a project's own, from the words to the merge: who may, what is asked, and what may come in between."""

from __future__ import annotations

import pytest

from clawsite.core.errors import BadInput, NotAllowed
from clawsite.core.models import AuditEvent
from guardrails.approvals import expire_due
from guardrails.models import Approval
from guardrails.types import Actor, Role
from runbooks.models import ChangeRequest, Job, Operation, ProjectTurn
from runbooks.workspaces import git
from runbooks.workspaces.gitops import actions
from runbooks.workspaces.gitops.starting import start_command
from runbooks.workspaces.roots import tree_of
from tests.runbooks.people import ALICE, BOB, CHARLIE
from tests.runbooks.workspaces.gitops.changing import (
    SCALE_FILE,
    card,
    change,
    decide,
    go,
    merge_job,
    operate,
    shop,
    start,
    text_of,
    waiting,
)  # fmt: skip
from tests.runbooks.workspaces.gitops.papers import swapped, with_change
from tests.runbooks.workspaces.making import commit, write

pytestmark = pytest.mark.django_db(transaction=True)

DAVE = Actor(subject="user:8", role=Role.OPERATOR, name="Dave")
ERIN = Actor(subject="user:9", role=Role.OPERATOR, name="Erin")
MANUAL = swapped("autoMerge: true", "autoMerge: false")
TOKEN = '{name: count, type: string, pattern: "[A-Za-z0-9]{36}", required: true}'
FREE = swapped("requireApproval: true", "requireApproval: false")


def test_a_command_becomes_one_commit_on_a_branch_and_waits() -> None:
    made = shop(swapped("Run {count} copies", "Run {count}\u202e copies"))
    before = git.head(made)
    job = start(made)
    assert (job.state, job.error) == ("succeeded", "")

    row = change()
    assert git.head(made) == before == row.base
    assert (row.state, row.title, row.line) == ("open", "Run 3\ufffd copies of web", "/scale web 3")
    assert text_of(made, "deploy/web.yaml", row.branch) == "image: web\nreplicas: 3\n"
    assert row.files == [["CHANGES", 1, 0], ["deploy/web.yaml", 1, 1]]
    message = git.run_git(made, "log", "-1", "--format=%an%n%B", row.commit).stdout.decode()
    assert message.startswith("user:2\nRun 3\ufffd copies of web\n\nAsked for by user:2: /scale web 3\n")
    assert "Chat-Op: /scale web 3" in message
    assert (card()["waits"], card()["state"]) == (True, "open")
    assert "deploy/web.yaml  +1 −1" in waiting().summary
    assert "\u202e" not in waiting().summary
    assert waiting().summary.endswith(f"/changes diff {row.pk}")
    assert not ProjectTurn.objects.exists()  # nobody waits for a decision of days


def test_what_is_approved_is_merged_and_recorded() -> None:
    made = shop()
    start(made)
    assert decide() == "approved"
    job = merge_job()
    assert (job.state, job.error) == ("succeeded", "")

    row = change()
    assert (row.state, row.merged, row.ended_by) == ("merged", git.head(made), BOB.subject)
    assert (tree_of(made) / "deploy/web.yaml").read_text() == "image: web\nreplicas: 3\n"
    operation = Operation.objects.filter(kind="gitops").get()
    assert (operation.before, operation.sha, operation.summary) == (row.base, row.merged, "Run 3 copies of web")
    assert card()["state"] == "merged"
    assert list(AuditEvent.objects.filter(subject=row.ref).order_by("pk").values_list("action", flat=True)) == [
        "change.open", "change.merged",
    ]  # fmt: skip


def test_without_auto_merge_somebody_says_so() -> None:
    made = shop(MANUAL)
    start(made)
    with pytest.raises(BadInput, match="not approved yet"):
        actions.ask_merge(change(), actor=BOB, session_id=None)
    decide()
    assert (change().state, Job.objects.filter(kind="gitops_merge").count()) == ("approved", 0)
    job = actions.ask_merge(change(), actor=ALICE, session_id=None)
    type(made).objects.update(archived=True)
    assert go(job).error == "shop is archived."
    type(made).objects.update(archived=False)
    actions.ask_merge(change(), actor=ALICE, session_id=None)
    merge_job()

    assert (change().state, change().ended_by) == ("merged", ALICE.subject)
    with pytest.raises(BadInput, match="is over"):
        actions.ask_merge(change(), actor=ALICE, session_id=None)


def test_nobody_approves_their_own_change_unless_there_is_nobody_else() -> None:
    made = shop()
    start(made)
    assert decide(BOB) == "not_allowed"
    assert decide(CHARLIE) == "not_allowed"
    assert change().state == "open"
    decide(approve=False)

    made.members.all().delete()
    start(made, "web", "4")
    assert decide(BOB) == "approved"
    merge_job()
    assert change().state == "merged"


def test_two_people_approve_where_the_document_says_so() -> None:
    made = shop(swapped("requireApproval: true", "requireApproval: true\n    approvals: 2"))
    job = start(made)
    assert (job.state, "2 maintainers to agree; shop has 1" in job.error) == ("failed", True)

    made.members.create(subject=DAVE.subject, name="Dave", role="maintainer")
    start(made)
    assert decide() == "approved"
    assert change().state == "open"
    assert decide() == "not_allowed"
    assert decide(DAVE) == "approved"
    assert change().state == "approved"


def test_a_rejection_or_the_end_of_the_time_ends_it_and_keeps_the_branch() -> None:
    made = shop()
    start(made)
    decide(approve=False)

    assert (change().state, card()["state"], card()["by"]) == ("rejected", "rejected", ALICE.subject)
    assert git.branch_head(made, change().branch) == change().commit
    assert text_of(made, "deploy/web.yaml") == "image: web\nreplicas: 1\n"

    start(made, "web", "4")
    Approval.objects.filter(state="waiting").update(expires_at="2020-01-01T00:00:00Z")
    assert expire_due() == 1
    assert (change().state, card()["state"]) == ("expired", "expired")


def test_a_conflict_is_said_with_its_files() -> None:
    made = shop()
    start(made)
    operate(made, {"deploy/web.yaml": "image: web\nreplicas: 7\n"})
    decide()
    assert merge_job().state == "succeeded"

    assert (change().state, card()["state"], card()["conflicts"]) == ("conflict", "conflict", ["deploy/web.yaml"])
    assert text_of(made, "deploy/web.yaml") == "image: web\nreplicas: 7\n"


def test_what_is_not_the_commit_that_was_approved_is_not_merged() -> None:
    made = shop(MANUAL)
    start(made)
    decide()
    row = change()
    ChangeRequest.objects.update(commit=row.base)
    assert go(actions.ask_merge(change(), actor=ALICE, session_id=None)).error == "This change is not approved."
    ChangeRequest.objects.update(commit=row.commit)
    git.run_git(made, "update-ref", f"refs/heads/{row.branch}", row.base)
    before = git.head(made)
    actions.ask_merge(row, actor=ALICE, session_id=None)
    merge_job()

    assert (change().state, git.head(made)) == ("moved", before)


def test_who_is_no_maintainer_any_more_has_approved_nothing() -> None:
    made = shop(MANUAL.replace("requireApproval: true", "requireApproval: true\n    approvals: 2"))
    made.members.create(subject=DAVE.subject, name="Dave", role="maintainer")
    made.members.create(subject=ERIN.subject, name="Erin", role="maintainer")
    start(made)
    decide()
    made.members.filter(subject=ALICE.subject).update(role="developer")
    assert decide(DAVE) == "approved"
    assert (change().state, waiting().data["number"]) == ("open", 2)
    assert decide(ERIN) == "approved"
    assert change().state == "approved"

    made.members.filter(subject=DAVE.subject).update(role="developer")
    made.members.create(subject="user:10", name="Frank", role="maintainer")
    assert go(actions.ask_merge(change(), actor=ALICE, session_id=None)).error == "This change is not approved."
    made.members.filter(subject=DAVE.subject).update(role="maintainer")
    assert go(actions.ask_merge(change(), actor=ALICE, session_id=None)).state == "succeeded"
    assert change().state == "merged"


def test_without_an_approval_it_is_merged_at_once_or_by_a_word() -> None:
    made = shop(FREE)
    start(made)
    assert (change().state, text_of(made, "deploy/web.yaml")) == ("merged", "image: web\nreplicas: 3\n")

    operate(made, {SCALE_FILE: FREE.replace("autoMerge: true", "autoMerge: false")})
    start(made, "web", "5")
    assert (change().state, card()["waits"]) == ("open", False)
    actions.ask_merge(change(), actor=BOB, session_id=None)
    merge_job()
    assert text_of(made, "deploy/web.yaml") == "image: web\nreplicas: 5\n"


def test_who_may_run_and_close() -> None:
    made = shop(swapped("  description", "  role: maintainer\n  description"), alice="developer")
    assert "needs the role maintainer" in start(made, actor=ALICE).error
    assert "There is no project" in start(made, actor=DAVE).error
    start(made)
    for actor in (DAVE, CHARLIE):
        with pytest.raises(NotAllowed, match="no such change"):
            actions.access_change(str(change().pk), actor=actor, session_id=None)
    with pytest.raises(NotAllowed):
        actions.close_change(change(), actor=ALICE, session_id=None)
    actions.close_change(change(), actor=BOB, session_id=None)

    assert (change().state, Approval.objects.get().state) == ("closed", "expired")
    assert actions.open_changes(made) == []


@pytest.mark.parametrize("words", [("web",), ("../x", "3"), ("other", "3")])
def test_words_that_do_not_fit_change_nothing(words: tuple[str, ...]) -> None:
    made = shop()
    assert start(made, *words).state == "failed"
    assert not ChangeRequest.objects.exists()
    assert git.is_clean(made)


def test_what_is_there_already_and_what_is_built_in_change_nothing() -> None:
    made = shop(with_change("    - path: deploy/web.yaml\n      line: {starts: 'replicas', becomes: 'replicas: 1'}\n"))
    assert start(made).error == "Nothing would change: the files say so already."
    assert start(made, "production", command="deploy").error == "shop has no command /deploy."
    assert not ChangeRequest.objects.exists()


def test_a_link_and_a_secret_are_refused() -> None:
    made = shop(with_change("    - path: link\n      write: x\n"))
    blob = git.run_git(made, "hash-object", "-w", "--stdin", stdin=b"/etc/passwd").stdout.decode().strip()
    git.run_git(made, "update-index", "--add", "--cacheinfo", f"120000,{blob},link")
    git.run_git(made, "commit", "-q", "-m", "A link")
    git.refresh_tree(made)
    assert start(made).error == "A command changes plain files only."

    key = "ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"
    other = with_change("    - path: notes\n      write: 'token = ghp_{count}'\n")
    other = other.replace("{name: count, type: integer, min: 1, max: 9, required: true}", TOKEN)
    operate(made, {SCALE_FILE: other})
    assert "secret" in start(made, "web", key.removeprefix("ghp_")).error
    assert not ChangeRequest.objects.exists()


def test_a_crash_between_the_commit_and_the_row_begins_again() -> None:
    made = shop()
    job = start_command(made, "scale", ["web", "3"], actor=BOB, session_id=None)
    branch = f"gitops/scale-{job.key}"
    tree = git.add_worktree(made, job.key, branch)  # what is left of the process that died
    write(tree, {"deploy/web.yaml": "image: web\nreplicas: 3\n"})
    left = commit(made, "Half", tree=tree)
    job = go(job)
    assert (job.state, job.error) == ("succeeded", "")

    assert (change().branch, git.branch_head(made, branch)) == (branch, change().commit)
    assert change().commit != left
    assert Approval.objects.count() == 1
    assert git.run_git(made, "worktree", "list", "--porcelain").stdout.count(b"worktree ") == 1


def test_a_crash_between_the_merge_and_the_record_is_made_good() -> None:
    made = shop()
    start(made)
    decide()
    job = Job.objects.get(kind="gitops_merge")
    before = git.head(made)
    Job.objects.filter(pk=job.pk).update(saved={"before": before})
    git.merge_branch(made, change().commit, actor=BOB)
    assert go(job).state == "succeeded"

    operation = Operation.objects.filter(kind="gitops").get()
    assert (operation.before, operation.sha) == (before, git.head(made))
    assert change().state == "merged"
