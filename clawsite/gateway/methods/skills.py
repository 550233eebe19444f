"""skills.status: the folders of instructions and tools the agent has. There are none yet."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from clawsite.gateway.overview import AgentId
from clawsite.gateway.principal import Scope
from clawsite.gateway.registry import Call, Params, method


class SkillsStatusParams(Params):
    """Either is accepted: there is one agent."""

    agent_id: AgentId = None
    session_key: str | None = None


@method("skills.status", scope=Scope.READ, summary="The agent's skills: none yet.", params=SkillsStatusParams)
def status(call: Call, params: SkillsStatusParams) -> dict[str, Any]:
    """Answer in the protocol's shape; who does not see all learns no directory."""
    home = str(settings.CLAW_HOME) if call.principal.sees_all else ""
    return {"workspaceDir": home, "managedSkillsDir": "", "skills": []}
