"""What a turn gets of skills: the text of the skills layer, and the tools of this person in this conversation.

A skill's tool is offered only while an admin has switched the skill on, an operator has it on in this conversation, its
files are what was installed, the person has the role it declares, and the commands that it runs exist and do no more
than it declared. Its name carries the skill's, so it never stands in the place of another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

from bots.agent.tools import toolset_for
from bots.agent.types import Tool, ToolContext, ToolOutput, ToolSet
from bots.commands.catalog import find_command
from bots.skills.declared import NEVER, DeclaredTool, full_name
from bots.skills.offered import list_active, list_enabled
from bots.skills.prompting import write_skills
from bots.skills.reading import READ_SKILL
from clawsite.core import flags
from clawsite.core.features import SKILL_TOOLS
from guardrails.types import Actor
from sessions_app.models import Session, Skill
from sessions_app.prompts.layers import get_layers


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """The text for the skills layer and all tools of a turn."""

    text: str
    tools: ToolSet


def offer_skills(session: Session, actor: Actor) -> Offer:
    """Return what holds for a turn of this person in this conversation. Reads rows and may switch a skill off."""
    base = toolset_for(actor)
    active = list_active(session) if session.skills else []
    enabled = list_enabled()
    if not enabled or not base.tools:
        return Offer(text="", tools=base)
    may = active and flags.is_on(SKILL_TOOLS.name, person=actor.subject, channel=session.channel.name)
    own = [tool for skill in active if may for tool in _tools_of(skill) if actor.is_at_least(tool.policy.role)]
    text = write_skills(enabled, {skill.pk for skill in active}, budget=_budget(session))
    return Offer(text=text, tools=ToolSet((*base.tools, READ_SKILL, *own)))


def _budget(session: Session) -> int:
    budget = next((layer.budget for layer in get_layers() if layer.key == "skills"), 0)
    return int(budget / max(session.token_ratio, 0.5))


def _tools_of(skill: Skill) -> Iterator[Tool]:
    for data in skill.tools:
        declared = DeclaredTool.from_json(data)
        if may_run(declared):
            yield _make(skill, declared)


def may_run(tool: DeclaredTool) -> bool:
    """Tell whether the commands of a tool exist, are not for people alone, do no more than the tool says, and are
    confirmed by a person where they must be."""
    found = [find_command(name) for name in tool.all_commands]
    return all(
        command is not None
        and command.name not in NEVER
        and tool.may_ask_for(command.name)
        and (tool.effect != "read" or command.looks)
        for command in found
    )


def _make(skill: Skill, declared: DeclaredTool) -> Tool:
    name = full_name(skill.name, declared.name)
    return Tool(
        name=name,
        description=f"{declared.description} (Skill {skill.name}.)",
        schema=declared.parameters,
        policy=declared.policy(name),
        run=partial(_call, pk=skill.pk, digest=skill.digest, tool=declared),
        repeatable=declared.effect == "read",
        summary=declared.line if declared.command else None,
    )


async def _call(
    context: ToolContext, arguments: dict[str, Any], *, pk: int, digest: str, tool: DeclaredTool
) -> ToolOutput:
    """Call a skill's tool. What runs it is imported by the first call."""
    calls = import_module("bots.skills.calls")
    output: ToolOutput = await calls.call_tool(context, arguments, pk=pk, digest=digest, tool=tool)
    return output
