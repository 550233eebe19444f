"""read_skill: instructions and files of a skill, page by page, when the model wants to know more."""

from __future__ import annotations

import asyncio
from typing import Any

from bots.agent.tools.attachments import decode_text
from bots.agent.types import Tool, ToolContext, ToolOutput
from bots.skills.folder import folder_of
from bots.skills.offered import check_files, list_enabled
from clawsite.core.db import run_db
from clawsite.core.errors import BadInput
from guardrails.paths import open_beneath
from guardrails.tools import ToolPolicy
from guardrails.types import Role
from sessions_app.models import Skill

NAME = "read_skill"
PAGE = 8_000


def _find(name: str) -> Skill:
    skill = next((each for each in list_enabled() if each.name == name), None)
    if skill is None or not check_files(skill):
        names = ", ".join(each.name for each in list_enabled()) or "none"
        raise BadInput(f"There is no skill of this name. Skills: {names}.")
    return skill


async def _read(context: ToolContext, arguments: dict[str, Any]) -> ToolOutput:
    """Return a page of the instructions, or of a file beside them."""
    skill, file = await run_db(_find, arguments["name"]), arguments.get("file", "")
    names = [each["name"] for each in skill.files]
    if file and file not in names:
        raise BadInput(f"There is no such file. Files: {', '.join(names)}.")
    text = await asyncio.to_thread(_text_of, skill, file, context.language) if file else skill.body
    head = "" if file else f"Files beside it: {', '.join(names)}\n\n"
    return ToolOutput(text=head + _page(text, arguments.get("start", 0)), source=f"skill {skill.name}")


def _text_of(skill: Skill, file: str, language: str) -> str:
    with open_beneath(folder_of(skill.name, skill.digest), file) as opened:
        text = decode_text(opened.read(), language=language)
    if text is None:
        raise BadInput("This file is no text.")
    return text


def _page(text: str, start: int) -> str:
    if start and start >= len(text):
        raise BadInput(f"It ends at character {len(text)}.")
    end = min(start + PAGE, len(text))
    more = f"; go on with start={end}" if end < len(text) else ""
    return f"{text[start:end]}\n[characters {start} to {end} of {len(text)}{more}]"


READ_SKILL = Tool(
    name=NAME,
    description="Read the instructions of a skill by its name, or a file that lies beside them.",
    schema={
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 64, "description": "The skill's name."},
            "file": {"type": "string", "maxLength": 200, "description": "A file beside the instructions."},
            "start": {"type": "integer", "minimum": 0, "description": "The character to start at (0)."},
        },
        "required": ["name"],
    },
    policy=ToolPolicy(name=NAME, role=Role.VIEWER, effect="read", per_minute=60),
    run=_read,
    repeatable=True,
)
