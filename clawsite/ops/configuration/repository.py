"""The git repository under CLAW_HOME/config: each state of the configuration is a commit with its author.

A commit is made from a folder of its own, so what somebody is editing in the checkout is never touched or lost: only
files that nobody edited are brought up to date.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from clawsite.core.errors import BadInput
from clawsite.ops.configuration.files import FOLDERS, read_folder, write_folder
from guardrails.types import Actor
from runbooks.workspaces.git.calling import GitDirs, clear_locks, hold, run_git
from runbooks.workspaces.git.commits import author_of
from runbooks.workspaces.git.tidying import is_untidy

LAST_GOOD = "last-good"
BRANCH = "main"
PATIENCE_SECONDS = 30.0
# People run git here, too, and may keep its lock for as long as they write a message.
STALE_SECONDS = 600.0
# Each change is some files more until they are packed, which ends before the patience of others.
LOOSE, TIDY_SECONDS = 2000, PATIENCE_SECONDS * 2 / 3
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def open_repository() -> GitDirs:
    """Return the repository, made when it is not there."""
    root: Path = settings.CLAW_HOME / "config"
    dirs = GitDirs(git_dir=root / ".git", tree=root)
    if not (dirs.git_dir / "HEAD").exists():
        dirs.git_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        root.chmod(0o700)
        # Made without the variables that name it, or git would take the folder for one without files.
        run_git(dirs, "init", "-q", "--template=", f"--initial-branch={BRANCH}", env={"GIT_DIR": str(dirs.git_dir)})
    return dirs


@contextmanager
def alone() -> Iterator[GitDirs]:
    """Open the repository and keep others out of it meanwhile."""
    dirs = open_repository()
    taken = "Somebody else is changing the repository of the configuration."
    lock = dirs.git_dir / "clawsite.lock"
    with hold(lock, seconds=PATIENCE_SECONDS, taken=taken):
        clear_locks(dirs.git_dir, stale_seconds=STALE_SECONDS)
        yield dirs


def head(dirs: GitDirs) -> str:
    """Return the newest commit, "" when there is none."""
    done = run_git(dirs, "rev-parse", "-q", "--verify", "HEAD", may_fail=True)
    return done.stdout.decode().strip() if done.ok else ""


def commit(texts: Mapping[str, str], message: str, *, actor: Actor) -> str | None:
    """Make the files a commit and return it, None when they are those of the newest already."""
    with alone() as dirs:
        before = head(dirs)
        edited = set(_edited(dirs)) if before else set()
        with tempfile.TemporaryDirectory(prefix="claw-config-") as name:
            tree = _write_tree(dirs, Path(name), texts)
        if before and run_git(dirs, "rev-parse", f"{before}^{{tree}}").stdout.decode().strip() == tree:
            return None
        parent = ("-p", before) if before else ()
        env = author_of(actor)
        made = run_git(dirs, "commit-tree", tree, *parent, "-F", "-", stdin=message.encode(), env=env)
        sha = made.stdout.decode().strip()
        run_git(dirs, "update-ref", f"refs/heads/{BRANCH}", sha, *([before] if before else []))
        _bring_up(dirs, before, texts, edited)
        if is_untidy(dirs.git_dir / "objects", loose=LOOSE):
            run_git(dirs, "gc", "-q", seconds=TIDY_SECONDS, may_fail=True)
        return sha


def _write_tree(dirs: GitDirs, folder: Path, texts: Mapping[str, str]) -> str:
    """Store files as a tree of git, through an index and a folder of their own."""
    files = folder / "files"
    files.mkdir()
    write_folder(files, texts)
    aside = GitDirs(git_dir=dirs.git_dir, tree=files)
    env = {"GIT_INDEX_FILE": str(folder / "index")}
    run_git(aside, "add", "-A", "-f", "--", ".", env=env)
    return run_git(aside, "write-tree", env=env).stdout.decode().strip()


def _edited(dirs: GitDirs) -> list[str]:
    """Return the documents in the checkout that differ from the newest commit: somebody works on them."""
    done = run_git(dirs, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all")
    entries = [entry[3:] for entry in done.stdout.decode("utf-8", "replace").split("\0") if len(entry) > 3]
    return [entry for entry in entries if entry.partition("/")[0] in FOLDERS and entry.endswith(".yaml")]


def _bring_up(dirs: GitDirs, before: str, texts: Mapping[str, str], edited: set[str]) -> None:
    """Bring the checkout to the newest commit, but for what is being edited."""
    old = set(_paths(dirs, before)) if before else set()
    changed = {path for path in old | set(texts) if path not in edited}
    write_folder(dirs.tree, texts, only=changed)
    run_git(dirs, "read-tree", "HEAD")


def edits() -> list[str]:
    """Return the documents of the checkout that somebody changed and nobody has taken in."""
    with alone() as dirs:
        return _edited(dirs) if head(dirs) else []


def discard_edits(taken: Mapping[str, str]) -> None:
    """Bring the checkout to the newest commit, but for what somebody has edited since these texts were taken in."""
    with alone() as dirs:
        for path in _edited(dirs):
            if _is_as_taken(dirs.tree / path, taken.get(path)):
                (dirs.tree / path).unlink(missing_ok=True)
        run_git(dirs, "checkout-index", "-q", "-a", may_fail=True)  # it makes those that are missing


def _is_as_taken(file: Path, taken: str | None) -> bool:
    try:
        return file.read_text(encoding="utf-8") == taken
    except (OSError, UnicodeDecodeError):
        return False


def _paths(dirs: GitDirs, revision: str) -> list[str]:
    done = run_git(dirs, "ls-tree", "-r", "-z", "--name-only", revision)
    return [path for path in done.stdout.decode("utf-8", "replace").split("\0") if path]


def read_revision(name: str) -> dict[str, str]:
    """Return the documents of a commit or tag; BadInput when there is no such one."""
    if not _REVISION.fullmatch(name):
        raise BadInput("Name a commit, or the tag last-good.")
    with alone() as dirs:
        found = run_git(dirs, "rev-parse", "-q", "--verify", f"{name}^{{commit}}", may_fail=True)
        if not found.ok:
            raise BadInput(f"There is no state {name} of the configuration.")
        sha = found.stdout.decode().strip()
        shown = {path: run_git(dirs, "cat-file", "blob", f"{sha}:{path}").stdout for path in _paths(dirs, sha)}
    return {path: data.decode("utf-8", "replace") for path, data in shown.items()}


def newest() -> str:
    """Return the newest commit, "" when there is none."""
    with alone() as dirs:
        return head(dirs)


def mark_good(sha: str) -> None:
    """Remember a commit as the state to come back to."""
    with alone() as dirs:
        run_git(dirs, "update-ref", f"refs/tags/{LAST_GOOD}", sha)


def checkout() -> dict[str, str]:
    """Return the documents as they lie in the checkout, with what somebody edited."""
    return read_folder(open_repository().tree)


def read_seen() -> int:
    """Return the last row of the audit log that a commit was made after, -1 before the first look."""
    try:
        return int((open_repository().git_dir / "clawsite-seen").read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return -1


def write_seen(number: int) -> None:
    """Remember it."""
    path = open_repository().git_dir / "clawsite-seen"
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(str(number), encoding="ascii")
    draft.replace(path)
