"""Pulling from a real bare repository: forward, by a merge, and what is done about a conflict, by whom."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from pytest_django import Settings

from guardrails.types import Actor
from runbooks import jobs
from runbooks.jobs.working import CancelledJob
from runbooks.models import Job, Operation, Project, Remote
from runbooks.workspaces import git
from runbooks.workspaces.git.packs import hold_packs
from runbooks.workspaces.quotas import MEGABYTE, measure
from runbooks.workspaces.roots import repository_of, tree_of
from runbooks.workspaces.sync import exchange, pulling
from runbooks.workspaces.sync.exchange import fetch
from sessions_app.models import Card, Session
from tests.runbooks.people import ALICE, BOB
from tests.runbooks.running import run
from tests.runbooks.workspaces.sync.places import at_remote, change, connect, dana_pushes, push

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def remote(project: Project, bare: Path) -> None:
    """Begin with both the same."""
    connect(project, f"file://{bare}")
    push()


def pull(project: Project, choice: str = "", actor: Actor = BOB, session_id: int | None = None) -> Job:
    params = {"project": project.key, "choice": choice}
    return run(jobs.create_job("git_pull", params=params, actor=actor, session_id=session_id, start=True))


def card() -> dict[str, object]:
    return dict(Card.objects.get(kind="sync").data)


def conflict(project: Project, bare: Path) -> str:
    """Have both sides change the same line and return the remote's commit."""
    theirs = dana_pushes(bare, {"a.txt": "one\nTHEIRS\nthree\n", "dana.txt": "d"})
    change(project, {"a.txt": "one\nOURS\nthree\n", "b.txt": "b"})
    return theirs


def test_what_is_new_there_comes_here(project: Project, bare: Path) -> None:
    theirs = dana_pushes(bare, {"dana.txt": "d"})
    assert pull(project).result == {"pulled": True, "sha": theirs, "commits": 1}

    assert git.head(project) == theirs
    assert (tree_of(project) / "dana.txt").read_text() == "d"
    operation = Operation.objects.first()
    assert operation is not None
    assert (operation.kind, operation.sha, operation.actor) == ("pull", theirs, BOB.subject)
    assert card()["what"] == "pulled"
    assert pull(project).result == {"pulled": False, "sha": theirs, "commits": 0}
    assert card()["what"] == "same"


def test_changes_of_both_are_merged_and_pushed(project: Project, bare: Path) -> None:
    theirs = dana_pushes(bare, {"dana.txt": "d"})
    change(project, {"b.txt": "b"})
    push()
    pull(project)
    assert push().state == "succeeded"

    assert at_remote(bare) == git.head(project) != theirs
    assert {each.name for each in tree_of(project).iterdir()} >= {"dana.txt", "b.txt"}


def test_a_conflict_is_reported_with_its_files_and_changes_nothing(project: Project, bare: Path) -> None:
    theirs = conflict(project, bare)
    before = git.head(project)
    assert pull(project).result == {"pulled": False, "conflicts": ["a.txt"]}

    assert (git.head(project), at_remote(bare)) == (before, theirs)
    assert (card()["what"], card()["paths"]) == ("conflict", ["a.txt"])


@pytest.mark.parametrize(("choice", "line"), [("ours", "OURS"), ("theirs", "THEIRS")])
def test_one_side_wins_where_people_say_so(project: Project, bare: Path, choice: str, line: str) -> None:
    conflict(project, bare)
    push()
    done = pull(project, choice)
    assert (done.error, done.state) == ("", "succeeded")
    assert push().state == "succeeded"

    tree = tree_of(project)
    assert (tree / "a.txt").read_text() == f"one\n{line}\nthree\n"
    assert (tree / "dana.txt").exists()
    assert (tree / "b.txt").exists()
    assert at_remote(bare) == git.head(project)
    assert git.run_git(project, "worktree", "list", "--porcelain").stdout.count(b"worktree ") == 1


def test_a_file_that_one_side_removed_is_left_to_people(project: Project, bare: Path) -> None:
    dana_pushes(bare, {"a.txt": "theirs\n"})
    (tree_of(project) / "a.txt").unlink()
    change(project, {"b.txt": "b"})
    assert pull(project, "ours").result == {"pulled": False, "conflicts": ["a.txt"]}


def test_both_lines_are_kept_on_a_branch(project: Project, bare: Path) -> None:
    theirs = conflict(project, bare)
    result = pull(project, "branch").result
    assert isinstance(result, dict)

    assert at_remote(bare, result["branch"]) == git.head(project)
    assert at_remote(bare) == theirs
    assert (card()["what"], card()["text"]) == ("branch", result["branch"])


def test_a_pull_that_was_killed_after_the_merge_is_recorded(project: Project, bare: Path) -> None:
    before = git.head(project)
    theirs = dana_pushes(bare, {"dana.txt": "d"})
    job = jobs.create_job("git_pull", params={"project": project.key}, actor=BOB, start=True)
    Job.objects.filter(pk=job.pk).update(saved={"before": before, "behind": 1})
    git.run_git(project, "update-ref", "refs/heads/main", before)
    pull(project)
    Operation.objects.filter(kind="pull").delete()
    run(job)

    assert Operation.objects.get(kind="pull").before == before
    assert git.head(project) == theirs


def test_somebody_elses_project_is_nobodys_to_pull(project: Project, bare: Path) -> None:
    dana_pushes(bare, {"dana.txt": "d"})
    before = git.head(project)
    for actor in (ALICE, Actor(subject="user:9", role=BOB.role, name="Charlie")):
        job = pull(project, actor=actor)
        assert (job.state, job.error) == ("failed", f"There is no project “{project.key}”.")
    assert git.head(project) == before


@pytest.mark.parametrize("choice", ["", "theirs"])
def test_what_decides_what_runs_is_pulled_by_a_maintainer(project: Project, bare: Path, choice: str) -> None:
    project.members.create(subject=ALICE.subject, name=ALICE.name, role="developer")
    change(project, {"claw.yaml": "name: shop\n"})
    push()
    dana_pushes(bare, {"claw.yaml": "name: shop\nallow: [[sh]]\n"})
    change(project, {"b.txt": "b"})
    before, session = git.head(project), Session.objects.latest("pk").pk
    job = pull(project, choice, actor=ALICE, session_id=session)

    assert (job.state, job.error) == ("failed", "In shop this needs the role maintainer.")
    assert Card.objects.get(key=f"change-failed:{job.key}").data["error"] == job.error
    assert git.head(project) == before
    assert pull(project, choice).state == "succeeded"
    dana_pushes(bare, {"dana.txt": "d"})
    assert pull(project, choice, actor=ALICE).state == "succeeded"


def test_nothing_is_pulled_into_a_project_that_was_put_aside(project: Project, bare: Path) -> None:
    dana_pushes(bare, {"dana.txt": "d"})
    Project.objects.update(archived=True)
    before = git.head(project)
    assert pull(project).error == "shop is archived."
    assert git.head(project) == before


def test_more_than_a_project_holds_does_not_come_in(project: Project, bare: Path, settings: Settings) -> None:
    dana_pushes(bare, {f"{number}.txt": "x\n" for number in range(5)})
    settings.CLAW_PROJECT_FILES = 4
    before = git.head(project)

    job = pull(project)

    assert job.state == "failed"
    assert "4 files at most" in job.error
    assert git.head(project) == before


def test_of_too_much_that_comes_nothing_stays(project: Project, bare: Path, settings: Settings) -> None:
    much = {f"much-{number}.txt": secrets.token_hex(450_000) for number in range(8)}
    dana_pushes(bare, much)
    settings.CLAW_PROJECT_MEGABYTES = 1

    job = pull(project)

    assert (job.state, job.error) == ("failed", "A project holds 1 MB at most.")
    assert measure(repository_of(project)).bytes < MEGABYTE
    assert change(project, {"b.txt": "b"})


def test_of_two_fetches_of_a_project_one_waits_and_neither_takes_from_the_other(
    project: Project, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = dana_pushes(bare, {"dana.txt": "d"})
    packs = repository_of(project) / "objects" / "pack"
    with hold_packs(project, seconds=1):
        (packs / "tmp_pack_x").touch()  # as another fetch writes it
        (packs / ".tmp-9-pack-a.pack").touch()  # as gc does
        monkeypatch.setattr(exchange, "PATIENCE_SECONDS", 0.05)
        assert "Something else is being fetched" in pull(project).error
        assert (packs / "tmp_pack_x").exists()
        assert Remote.objects.get().state == "ok"  # nothing is wrong over there
    monkeypatch.undo()

    assert pull(project).result == {"pulled": True, "sha": theirs, "commits": 1}
    assert not list(packs.glob("*tmp*"))  # what was left by those that were killed


def test_who_waits_for_another_fetch_hears_that_it_is_cancelled(
    project: Project, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "PATIENCE_SECONDS", 0.05)

    def check() -> None:
        raise CancelledJob

    with hold_packs(project, seconds=1), pytest.raises(CancelledJob):
        fetch(Remote.objects.get(), check=check)


def test_what_was_looked_at_is_what_is_merged(project: Project, bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = dana_pushes(bare, {"dana.txt": "d"})

    def check_slowly(*args: object, **values: object) -> None:
        dana_pushes(bare, {"claw.yaml": "name: shop\n"})
        assert fetch(Remote.objects.get()) is None  # as a push does that finds the remote ahead

    monkeypatch.setattr(pulling, "check_guarded", check_slowly)
    pull(project)

    assert git.head(project) == theirs
    assert not (tree_of(project) / "claw.yaml").exists()
