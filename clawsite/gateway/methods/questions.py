"""question.list, plugin.approval.list: what clients ask for when they start. The agent asks no such questions here."""

from __future__ import annotations

from typing import Any

from clawsite.gateway.principal import Scope
from clawsite.gateway.registry import Call, Params, method


@method("question.list", scope=Scope.QUESTIONS, summary="Open questions of the agent: none.")
def list_questions(call: Call, params: Params) -> dict[str, list[Any]]:
    """Answer exactly what the terminal client's closed schema wants."""
    return {"questions": []}


@method("plugin.approval.list", scope=Scope.APPROVALS, summary="Requests of plugins: none. Ours are in approvals.list.")
def list_plugin_approvals(call: Call, params: Params) -> list[Any]:
    """Answer with a bare list, as the protocol has it."""
    return []
