"""Projects from repositories elsewhere: only from where the setting says, whole, and no more than a project holds."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from pytest_django import Settings

from clawsite.core.errors import BadInput, NotAllowed
from runbooks import jobs
from runbooks.models import Job, Operation, Project
from runbooks.workspaces import git
from runbooks.workspaces.cloning import check_remote, name_from
from runbooks.workspaces.projects import create_project
from runbooks.workspaces.quotas import MEGABYTE, measure
from runbooks.workspaces.roots import repository_of, tree_of
from runbooks.workspaces.sync import speaking
from tests.runbooks.people import ALICE, BOB
from tests.runbooks.running import run
from tests.runbooks.workspaces.making import row
from tests.runbooks.workspaces.sync.places import call

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def remote(tmp_path: Path, settings: Settings) -> Path:
    """A repository elsewhere with two commits on a branch called trunk, from which may be cloned."""
    folder = tmp_path / "elsewhere" / "Their.Shop.git"
    folder.mkdir(parents=True)
    for command in (
        ["init", "-q", "-b", "trunk"],
        ["commit", "-q", "--allow-empty", "-m", "One"],
        ["add", "-A"],
        ["commit", "-q", "-m", "Two"],
    ):
        if command[0] == "add":
            (folder / "a.txt").write_text("hello\n")
            (folder / "link").symlink_to("/etc/passwd")
        subprocess.run(
            ["git", "-c", "user.name=T", "-c", "user.email=t@example.invalid", *command],
            cwd=folder,
            check=True,
            timeout=30,
            env={"PATH": "/usr/bin:/bin:/usr/local/bin", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"},
        )
    settings.CLAW_GIT_REMOTES = [f"file://{tmp_path}/elsewhere"]
    return folder


def commit_much(remote: Path, *, count: int) -> None:
    """Commit so many files there that no packing makes smaller, each of almost a megabyte."""
    for number in range(count):
        (remote / f"much-{number}").write_bytes(os.urandom(900_000))
    call("add", "-A", cwd=remote)
    call("commit", "-qm", "Much", cwd=remote)


def cloned(remote: Path, name: str = "shop") -> tuple[Project, Job]:
    """Clone it as Bob and return what became of it."""
    made, job = create_project("clone", name, actor=BOB, url=f"file://{remote}")
    job = run(job)
    made.refresh_from_db()
    return made, job


def test_a_clone_has_the_history_and_the_branch_of_the_other(remote: Path) -> None:
    made, job = cloned(remote)

    assert (job.state, made.state, made.branch, made.type) == ("succeeded", "ready", "trunk", "clone")
    assert [each.subject for each in git.log(made)] == ["Two", "One"]
    assert (tree_of(made) / "a.txt").read_text() == "hello\n"
    assert not (tree_of(made) / "link").is_symlink()
    assert git.is_clean(made)
    assert Operation.objects.get().kind == "clone"
    assert git.add_worktree(made, "j1", "job/j1").is_dir()


def test_nothing_is_cloned_from_elsewhere(remote: Path, settings: Settings, tmp_path: Path) -> None:
    settings.CLAW_GIT_REMOTES = []
    with pytest.raises(NotAllowed):
        create_project("clone", "shop", actor=BOB, url=f"file://{remote}")
    settings.CLAW_GIT_REMOTES = ["https://git.example.invalid/us/", "ssh://git@git.example.invalid/us"]
    for url in (f"file://{tmp_path}", "https://git.example.invalid/usurper/x", "https://other.invalid/us/x"):
        with pytest.raises(NotAllowed):
            check_remote(url)
    for url in (
        "ext::sh -c touch% x",
        "--upload-pack=x",
        "https://git.example.invalid/us/../x",
        "git@git.example.invalid:us/x",
    ):
        with pytest.raises(BadInput):
            check_remote(url)
    assert check_remote("https://git.example.invalid/us/x").kind == "https"
    assert not Project.objects.exists()


def test_a_setting_that_changed_meanwhile_counts(remote: Path, settings: Settings) -> None:
    _, job = create_project("clone", "shop", actor=BOB, url=f"file://{remote}")
    settings.CLAW_GIT_REMOTES = []
    assert run(job).state == "failed"


@pytest.mark.parametrize(("setting", "error"), [("CLAW_PROJECT_FILES", "1 files at most"), ("", "could not be cloned")])
def test_what_is_too_much_or_not_there(remote: Path, settings: Settings, setting: str, error: str) -> None:
    if setting:
        setattr(settings, setting, 1)
    made, job = cloned(remote if setting else remote.parent / "missing")

    assert (job.state, made.state) == ("failed", "failed")
    assert error in job.error
    assert not (tree_of(made) / "a.txt").exists()


def test_an_empty_repository_is_said_to_be_so(remote: Path) -> None:
    empty = remote.parent / "empty"
    subprocess.run(["git", "init", "-q", "--bare", str(empty)], check=True, timeout=30)
    assert cloned(empty)[1].error == "The repository is empty."


def test_nobody_clones_into_somebody_elses_project(remote: Path) -> None:
    made = row()
    job = jobs.create_job(
        "project_clone", params={"project": made.key, "url": f"file://{remote}"}, actor=ALICE, start=True
    )
    assert run(job).error == "There is no project “shop”."


@pytest.mark.parametrize(
    ("url", "name"),
    [("https://x.invalid/us/My.Shop.git", "my-shop"), ("https://x.invalid/a/", "a"), ("https://x.invalid/._", "clone")],
)
def test_a_name_from_an_address(url: str, name: str) -> None:
    assert name_from(url) == name


@pytest.mark.parametrize("branch", ["code", "code/1", "undo/x", "jobs"])
def test_a_branch_that_is_named_like_those_of_jobs_is_not_taken(remote: Path, branch: str) -> None:
    command = ["git", "--git-dir", str(remote / ".git"), "branch", "-m", branch]
    subprocess.run(command, check=True, timeout=30)

    made, job = cloned(remote)

    assert (job.state, made.state) == ("failed", "failed")
    assert f"Its branch {branch} has a name that is used here" in job.error


def test_what_is_sent_is_bounded_while_it_comes(remote: Path, settings: Settings) -> None:
    commit_much(remote, count=8)
    settings.CLAW_PROJECT_MEGABYTES = 1

    made, job = cloned(remote)

    assert job.error == "It could not be cloned: A project holds 1 MB at most."
    assert measure(repository_of(made)).bytes < MEGABYTE


def test_so_is_the_memory_that_it_takes(remote: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaking, "MEMORY_BYTES", 1)
    assert "more memory than there is for it" in cloned(remote)[1].error
