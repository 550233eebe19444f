"""The runbooks as files in a git repository of their own, one commit for each change, by who made it.

It follows the rows and is never read back by itself: whoever wants an older text checks it out and imports it. Where
git is not installed there is no history, and nothing else is different.
"""

from __future__ import annotations

import fcntl
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from clawsite.core.errors import BadInput
from clawsite.core.queue import enqueue
from guardrails import processes
from guardrails.types import Actor
from runbooks.books.documents import write_book
from runbooks.books.spec import Book

logger = logging.getLogger(__name__)

TASK = "runbooks.books.history.commit_change"
FOLDER = "runbooks"
SECONDS = 30.0
# Nothing of the machine's or a person's own settings has a say, and no hook is run.
_CALM = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0"}
_GIT = ("git", "-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false", "-c", "init.defaultBranch=main")
_REMOVED = ": removed: "
_VERSION = re.compile(r": version (\d+)$")


def record_change(book: Book, *, version: int, actor: Actor) -> None:
    """Have a worker commit what a runbook says now, after the current transaction."""
    enqueue(TASK, book.name, version, write_book(book), *_person(actor))


def record_removal(name: str, *, version: int, actor: Actor) -> None:
    """Have a worker commit that a runbook is gone."""
    enqueue(TASK, name, version + 1, "", *_person(actor))


def repository() -> Path:
    """Return where it is."""
    folder: Path = settings.CLAW_HOME / "config"
    return folder


def commit_change(name: str, version: int, text: str, who: str, address: str) -> bool:
    """Commit one change; False when it is there already, a newer one is, or there is no git. Safe to run twice."""
    root = repository()
    try:
        with _alone(root):
            return _commit(root, name, version, text, {"NAME": who, "EMAIL": address})
    except BadInput as error:
        logger.warning("the history of runbooks is not kept: %s", error.message)
        return False


def _commit(root: Path, name: str, version: int, text: str, person: dict[str, str]) -> bool:
    if not (root / ".git").is_dir():
        _git(root, "init", "-q")
    path = root / FOLDER / f"{name}.yaml"
    if not _is_news(root, path, version, text):
        return False
    path.parent.mkdir(exist_ok=True)
    if text:
        path.write_text(text, encoding="utf-8")
    else:
        path.unlink(missing_ok=True)
    _git(root, "add", "-A", "--", FOLDER)
    subject = f"{name}: version {version}" if text else f"{name}{_REMOVED}version {version}"
    people = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in person.items()}
    _git(root, "commit", "-q", "--allow-empty", "-m", subject, env=people)
    return True


def _is_news(root: Path, path: Path, version: int, text: str) -> bool:
    """Tell whether a change is newer than what was committed last; after a removal, every text begins anew."""
    said = _git(root, "log", "-1", "--format=%s", "--", str(path.relative_to(root)), may_fail=True).strip()
    if _REMOVED in said:
        return bool(text)
    found = _VERSION.search(said)
    return found is None or int(found[1]) < version


def _git(root: Path, *arguments: str, env: dict[str, str] | None = None, may_fail: bool = False) -> str:
    limits = processes.Limits(seconds=SECONDS)
    done = processes.run([*_GIT, *arguments], cwd=root, env=_CALM | (env or {}), limits=limits)
    if not done.ok and not may_fail:
        raise BadInput(
            f"git {arguments[0]} ended with the code {done.code}: {done.stderr.decode(errors='replace')[:200]}"
        )
    return done.stdout.decode("utf-8", "replace") if done.ok else ""


def _person(actor: Actor) -> tuple[str, str]:
    """Return who made a change, as git writes people down."""
    name = re.sub(r"[<>\r\n\x00]", "", actor.name or actor.subject).strip()[:100] or "unknown"
    local = re.sub(r"[^A-Za-z0-9.-]", "-", actor.subject)[:64] or "unknown"
    return name, f"{local}@clawsite.invalid"


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Keep other workers of this machine away meanwhile."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (root / ".lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
