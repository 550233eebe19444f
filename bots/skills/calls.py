"""A call of a skill's tool: the skill must still be on and unchanged, then its command is run or its function."""

from __future__ import annotations

import asyncio
from typing import Any

from bots.agent.types import ToolContext, ToolOutput
from bots.skills.asking import answer_request, run_chat_command
from bots.skills.declared import DeclaredTool
from bots.skills.folder import folder_of
from bots.skills.offered import access_skill
from bots.skills.sandboxed import run_function
from clawsite.core.db import run_db, run_tx
from clawsite.core.errors import ClawError

REQUESTS_MAX = 8
AT_ONCE = 4

_room = asyncio.Semaphore(AT_ONCE)


async def call_tool(
    context: ToolContext, arguments: dict[str, Any], *, pk: int, digest: str, tool: DeclaredTool
) -> ToolOutput:
    """Call a tool of a skill for whoever talks. Raises ClawError with a sentence for the model."""
    skill = await run_db(access_skill, pk, context.session_id, digest=digest)
    if tool.command:
        name = tool.command.partition(" ")[0]
        text = await run_tx(run_chat_command, context, name, tool.fill(arguments))
    else:
        text = await _run(context, arguments, tool=tool, name=skill.name, digest=digest)
    return ToolOutput(text=text, source=f"skill {skill.name}")


async def _run(context: ToolContext, arguments: dict[str, Any], *, tool: DeclaredTool, name: str, digest: str) -> str:
    """Run the function until it returns; each time it yields, do what it asks and run it again with the answer."""
    folder, answers = folder_of(name, digest), list[str]()
    while len(answers) <= REQUESTS_MAX:
        async with _room:
            text, request = await asyncio.to_thread(run_function, folder, tool.name, arguments, answers)
        if text is not None:
            return text
        answers.append(await answer_request(context, tool, request))
    raise ClawError(f"The skill's tool asked for more than {REQUESTS_MAX} things.")
