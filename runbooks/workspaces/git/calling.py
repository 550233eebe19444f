"""One call of git: an argument list, a clean environment, nothing that a repository or a person's settings could add.

Invariant: git gets the repository and the tree from us alone, runs no hook, no filter, no external diff and no pager,
and may speak to no other repository unless the caller allows a protocol.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from clawsite.core.errors import BadInput, ClawError
from clawsite.core.filelocks import wait_for_lock
from clawsite.core.redaction import MASK, find_secrets
from guardrails import processes
from guardrails.processes import UNBOUNDED, Bounds, Completed
from runbooks.models import Project
from runbooks.workspaces.roots import make_directory, project_root, repository_of, tree_of

__all__ = ["Completed", "Conflict", "GitDirs", "GitFailed", "alone", "clear_locks", "dirs_of", "hold", "run_git"]

SECONDS = 60.0
OUTPUT_BYTES = 32 * 1024**2
ERROR_CHARS = 300
# How long somebody waits for another's change of the same repository.
PATIENCE_SECONDS = 60.0
_CONFIG = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.symlinks=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.autocrlf=false",
    "core.quotePath=false",
    "core.protectNTFS=true",
    "core.protectHFS=true",
    "core.pager=cat",
    "commit.gpgSign=false",
    "tag.gpgSign=false",
    "diff.external=",
    "diff.ignoreSubmodules=all",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "transfer.fsckObjects=true",
    "protocol.allow=never",
    "protocol.ext.allow=never",
    "credential.helper=",
    "advice.detachedHead=false",
)
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/false",
    "SSH_ASKPASS": "/bin/false",
    "GIT_SSH_COMMAND": "/bin/false",
    "GIT_EDITOR": "/bin/false",
    "GIT_PAGER": "cat",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_COMMITTER_NAME": "clawsite",
    "GIT_COMMITTER_EMAIL": "clawsite@clawsite.invalid",
    "GIT_AUTHOR_NAME": "clawsite",
    "GIT_AUTHOR_EMAIL": "clawsite@clawsite.invalid",
}
# What a process leaves that is killed in a change of a repository.
_LOCKS = ("index.lock", "HEAD.lock", "packed-refs.lock", "config.lock", "shallow.lock")
# The open files of the locks that are held here.
_held: ContextVar[tuple[int, ...]] = ContextVar("_held", default=())


class GitFailed(ClawError):
    """Git could not do it; the message is its own last words."""

    code = "git_failed"


class Conflict(ClawError):
    """Two changes touch the same lines; `paths` are the files."""

    code = "conflict"

    def __init__(self, message: str, *, paths: Sequence[str]) -> None:
        super().__init__(message)
        self.paths = list(paths)


@dataclass(frozen=True, kw_only=True, slots=True)
class GitDirs:
    """A repository (or a worktree's part of it) and the files that belong to it."""

    git_dir: Path
    tree: Path


def dirs_of(project: Project, tree: Path | None = None) -> GitDirs:
    """Return where git finds the branch's files, or those of a job."""
    repository = repository_of(project)
    if tree is None or tree == tree_of(project):
        return GitDirs(git_dir=repository, tree=tree_of(project))
    if tree.parent != project_root(project) / "jobs":
        raise BadInput("This is no tree of the project.")
    return GitDirs(git_dir=repository / "worktrees" / tree.name, tree=tree)


def run_git(
    where: Project | GitDirs,
    *args: str,
    tree: Path | None = None,
    stdin: bytes = b"",
    seconds: float = SECONDS,
    check: Callable[[], None] | None = None,
    env: Mapping[str, str] | None = None,
    config: Sequence[str] = (),
    may_fail: bool = False,
    may_cut: bool = False,
    output_bytes: int = OUTPUT_BYTES,
    file_bytes: int = 0,
    bounds: Bounds = UNBOUNDED,
) -> Completed:
    """Run git on a project's branch, or on a tree of one of its jobs; GitFailed when it does not succeed.

    `config` are further options of git itself, such as `("-c", "protocol.https.allow=always")`; `env` adds variables;
    `file_bytes` bounds each file that it writes, `bounds` what all its processes use together. Output that is longer
    than `output_bytes` is a failure, too, unless it `may_cut` it: who decides by a list must have all of it.
    """
    dirs = where if isinstance(where, GitDirs) else dirs_of(where, tree)
    if not dirs.git_dir.is_dir():
        raise GitFailed("The project has no repository.")
    options = [part for each in _CONFIG for part in ("-c", each)]
    variables = _ENVIRONMENT | {"GIT_DIR": str(dirs.git_dir), "GIT_WORK_TREE": str(dirs.tree)} | dict(env or {})
    if "GIT_SSH" in variables:
        variables.pop("GIT_SSH_COMMAND")  # it would go first
    done = processes.run(
        ["git", *options, *config, *args],
        cwd=dirs.tree if dirs.tree.is_dir() else dirs.git_dir.parent,
        env=variables,
        stdin=stdin,
        limits=processes.Limits(
            seconds=seconds,
            cpu_seconds=int(seconds) + 1,
            file_bytes=file_bytes,
            output_bytes=output_bytes,
            memory_bytes=0,
            bounds=bounds,
        ),
        check=check,
        with_parent=True,
        pass_fds=_held.get(),
    )
    if not done.ok and not may_fail:
        raise GitFailed(_say(args[0], done))
    if done.truncated and not may_cut:
        raise GitFailed(f"git {args[0]} has more to say than can be taken in.")
    return done


def _say(name: str, done: Completed) -> str:
    if done.timed_out:
        return f"git {name} took longer than {done.seconds:.0f} s."
    text = (done.stderr or done.stdout).decode(errors="replace").strip()
    for found in sorted(find_secrets(text), key=lambda each: each.start, reverse=True):
        text = text[: found.start] + MASK + text[found.end :]
    return f"git {name} failed: {text[-ERROR_CHARS:] or f'code {done.code}'}"


@contextmanager
def alone(project: Project) -> Iterator[None]:
    """Keep others from changing the repository meanwhile."""
    root = make_directory(project_root(project))
    taken = "The project is being changed by somebody else."
    with hold(root / "lock", seconds=PATIENCE_SECONDS, taken=taken):
        clear_locks(repository_of(project))
        yield


@contextmanager
def hold(lock: Path, *, seconds: float, taken: str, check: Callable[[], None] | None = None) -> Iterator[None]:
    """Take the lock of a repository; Unavailable with the text `taken` when others keep it for so many seconds.

    `check` raises when it is not to be waited for any longer.

    Git keeps it, too, when it runs within: should its caller be killed, nobody else begins before git has ended.
    """
    with lock.open("w", encoding="ascii") as file:
        wait_for_lock(file.fileno(), seconds=seconds, taken=taken, check=check)
        before = _held.set((*_held.get(), file.fileno()))
        try:
            yield
        finally:
            _held.reset(before)


def clear_locks(git_dir: Path, *, stale_seconds: float = 0.0) -> None:
    """Clear away git's own locks that are so old, within `hold`: they were left by who was killed."""
    folders = (git_dir, *(git_dir / "worktrees").glob("*"))
    for left in [*(folder / name for folder in folders for name in _LOCKS), *(git_dir / "refs").rglob("*.lock")]:
        with suppress(FileNotFoundError):
            # One from a clock that was ahead is none of now, either.
            if abs(time.time() - left.stat().st_mtime) >= stale_seconds:
                left.unlink()
