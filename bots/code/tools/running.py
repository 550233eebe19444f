"""Tools that run programs: in the sandbox, with only the job's tree to write to, and never as a shell line.

What the project's claw.yaml (of the default branch) and the defaults allow runs at once; anything else is asked about.
What a person allows runs in the same sandbox.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from bots.agent.types import Tool
from bots.code import testing, tree
from bots.code.board import short
from bots.code.desk import Check, Desk, make_tool
from clawsite.core.errors import NotAllowed
from guardrails.commands import decide_command
from guardrails.redact import redact
from guardrails.types import Action, Stage, Verdict
from runbooks.workspaces.running import run_in_tree

SECONDS = 300.0
OUTPUT_CHARS = 12_000
# Room for a program to be ended and what it left to be committed.
MARGIN = 30.0
ARGV = {
    "type": "array",
    "minItems": 1,
    "maxItems": 64,
    "items": {"type": "string", "maxLength": 2000},
    "description": 'The program and its arguments, such as ["python", "-m", "pytest", "-q"]',
}


def make(desk: Desk) -> tuple[Tool, ...]:
    """Return the tools that run programs."""
    return (_command(desk), _tests(desk))


def _allowed(desk: Desk) -> list[list[str]]:
    return [list(prefix) for prefix in desk.manifest.allow] if desk.manifest else []


def _command(desk: Desk) -> Tool:
    def guard(given: dict[str, Any]) -> Verdict:
        """Ask about what nobody allowed before. What is never allowed is refused where it can be recorded."""
        found = decide_command(given["argv"], _allowed(desk))
        action = Action.ASK if found.decision == "ask" else Action.ALLOW
        return Verdict(action=action, stage=Stage.TOOL_CALL, rule=f"command.{found.reason}")

    def work(given: Mapping[str, Any], check: Check) -> str:
        argv = list(given["argv"])
        if decide_command(argv, _allowed(desk)).decision == "block":
            raise NotAllowed("This program is never run here.")
        done = run_in_tree(desk.project, argv, tree=desk.tree, seconds=SECONDS, check=check)
        desk.record("code.command", about=short(shlex.join(argv), 300), code=done.code, confined=done.confined)
        sha = tree.commit(desk, short(f"Run {shlex.join(argv)}", 72))
        return testing.describe(done, OUTPUT_CHARS) + (f"\nIt changed files: commit {sha[:10]}." if sha else "")

    return make_tool(
        desk,
        "run_command",
        description="Run one program in the project's folder, without a network. Not a shell: no pipes, no files.",
        schema={"type": "object", "properties": {"argv": ARGV}, "required": ["argv"]},
        work=work,
        effect="write",
        subject=lambda given: shlex.join(given["argv"]),
        guard=guard,
        summary=lambda given: redact(f"{desk.project.name}: {shlex.join(given['argv'])}"),
        seconds=SECONDS + MARGIN,
    )


def _tests(desk: Desk) -> Tool:
    def work(given: Mapping[str, Any], check: Check) -> str:
        told = testing.run_tests(desk, check=check)
        return told["output"] if told["state"] != "none" else "The project names no command for tests in claw.yaml."

    return make_tool(
        desk,
        "run_tests",
        description="Run the project's tests.",
        schema={"type": "object", "properties": {}},
        work=work,
        alone=True,
        subject=lambda given: "",
        seconds=testing.seconds_of(desk.manifest) + MARGIN,
    )
