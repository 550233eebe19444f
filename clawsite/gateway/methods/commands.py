"""commands.list: the chat commands that the caller may use, in one language."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import msgspec
from django.conf import settings
from django.utils import translation

from bots.commands.base import Command
from bots.commands.registry import all_commands
from clawsite.gateway.overview import AgentId
from clawsite.gateway.principal import Scope
from clawsite.gateway.registry import Call, Encoded, Params, method
from guardrails.types import Actor, Role

_CATEGORIES = {"start": "status", "help": "status", "status": "status", "settings": "options", "pair": "management"}


class CommandsListParams(Params):
    """language is ours: en, pt-br or ru. The others are the protocol's; all commands are text ones."""

    session_key: str | None = None
    agent_id: AgentId = None
    provider: str | None = None
    scope: Literal["text", "native", "both"] = "both"
    include_args: bool = False
    language: str | None = None


@method("commands.list", scope=Scope.READ, summary="The chat commands you may use.", params=CommandsListParams)
def list_commands(call: Call, params: CommandsListParams) -> Encoded:
    """Answer from memory: commands do not change while we run."""
    wanted = (params.language or settings.LANGUAGE_CODE).lower()
    language = wanted if wanted in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
    return _encode(call.principal.role, language)


@lru_cache(maxsize=16)
def _encode(role: Role, language: str) -> Encoded:
    actor = Actor(subject="", role=role)
    shown = [each for each in all_commands() if not each.hidden and actor.is_at_least(each.role)]
    with translation.override(language):
        return Encoded(msgspec.json.encode({"commands": [_entry(each) for each in shown]}))


def _entry(command: Command) -> dict[str, Any]:
    return {
        "name": command.name,
        "nativeName": command.name,
        "textAliases": [f"/{name}" for name in (command.name, *command.aliases)],
        "description": str(command.description),
        "category": _CATEGORIES.get(command.name, "session"),
        "source": "native",
        "scope": "both",
        "acceptsArgs": True,
    }
