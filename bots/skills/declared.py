"""One tool of a skill as it was declared: what it takes, the worst it does, and what it may ask for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from guardrails.tools import Effect, ToolPolicy
from guardrails.types import Role

# Weaker effects come first; sending and changing are different, and neither includes the other.
RANK: Mapping[str, int] = {"read": 0, "write": 1, "outbound": 1, "destructive": 2}
# What a conversation is, who may talk in it or work in a project, a file that somebody sent, and a yes to what was
# asked, are people's and no skill's.
NEVER = frozenset(
    {
        "start", "pair", "settings", "skills", "reset", "stop", "forget", "approve", "reject",
        "approve_production", "pipeline_approve", "project", "put",
    }
)  # fmt: skip
# What acts on projects and on the systems of others: only as a tool's own command, so that a person is shown the very
# line first.
CONFIRMED = frozenset(
    {
        "runbook", "code", "undo", "new", "sync", "deploy", "rollback", "lock", "unlock",
        "pipeline", "pipeline_start", "pipeline_retry", "cancel_pipeline",
        "changes", "gitops",
    }
)  # fmt: skip
_GAP = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclaredTool:
    """A declaration that was checked. `command` is a line with gaps, such as `alerts {period}`; "" is a function."""

    name: str
    description: str
    effect: Effect
    role: Role = Role.OPERATOR
    per_minute: int = 30
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    command: str = ""
    commands: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return what a row keeps."""
        return {**asdict(self), "commands": list(self.commands), "tools": list(self.tools)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> DeclaredTool:
        """Return the tool of a row."""
        lists = {"commands": tuple(data["commands"]), "tools": tuple(data["tools"])}
        return cls(**{**data, **lists, "effect": cast(Effect, data["effect"]), "role": Role(data["role"])})

    @property
    def needs_sandbox(self) -> bool:
        """Whether code of the skill runs."""
        return not self.command

    @property
    def gaps(self) -> list[str]:
        """The names of the arguments that the command's line takes."""
        return _GAP.findall(self.command)

    @property
    def all_commands(self) -> tuple[str, ...]:
        """Every chat command that it may run."""
        own = (self.command.partition(" ")[0],) if self.command else ()
        return (*own, *self.commands)

    def may_ask_for(self, command: str) -> bool:
        """Whether a person is shown what this command will do, where it is one that needs that."""
        return command not in CONFIRMED or (self.effect == "destructive" and not self.needs_sandbox)

    def fill(self, arguments: Mapping[str, Any]) -> str:
        """Return the words of the command with the arguments in their gaps, each one on one line."""
        _, _, words = self.command.partition(" ")
        filled = _GAP.sub(lambda gap: " ".join(str(arguments.get(gap[1], "")).split()), words)
        return " ".join(filled.split())

    def line(self, arguments: Mapping[str, Any]) -> str:
        """Return the command as it will be run, for the person who is asked."""
        return f"/{self.command.partition(' ')[0]} {self.fill(arguments)}".rstrip()

    def policy(self, full_name: str) -> ToolPolicy:
        """Return what the guard of tool calls is told."""
        return ToolPolicy(
            name=full_name,
            role=self.role,
            effect=self.effect,
            per_minute=self.per_minute,
            needs_sandbox=self.needs_sandbox,
        )


def full_name(skill: str, tool: str) -> str:
    """Return the name that the model calls: no two skills, and no tool of the product, can have the same."""
    return f"{skill.replace('-', '_')}__{tool}"
