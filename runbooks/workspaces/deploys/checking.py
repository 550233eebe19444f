"""The tests and the linter of a project, on exactly the files of one commit. What passed is not run again for a while.

Invariant: no tests at all is not the same as tests that pass.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Literal

import msgspec
from django.utils import timezone

from guardrails.processes import Completed
from guardrails.redact import redact
from runbooks.books.plan import digest
from runbooks.books.steps import StepContext, StepFailed, StepKind
from runbooks.models import CommitCheck, Project
from runbooks.workspaces.access import get_project
from runbooks.workspaces.deploys.programs import check_done, run_program
from runbooks.workspaces.deploys.releases import export_commit

KEPT = timedelta(minutes=60)
SHOWN_LINES = 5
SHOWN_CHARS = 250
# How pytest, unittest and node say that they found none.
_NONE_RUN = re.compile(r"no tests ran|collected 0 items|^Ran 0 tests|^[#ℹ] tests 0$", re.MULTILINE)
# Go says it of each package, also where others have some, which it tells of as well.
_NONE_HERE = re.compile(r"no test files|\[no tests to run\]")
_SOME_THERE = re.compile(r"^(?:ok|FAIL)\s+\S+\s(?!.*\[no tests to run\])", re.MULTILINE)
_FAILS = re.compile(r"^(?:FAILED|ERROR|FAIL:?|E  |not ok|✖|--- FAIL)|(?:Error|Exception): |:\d+:\d+: ", re.MULTILINE)


class Check(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is run on which commit. setup: the program that prepares the files for it."""

    project: str
    commit: str
    name: Literal["test", "lint"]
    argv: list[str]
    setup: list[str] = []


def run(ctx: StepContext, given: Check) -> str:
    """Run it, unless it passed on this commit lately."""
    project = get_project(given.project)
    if find_pass(project, given):
        return "passed on this commit before"
    tree = export_commit(project, given.commit, ctx.folder / "tree", check=ctx.check)
    if given.setup:
        check_done(run_program(ctx, project, given.setup, tree=tree, seconds=ctx.left))
    _check(_run(ctx, project, given, tree), given)
    keep_pass(project, given)
    return ""


def _run(ctx: StepContext, project: Project, given: Check, tree: Path) -> Completed:
    return run_program(ctx, project, given.argv, tree=tree, seconds=ctx.left)


def _check(done: Completed, given: Check) -> None:
    output = redact((done.stdout + done.stderr).decode("utf-8", "replace"))  # before half a secret is cut off
    if given.name == "test" and _ran_none(output):
        raise StepFailed(f"There are no tests: {' '.join(given.argv)[:80]} ran none.")
    if not (done.ok or done.excess or done.timed_out) and (failing := failing_lines(output)):
        raise StepFailed(failing)
    check_done(done)


def _ran_none(output: str) -> bool:
    """Tell whether what was printed says that no test was found at all."""
    none_here = _NONE_HERE.search(output) and not _SOME_THERE.search(output)
    return bool(_NONE_RUN.search(output) or none_here)


def failing_lines(output: str) -> str:
    """Return the lines of an output that say what failed, the last ones where none can be told."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if _FAILS.search(line)]
    return "\n".join((telling or lines)[-SHOWN_LINES:])[-SHOWN_CHARS:]


def find_pass(project: Project, given: Check) -> bool:
    """Tell whether exactly this passed on this commit within the time that counts."""
    rows = CommitCheck.objects.filter(project=project, commit=given.commit, name=given.name, digest=_digest(given))
    return rows.filter(at__gt=timezone.now() - KEPT).exists()


def keep_pass(project: Project, given: Check) -> None:
    """Remember that it passed; what is too old to count goes."""
    CommitCheck.objects.filter(project=project, at__lte=timezone.now() - KEPT).delete()
    CommitCheck.objects.update_or_create(
        project=project,
        commit=given.commit,
        name=given.name,
        defaults={"digest": _digest(given), "at": timezone.now()},
    )


def _digest(given: Check) -> str:
    return digest([given.argv, given.setup])


CHECK = StepKind(
    name="project_check", params=Check, run=run, describe=lambda given: f"{' '.join(given.argv)} @ {given.commit[:8]}"
)
