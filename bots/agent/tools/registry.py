"""All tools that exist, by name. A run gets a ToolSet of them: what is not in it cannot be called.

A stranger's set is empty; roles are checked here and again by the guard at every call. Tools of skills do not stand
here: `bots.skills.offer` adds those of a conversation to what this gives.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from bots.agent.tools.schema import check_schema
from bots.agent.types import Tool, ToolRun, ToolSet
from guardrails.tools import ToolPolicy
from guardrails.types import Actor, Role

_NAME = re.compile(r"[a-z][a-z0-9_]{1,63}")

_tools: dict[str, Tool] = {}


def tool(
    name: str,
    *,
    description: str,
    schema: Mapping[str, Any],
    policy: ToolPolicy,
    repeatable: bool = False,
    summary: Callable[[dict[str, Any]], str] | None = None,
) -> Callable[[ToolRun], Tool]:
    """Register an async function `(context, arguments) -> ToolOutput` as a tool; the decorated name is the Tool."""

    def register(run: ToolRun) -> Tool:
        made = Tool(
            name=name,
            description=description,
            schema=schema,
            policy=policy,
            run=run,
            repeatable=repeatable,
            summary=summary,
        )
        register_tool(made)
        return made

    return register


def register_tool(made: Tool) -> None:
    """Add a tool. Raises ValueError for a bad name or schema, a policy of another name, or a name that is taken."""
    if not _NAME.fullmatch(made.name) or made.policy.name != made.name:
        raise ValueError(f"bad tool name {made.name!r}")
    if made.name in _tools:
        raise ValueError(f"there is a tool {made.name!r} already")
    check_schema(made.schema)
    _tools[made.name] = made


def remove_tool(name: str) -> None:
    """Take a tool away; unknown names are no error."""
    _tools.pop(name, None)


def list_tools() -> tuple[Tool, ...]:
    """Return all tools by name."""
    return tuple(_tools[name] for name in sorted(_tools))


def toolset_for(actor: Actor, *, names: Collection[str] | None = None) -> ToolSet:
    """Return what this person may use here: all tools of their role, or those of them that are named."""
    if not actor.is_at_least(Role.VIEWER):
        return ToolSet()
    return ToolSet(
        tuple(
            made
            for made in list_tools()
            if actor.is_at_least(made.policy.role) and (names is None or made.name in names)
        )
    )
