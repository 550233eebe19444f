"""skills.status: the installed folders of instructions and tools, in the protocol's shape."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from bots.skills.folder import folder_of, skills_root
from clawsite.core.db import run_db
from clawsite.gateway.overview import AgentId
from clawsite.gateway.principal import Scope
from clawsite.gateway.registry import Call, Params, method
from guardrails.sandbox import has_sandbox
from sessions_app.models import Skill

MOST = 500
_NOTHING: dict[str, list[str]] = {"bins": [], "anyBins": [], "env": [], "config": [], "os": []}


class SkillsStatusParams(Params):
    """Either is accepted: there is one agent."""

    agent_id: AgentId = None
    session_key: str | None = None


@method("skills.status", scope=Scope.READ, summary="The installed skills, on or off.", params=SkillsStatusParams)
async def status(call: Call, params: SkillsStatusParams) -> dict[str, Any]:
    """Answer in the protocol's shape; who does not see all learns no directory."""
    rows = await run_db(lambda: list(Skill.objects.defer("body").order_by("name")[:MOST]))
    full = call.principal.sees_all
    return {
        "workspaceDir": str(settings.CLAW_HOME) if full else "",
        "managedSkillsDir": str(skills_root()) if full else "",
        "skills": [_entry(row, full=full) for row in rows],
    }


def _entry(row: Skill, *, full: bool) -> dict[str, Any]:
    folder = folder_of(row.name, row.digest)
    missing = ["bwrap"] if any(not tool["command"] for tool in row.tools) and not has_sandbox() else []
    return {
        "name": row.name,
        "description": row.description,
        "source": "clawsite-managed",
        "filePath": str(folder / "SKILL.md") if full else "",
        "baseDir": str(folder) if full else "",
        "skillKey": row.name,
        "always": False,
        "disabled": not row.enabled,
        "blockedByAllowlist": False,
        "eligible": row.enabled and not missing,
        "requirements": {**_NOTHING, "bins": missing},
        "missing": {**_NOTHING, "bins": missing},
        "configChecks": [],
        "install": [],
    }
