"""The kinds of job by which the model works on projects, and people decide about what it did."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from bots.code import deciding, diffing, returning
from bots.code.ending import end_code
from bots.code.starting import KIND, Params
from runbooks.jobs import JobContext, JobKind, register_kind

# The most that one stretch without a pause takes: the model's time, the tests at the end, a merge.
SECONDS = 2 * 3600.0


def _run(ctx: JobContext) -> Any:
    """Load the agent where a job runs, and there only."""
    work: Callable[[JobContext], Any] = import_module("bots.code.working").run
    return work(ctx)


AGENT_CODE = JobKind(
    name=KIND,
    run=_run,
    description="Has the model change a project, on a branch of its own; what passes the tests is merged.",
    seconds=SECONDS,
    repeatable=True,
    params=Params,
    ended=end_code,
)


def register_kinds() -> None:
    """Add them to the registry."""
    register_kind(AGENT_CODE)
    register_kind(deciding.KEEP_KIND)
    register_kind(deciding.UNDO_KIND)
    register_kind(returning.RETURN_KIND)
    register_kind(diffing.KIND)
