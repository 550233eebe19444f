"""The tests of a project, as a /code runs them: the command of the default branch's claw.yaml, in the job's tree."""

from __future__ import annotations

from typing import Any

from bots.agent.wrap import shorten
from bots.code import tree
from bots.code.desk import Check, Desk
from guardrails.processes import Completed
from guardrails.redact import redact
from runbooks.workspaces.manifest import Manifest
from runbooks.workspaces.running import run_in_tree

OUTPUT_CHARS = 12_000
NOTE_LINES, NOTE_CHARS = 12, 600


def seconds_of(manifest: Manifest | None) -> float:
    """Return how long the tests may take."""
    return float(manifest.test.seconds) if manifest and manifest.test else 60.0


def run_tests(desk: Desk, *, check: Check) -> dict[str, Any]:
    """Run them and return how they went: state (passed, failed, none), on which commit, the last lines, all output.

    What they write into the tree is no part of anybody's change and is thrown away.
    """
    command = desk.manifest.test if desk.manifest else None
    at = tree.head(desk.project, desk.tree)
    if command is None:
        desk.tests = {"state": "none", "sha": at, "note": "", "seconds": 0.0}
        return desk.tests | {"output": ""}
    done = run_in_tree(desk.project, list(command.argv), tree=desk.tree, seconds=command.seconds, check=check)
    tree.reset(desk.project, desk.tree)
    output = describe(done, OUTPUT_CHARS)
    desk.tests = {
        "state": "passed" if done.ok else "failed",
        "sha": at,
        "note": "" if done.ok else _last_lines((done.stdout.strip() or done.stderr).decode(errors="replace")),
        "seconds": round(done.seconds, 1),
    }
    return desk.tests | {"output": output}


def describe(done: Completed, chars: int) -> str:
    """Return what a program did, in words for the model: its output, and how it ended."""
    text = (done.stdout + (b"\n" if done.stdout and done.stderr else b"") + done.stderr).decode(errors="replace")
    ended = f"It ended with the code {done.code}."
    if done.timed_out or done.excess:
        ended = f"It used too much ({done.excess or 'time'}) and was ended."
    cut = " Its output was longer than what is kept." if done.truncated else ""
    return f"{shorten(text.strip(), limit=chars)}\n{ended}{cut}".strip()


def _last_lines(output: str) -> str:
    lines = [line for line in redact(output).splitlines() if line.strip()][-NOTE_LINES:]
    return "\n".join(lines)[-NOTE_CHARS:]
