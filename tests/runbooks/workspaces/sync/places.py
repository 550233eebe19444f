"""Remotes for tests: a bare repository beside the project, and another clone of it where somebody else works."""

from __future__ import annotations

import subprocess
from pathlib import Path

from runbooks.models import Job, Project, Remote
from runbooks.workspaces import git
from runbooks.workspaces.operations import record_operation
from runbooks.workspaces.roots import tree_of
from runbooks.workspaces.sync.actions import save_remote
from tests.runbooks.people import ALICE, BOB
from tests.runbooks.running import run
from tests.runbooks.workspaces.making import commit, write

OPEN = ["created", "queued", "running"]


def call(*args: str, cwd: Path) -> str:
    """Run the git of the machine, as somebody else would."""
    who = ["-c", "user.name=Dana", "-c", "user.email=dana@example.test", "-c", "protocol.file.allow=always"]
    done = subprocess.run(["git", *who, *args], cwd=cwd, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def make_bare(folder: Path) -> Path:
    """Make an empty repository to push to."""
    bare = folder / "remote.git"
    call("init", "-q", "--bare", "--initial-branch=main", str(bare), cwd=folder)
    return bare


def connect(project: Project, url: str, **values: str) -> Remote:
    """Give a project a remote, the way the admin page does; the push that this starts is left to the test."""
    remote = Remote(project=project, url=url, **values)
    remote.full_clean()
    save_remote(remote, actor=ALICE)
    return remote


def pushes() -> list[Job]:
    """Return the pushes that have not ended."""
    return list(Job.objects.filter(kind="git_push", state__in=OPEN).order_by("pk"))


def push() -> Job:
    """Run the one push that waits."""
    (job,) = pushes()
    return run(job)


def change(project: Project, files: dict[str, str], message: str = "Change.") -> str:
    """Commit on the project's branch and record it, as a job does."""
    before = git.head(project)
    write(tree_of(project), files)
    sha = commit(project, message)
    record_operation(project, kind="code", sha=sha, before=before, actor=BOB, summary=message)
    return sha


def at_remote(bare: Path, branch: str = "main") -> str:
    """Return the commit of a remote's branch."""
    return call("rev-parse", f"refs/heads/{branch}", cwd=bare)


def dana_pushes(bare: Path, files: dict[str, str]) -> str:
    """Have somebody else commit and push to the remote; return the commit."""
    clone = bare.parent / "dana"
    if not clone.exists():
        call("clone", "-q", str(bare), str(clone), cwd=bare.parent)
    call("pull", "-q", "--ff-only", cwd=clone)
    write(clone, files)
    call("add", "-A", cwd=clone)
    call("commit", "-qm", "Dana's change", cwd=clone)
    call("push", "-q", "origin", "main", cwd=clone)
    return call("rev-parse", "HEAD", cwd=clone)
