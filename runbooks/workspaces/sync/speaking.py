"""What git says to another side and takes from it: bounded in time, memory and disk, whoever is over there.

Invariant: nothing stays of what was taken in half. What comes is kept as the one file that it is sent as, so the bound
on a file holds for all of it; how much memory it takes to read is decided by the other side, so that is bounded, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _

from guardrails.processes import UNBOUNDED, Bounds, Completed
from runbooks.models import Project
from runbooks.workspaces.git.calling import run_git
from runbooks.workspaces.git.packs import clear_drafts
from runbooks.workspaces.quotas import tree_bytes
from runbooks.workspaces.running import MEMORY_BYTES
from runbooks.workspaces.sync.door import Door
from runbooks.workspaces.sync.failures import Failure, read_failure

Check = Callable[[], None]
_ONE_FILE = ("-c", "fetch.unpackLimit=1")
_FETCH = ("fetch", "-q", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--")


@dataclass(frozen=True, kw_only=True, slots=True)
class Speaker:
    """Git at a door. `seconds` bound each call, `secrets` are kept out of what is told of a failure."""

    project: Project
    door: Door
    seconds: float
    check: Check | None = None
    secrets: tuple[str, ...] = ()

    def push(self, url: str, refspec: str) -> Failure | None:
        """Push; None when that went well. What we send is our own, so its memory has no bound."""
        done = self._run("push", "--porcelain", "--no-follow-tags", "--", url, refspec, bounds=UNBOUNDED)
        return None if done.ok else self._read(done)

    def ask(self, url: str, ref: str) -> bytes | Failure:
        """Return what a reference of the other side stands for, as git lists it, or why it is not told."""
        done = self._run("ls-remote", "--symref", "--", url, ref, bounds=_bounds())
        return done.stdout if done.ok else self._read(done)

    def fetch(self, url: str, refspec: str) -> Failure | None:
        """Fetch, only within `hold_packs`; None when that went well. What fails leaves nothing behind."""
        done, largest = None, 0
        try:
            done = self._run(*_FETCH, url, refspec, bounds=_bounds())
        finally:
            if done is None or not done.ok:
                largest = clear_drafts(self.project)
        if done.ok:
            return None
        if largest >= tree_bytes() and not done.excess:
            most = settings.CLAW_PROJECT_MEGABYTES
            return Failure(problem="failed", text=_("A project holds {size} MB at most.").format(size=most))
        return self._read(done)

    def _run(self, *args: str, bounds: Bounds) -> Completed:
        return run_git(
            self.project,
            *args,
            seconds=self.seconds,
            check=self.check,
            env=self.door.env,
            config=(*self.door.config, *_ONE_FILE),
            may_fail=True,
            file_bytes=tree_bytes(),
            bounds=bounds,
        )

    def _read(self, done: Completed) -> Failure:
        if done.excess:
            return Failure(problem="failed", text=_("Taking it in needs more memory than there is for it."))
        return read_failure(done.stdout, done.stderr, secrets=self.secrets, timed_out=done.timed_out)


def _bounds() -> Bounds:
    return Bounds(memory_bytes=MEMORY_BYTES)
