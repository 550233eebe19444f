"""What a kind of step is, and what its code works with. Kinds are one registry that the runner and the checks read."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from clawsite.core.errors import ClawError
from runbooks.jobs import Park
from runbooks.models import Run


class StepFailed(ClawError):
    """A step did not do what it should; the message says why, for people."""

    code = "step_failed"


@dataclass(kw_only=True, slots=True)
class StepContext:
    """One try of one step.

    check: raises when the run is to stop. say: shows output, as it comes. marks: what an earlier stretch of this
    step kept; `keep` saves it, and so does returning Park. place: names the step in its run, such as "do:3".
    digest: the hash of all that this run still does.
    """

    run: Run
    place: str
    title: str
    digest: str
    ends_at: float
    folder: Path
    host: tuple[str, ...] = ()
    marks: dict[str, Any] = field(default_factory=dict)
    check: Callable[[], None]
    say: Callable[[str], None]
    keep: Callable[[], None]

    @property
    def left(self) -> float:
        """Return how many seconds the step has; StepFailed when there are none."""
        seconds = self.ends_at - time.monotonic()
        if seconds <= 0:
            raise StepFailed("Its time was over.")
        return seconds

    def wait(self, seconds: float) -> None:
        """Sleep, within the step's time, and stop when the run is to stop."""
        end = time.monotonic() + seconds
        self.check()
        while (left := min(end - time.monotonic(), self.left)) > 0 and end > time.monotonic():
            time.sleep(min(left, 0.1))
            self.check()


Outcome = str | Park


@dataclass(frozen=True, kw_only=True, slots=True)
class StepKind:
    """One kind of step.

    run: does it and returns a note for people ("200, 31 ms"), or Park; StepFailed or any ClawError is its failure.
    texts: the parameters that people read, in which values may stand anywhere.
    params: the shape of its `with`. repeatable: whether it may be done again after a failure or a crash, where the
    step does not say; may depend on its parameters. describe: what would be done, as one line, for dry runs.
    seconds: how long it takes by itself, where that is not what the step's timeout says. check: raises BookError for
    parameters that contradict each other; gets them as read and the step as it was written.
    """

    name: str
    params: type[msgspec.Struct]
    run: Callable[[StepContext, Any], Outcome]
    describe: Callable[[Any], str]
    repeatable: Callable[[Any], bool] = lambda _: True
    seconds: Callable[[Any], float] | None = None
    texts: tuple[str, ...] = ()
    check: Callable[[Any, Mapping[str, Any]], None] = lambda params, step: None


_kinds: dict[str, StepKind] = {}


def register_step(kind: StepKind) -> StepKind:
    """Add a kind; ValueError when its name is taken."""
    if _kinds.setdefault(kind.name, kind) is not kind:
        raise ValueError(f"There are two kinds of step named {kind.name!r}.")
    return kind


def get_step(name: str) -> StepKind:
    """Return the kind of this name; StepFailed for one that this version does not know."""
    found = _kinds.get(name)
    if found is None:
        raise StepFailed(f"This version has no kind of step named {name!r}.")
    return found


def list_steps() -> list[StepKind]:
    """Return all kinds by name."""
    return [_kinds[name] for name in sorted(_kinds)]
