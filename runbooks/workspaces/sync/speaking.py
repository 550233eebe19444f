"""What git says to another side and takes from it: bounded in time, memory and disk, whoever is over there.

Invariant: nothing stays of what was taken in half. What comes is kept as the one file that it is sent as, so the bound
on a file holds for all of it; how much memory it takes to read is decided by the other side, so that is bounded, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from django.conf import settings
from django.utils.translation import gettext as _

from guardrails.processes import UNBOUNDED, Bounds
from runbooks.models import Project
from runbooks.workspaces.git.calling import run_git
from runbooks.workspaces.quotas import tree_bytes
from runbooks.workspaces.roots import repository_of
from runbooks.workspaces.running import MEMORY_BYTES
from runbooks.workspaces.sync.door import STALE_SECONDS, Door
from runbooks.workspaces.sync.failures import Failure, read_failure

_ONE_FILE = ("-c", "fetch.unpackLimit=1")


def speak(
    project: Project,
    door: Door,
    *args: str,
    seconds: float,
    check: Callable[[], None] | None = None,
    secrets: tuple[str, ...] = (),
) -> bytes | Failure:
    """Run git through a door and return what it says, or why it failed."""
    began, ok, largest, takes = time.time(), False, 0, args[0] == "fetch"
    try:
        done = run_git(
            project,
            *args,
            seconds=seconds,
            check=check,
            env=door.env,
            config=(*door.config, *_ONE_FILE),
            may_fail=True,
            file_bytes=tree_bytes(),
            # What we send is our own.
            bounds=UNBOUNDED if args[0] == "push" else Bounds(memory_bytes=MEMORY_BYTES),
        )
        ok = done.ok
    finally:
        if takes:
            largest = _clear(project, since=None if ok else began)
    if ok:
        return done.stdout
    if done.excess:
        return Failure(problem="failed", text="Taking it in needs more memory than there is for it.")
    if largest >= tree_bytes():
        most = settings.CLAW_PROJECT_MEGABYTES
        return Failure(problem="failed", text=_("A project holds {size} MB at most.").format(size=most))
    return read_failure(done.stdout, done.stderr, secrets=secrets, timed_out=done.timed_out)


def _clear(project: Project, *, since: float | None) -> int:
    """Remove what was begun to be taken in since then, or so long ago that nobody goes on with it.

    Return the size of the largest of it.
    """
    largest = 0
    for draft in (repository_of(project) / "objects" / "pack").glob("tmp_*"):
        with suppress(FileNotFoundError):
            status = draft.stat()
            old = abs(time.time() - status.st_mtime) > STALE_SECONDS
            # A file's time is that of the kernel's last tick.
            if old or (since is not None and status.st_mtime > since - 1):
                draft.unlink()
                largest = max(largest, status.st_size)
    return largest
