"""Reading a repository: heads, differences, what was committed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from clawsite.core.errors import BadInput
from runbooks.models import Project
from runbooks.workspaces.git.calling import dirs_of, run_git

MAX_LOG = 200
_DIFF = ("diff", "--no-ext-diff", "--no-textconv", "--no-color", "--find-renames")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/^~-]{0,199}")
_FIELDS = "%H%x00%an%x00%aI%x00%s%x00%(trailers:key=Chat-Op,valueonly,separator=%x2C)%x00"
_COUNT = 5  # of these fields


@dataclass(frozen=True, kw_only=True, slots=True)
class FileStat:
    """How many lines of a file were added and removed; both are None for what is no text."""

    path: str
    added: int | None
    removed: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """One commit, as lists show it. `at` is ISO 8601, `op` what it was made by."""

    sha: str
    author: str
    at: str
    subject: str
    op: str = ""


def check_revision(name: str) -> str:
    """Return the name of a commit or branch; BadInput for what git could take for something else."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise BadInput("This is not the name of a commit.")
    return name


def head(project: Project, tree: Path | None = None) -> str:
    """Return the commit of the project's branch or of a job's tree; "" when there is none yet."""
    if not dirs_of(project, tree).git_dir.is_dir():
        return ""
    done = run_git(project, "rev-parse", "--verify", "-q", "HEAD^{commit}", tree=tree, may_fail=True)
    return done.stdout.decode().strip() if done.ok else ""


def branch_head(project: Project, revision: str) -> str:
    """Return the commit that a branch, or any other name, stands for; BadInput when there is none."""
    wanted = f"{check_revision(revision)}^{{commit}}"
    done = run_git(project, "rev-parse", "--verify", "-q", "--end-of-options", wanted, may_fail=True)
    if not done.ok:
        raise BadInput(f"There is no commit {revision[:40]!r} in {project.name}.")
    return done.stdout.decode().strip()


def is_clean(project: Project, tree: Path | None = None) -> bool:
    """Tell whether the tree holds exactly what its commit does, apart from ignored files."""
    return not run_git(project, "status", "--porcelain", "-z", "--untracked-files=all", tree=tree).stdout


def diff(project: Project, a: str, b: str = "", *, tree: Path | None = None) -> str:
    """Return the difference of two commits as a patch; with "" for b, that of a to the files as they are."""
    done = run_git(project, *_DIFF, *_range(a, b), "--", tree=tree, may_cut=True)
    return done.stdout.decode("utf-8", "replace")


def diff_stat(project: Project, a: str, b: str = "", *, tree: Path | None = None) -> list[FileStat]:
    """Return what `diff` would show, in numbers."""
    done = run_git(project, *_DIFF[:-1], "--no-renames", "--numstat", "-z", *_range(a, b), "--", tree=tree)
    lines = (line.split("\t", 2) for line in done.stdout.decode("utf-8", "replace").split("\0") if line)
    return [FileStat(path=path, added=_count(added), removed=_count(removed)) for added, removed, path in lines]


def log(project: Project, n: int = 20, *, revision: str = "HEAD", tree: Path | None = None) -> list[Commit]:
    """Return the last n commits, newest first."""
    count = f"-{max(1, min(n, MAX_LOG))}"
    name = check_revision(revision)
    done = run_git(project, "log", count, f"--format={_FIELDS}", "--end-of-options", name, "--", tree=tree)
    told = done.stdout.decode("utf-8", "replace").split("\0")[:-1]  # a commit holds no NUL, but anything else
    rows = (told[first : first + _COUNT] for first in range(0, len(told), _COUNT))
    return [
        Commit(sha=sha.strip(), author=author, at=at, subject=subject, op=op.strip())
        for sha, author, at, subject, op in rows
    ]


def is_ancestor(project: Project, older: str, newer: str) -> bool:
    """Tell whether a commit is in the history of another, or is the same."""
    return run_git(project, "merge-base", "--is-ancestor", older, newer, may_fail=True).ok


def _range(a: str, b: str) -> list[str]:
    return ["--end-of-options", *(check_revision(each) for each in (a, b) if each)]


def _count(text: str) -> int | None:
    return int(text) if text.isdecimal() else None
