"""One stretch of a run: from where it stands to its end, or to a pause. Runs in the job's own process.

Invariants: a step is `started` in the database before it does anything; a step that may not be repeated is never begun
again, whatever happened to the process that began it; and what runs is the plan that was made at the start, to the
letter.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.utils import timezone

from clawsite.core.errors import ClawError, log_unknown
from guardrails.redact import redact
from runbooks.books.checks import MAX_SECONDS
from runbooks.books.plan import digest_of
from runbooks.books.progress import Part, Progress
from runbooks.books.showing import show_run
from runbooks.books.speaking import Speaker
from runbooks.books.steps import StepContext, get_step
from runbooks.jobs import JobContext, Park
from runbooks.jobs.working import Stopping
from runbooks.models import Job, Run

INTERRUPTED = "Its process died in the middle. It may have happened or not, so it is not done again."


class RunFailed(ClawError):
    """A run did not come to its end; the message names the step and why."""

    code = "run_failed"


class Stretch:
    """The work of one process on one run. `show` brings the run's card up to date."""

    def __init__(self, ctx: JobContext, run: Run, *, show: Callable[[Run, Job], None] = show_run) -> None:
        self.ctx = ctx
        self.run = run
        self._show = show
        self.plan: list[dict[str, Any]] = run.plan
        self.progress = Progress(ctx, len(self.plan))
        self.speaker = Speaker(ctx, self.progress, self.show)
        self._did_something = False

    def show(self) -> None:
        """Bring the card up to date."""
        self._show(self.run, self.ctx.job)

    def work(self) -> Park | None:
        """Do all steps in order, or undo those that were done; RunFailed when it ends without success."""
        if digest_of(self.run) != self.run.digest:
            raise RunFailed("The plan of this run was changed after it began, so it is not run.")
        pause = None if self.progress.undoing or self.progress.error else self._do()
        if pause is not None:
            return pause
        if self.progress.error:
            pause = self._undo() if self.progress.undoing else None
            if pause is None:
                raise RunFailed(self.progress.error)
        return pause

    def _do(self) -> Park | None:
        for number, step in enumerate(self.plan):
            if self.progress.rows["do"][number]["state"] in ("ok", "failed", "skipped"):
                continue
            if self._is_short_for(step):
                return Park(until=timezone.now())
            outcome = self._perform("do", number, step)
            if isinstance(outcome, Park):
                return outcome
            if outcome and step["on_failure"] != "continue":
                undo = step["on_failure"] == "rollback" and self._has_undo()
                self.progress.fail(f"{step['title']}: {outcome}", undo=undo)
                self.show()
                return None
        return None

    def _has_undo(self) -> bool:
        rows = self.progress.rows["do"]
        return any(step["rollback"] and rows[number]["state"] == "ok" for number, step in enumerate(self.plan))

    def _undo(self) -> Park | None:
        """Undo what was done, the last step first; one that cannot be undone does not keep back the others."""
        for number in reversed(range(len(self.plan))):
            done = self.progress.rows["do"][number]["state"] == "ok"
            step, row = self.plan[number]["rollback"], self.progress.rows["undo"][number]
            if not done or not step or row["state"] in ("ok", "failed"):
                continue
            if self._is_short_for(step):
                return Park(until=timezone.now())
            outcome = self._perform("undo", number, step)
            if isinstance(outcome, Park):
                return outcome
        return None

    def _is_short_for(self, step: dict[str, Any]) -> bool:
        """Tell whether a step needs a stretch of its own: nested runbooks may together take longer than one is."""
        needs = step["timeout"] * (step["retries"] + 1) + step["pause"] * step["retries"]
        return self._did_something and self.ctx.seconds_left() < needs <= MAX_SECONDS

    def _perform(self, part: Part, number: int, step: dict[str, Any]) -> str | Park:
        """Do one step with its tries; return "" when it is done, why it failed, or the pause it needs."""
        self._did_something = True
        row = self.progress.rows[part][number]
        if row["state"] == "started" and not step["repeatable"]:
            self._end(part, number, INTERRUPTED)
            return INTERRUPTED
        while True:
            self.ctx.check()
            self.progress.begin(part, number)
            self._tell(part, number, "started")
            outcome = self._try(part, number, step)
            if isinstance(outcome, Park):
                row["state"] = "waiting"
                self.progress.save()
                self._tell(part, number, "waiting")
                return outcome
            if not outcome or row["tries"] > step["retries"] or not step["repeatable"]:
                self._end(part, number, outcome)
                return outcome
            self.speaker.say(f"{outcome}\n")
            row["marks"] = {}
            self.ctx.wait(step["pause"])

    def _end(self, part: Part, number: int, failure: str) -> None:
        note = failure or self.progress.rows[part][number]["note"]
        self.progress.end(part, number, "failed" if failure else "ok", note=note)
        self._tell(part, number, "failed" if failure else "ok")

    def _try(self, part: Part, number: int, step: dict[str, Any]) -> str | Park:
        """Do a step once; return why it failed, or "" with the step's note in its row."""
        row = self.progress.rows[part][number]
        row["note"] = ""
        try:
            kind = get_step(step["kind"])
            given = msgspec.convert(step["with"], kind.params)
            with tempfile.TemporaryDirectory(dir=_folder(), prefix="step-") as folder:
                outcome = kind.run(self._context(part, number, step, Path(folder)), given)
        except ClawError as error:
            return redact(error.message)
        except Exception as error:
            where = f"a step of the kind {step['kind']}"
            return f"internal error {log_unknown(error, where=where)}"
        finally:
            self.speaker.flush()
        if isinstance(outcome, Park):
            return outcome
        row["note"] = redact(outcome)
        return ""

    def _context(self, part: Part, number: int, step: dict[str, Any], folder: Path) -> StepContext:
        row = self.progress.rows[part][number]
        self.speaker.begin(part, number)
        return StepContext(
            run=self.run,
            place=f"{part}:{number}",
            title=step["title"],
            digest=digest_of(self.run, number),
            ends_at=min(time.monotonic() + step["timeout"], self.ctx.deadline),
            folder=folder,
            host=tuple(step["host"]),
            marks=row["marks"],
            check=partial(_check, self.ctx, stoppable=step["repeatable"]),
            say=self.speaker.say,
            keep=self.progress.save,
        )

    def _tell(self, part: Part, number: int, state: str) -> None:
        """Add an event about a step, and show it."""
        row = self.progress.rows[part][number]
        step = self.plan[number] if part == "do" else self.plan[number]["rollback"]
        self.ctx.emit(
            "step",
            {
                "part": part, "number": number + 1, "of": len(self.plan), "title": step["title"], "state": state,
                "try": row["tries"], "seconds": row["seconds"], "note": row["note"],
            },
        )  # fmt: skip
        self.show()


def _check(ctx: JobContext, *, stoppable: bool) -> None:
    """Stop when the job is to stop; a step that cannot be repeated is not left for a restart, which can wait for it."""
    try:
        ctx.check()
    except Stopping:
        if stoppable:
            raise


def _folder() -> Path:
    """Return where steps have their folders, made on first use."""
    path: Path = settings.CLAW_HOME / "steps"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
