"""Running what claw.yaml names: in the sandbox, or on the host where an admin granted that program."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from guardrails import processes
from guardrails.processes import Completed
from guardrails.redact import redact
from runbooks.books.steps import StepContext, StepFailed
from runbooks.models import Project
from runbooks.workspaces.running import run_in_tree, tree_limits

LINE_CHARS = 200


def run_program(
    ctx: StepContext,
    project: Project,
    argv: Sequence[str],
    *,
    tree: Path,
    seconds: float,
    env: Mapping[str, str] | None = None,
    host: Sequence[str] = (),
) -> Completed:
    """Run a program to its end in a tree, with its output shown as it comes; it may fail."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    return run_argv(
        project,
        argv,
        tree=tree,
        seconds=min(seconds, ctx.left),
        env=env,
        host=host,
        check=ctx.check,
        on_output=lambda part: ctx.say(decoder.decode(part)),
    )


def run_argv(
    project: Project,
    argv: Sequence[str],
    *,
    tree: Path,
    seconds: float,
    env: Mapping[str, str] | None = None,
    host: Sequence[str] = (),
    check: Callable[[], None] | None = None,
    on_output: Callable[[bytes], None] | None = None,
) -> Completed:
    """Run a program in a tree: on the host when it is one of those granted, in the sandbox otherwise."""
    if argv[0] not in host:
        return run_in_tree(project, argv, tree=tree, seconds=seconds, check=check, on_output=on_output, env=env)
    return processes.run(
        argv, cwd=tree, env=env, limits=tree_limits(seconds), check=check, on_output=on_output, with_parent=True
    )


def check_done(done: Completed) -> None:
    """Raise StepFailed for a program that did not succeed, with its last line."""
    if done.excess:
        raise StepFailed(f"{done.argv[0]} used too much and was ended: {done.excess}.")
    if done.timed_out:
        raise StepFailed(f"{done.argv[0]} did not end within {done.seconds:.0f} seconds.")
    if not done.ok:
        lines = redact((done.stderr or done.stdout).decode("utf-8", "replace")).strip().splitlines()
        last = f": {lines[-1].strip()[:LINE_CHARS]}" if lines else "."
        raise StepFailed(f"{done.argv[0]} ended with the code {done.code}{last}")
