"""What the tools of one /code share: whose it is, where it works, and how a tool is made of a plain function.

Invariant: work on files and programs runs in a thread that stops when the job is to stop; whatever is refused is an
audit row and a sentence for the model.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import connections

from bots.agent.types import Tool, ToolContext, ToolOutput
from bots.code.board import Board, short
from clawsite.core import audit
from clawsite.core.db import run_db
from clawsite.core.errors import BadInput, ClawError, NotAllowed
from guardrails.tools import Effect, ToolPolicy
from guardrails.types import Actor, Verdict
from runbooks.jobs import JobContext
from runbooks.models import CodeRun, Project
from runbooks.workspaces.manifest import Manifest

Check = Callable[[], None]
Work = Callable[[Mapping[str, Any], Check], str]


class _Gone(BaseException):
    """Ends the work of a thread that nobody waits for any more."""


@dataclass(kw_only=True)
class Desk:
    """One job at work. `tests` is how the last tests went; `lock` keeps two changes of the tree apart.

    Without a manifest, `problem` says why there is none.
    """

    ctx: JobContext
    run: CodeRun
    project: Project
    tree: Path
    manifest: Manifest | None
    actor: Actor
    board: Board
    problem: str = ""
    tests: dict[str, Any] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def work(self, do: Callable[[Check], Any]) -> Any:
        """Run blocking work in a thread, which ends soon after the job, the call or its time has."""
        gone = threading.Event()

        def check() -> None:
            if gone.is_set():
                raise _Gone
            self.ctx.check()

        def run() -> Any:
            try:
                return do(check)
            finally:
                connections.close_all()

        task = asyncio.create_task(asyncio.to_thread(run))
        try:
            return await asyncio.shield(task)
        finally:
            gone.set()
            await asyncio.wait({task})  # whoever comes next must not meet it in the tree
            task.exception()

    def record(self, action: str, **data: Any) -> None:
        """Write an audit row about what was tried."""
        audit.record(action, actor=self.actor.subject, subject=f"project:{self.project.key}", job=self.ctx.key, **data)


def make_tool(
    desk: Desk,
    name: str,
    *,
    description: str,
    schema: Mapping[str, Any],
    work: Work,
    effect: Effect = "read",
    alone: bool = False,
    subject: Callable[[Mapping[str, Any]], str],
    per_minute: int = 0,
    seconds: float = 120.0,
    repeatable: bool | None = None,
    guard: Callable[[dict[str, Any]], Verdict] | None = None,
    summary: Callable[[dict[str, Any]], str] | None = None,
) -> Tool:
    """Return a tool of a function that blocks. `subject` names what a call is about: a path, a command.

    What changes files or runs a program is `alone` in the tree: git works there outside of the sandbox, and a program
    beside it could lead it out over links that it makes meanwhile.
    """

    async def run(context: ToolContext, arguments: dict[str, Any]) -> ToolOutput:
        about = short(subject(arguments))
        line = await desk.board.begin(name, about)
        ok = False
        try:
            async with desk.lock if alone or effect != "read" else nullcontext():
                text = await desk.work(lambda check: work(arguments, check))
            ok = True
        except (BadInput, NotAllowed) as error:
            await run_db(desk.record, "code.refused", tool=name, about=about, why=short(error.message, 200))
            raise
        except OSError as error:
            raise ClawError(f"{error.strerror or 'It failed'}: {about}") from error
        finally:
            await desk.board.end(line, ok=ok)
        return ToolOutput(text=text, source=f"{name} {about}")

    return Tool(
        name=name,
        description=description,
        schema=schema,
        policy=ToolPolicy(name=name, effect=effect, per_minute=per_minute),
        run=run,
        repeatable=effect == "read" if repeatable is None else repeatable,
        guard=guard,
        summary=summary,
        seconds=seconds,
    )
