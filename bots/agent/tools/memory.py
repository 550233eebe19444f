"""remember, recall, forget: the model's hand on the facts of this session, and of no other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext

from bots.agent.tools.registry import tool
from bots.agent.types import ToolContext, ToolOutput
from clawsite.core.db import run_db
from guardrails.tools import ToolPolicy
from guardrails.types import Role
from sessions_app import facts
from sessions_app.models import Fact, Session
from sessions_app.prompts.dialogue import fold_name

QUERY_MAX = 300


def _list(found: Sequence[Fact]) -> str:
    return "\n".join(f"#{fact.pk} {fact.text} ({fact.created_at:%Y-%m-%d})" for fact in found)


def _remember(context: ToolContext, text: str, kind: str) -> Fact:
    session = Session.objects.get(pk=context.session_id)
    author = fold_name(context.actor.name)
    return facts.remember(session, text, kind=kind, origin="tool", source_seq=context.user_seq, author=author)


def _recall(context: ToolContext, query: str) -> list[Fact]:
    return facts.recall(Session.objects.get(pk=context.session_id), query)


def _forget(context: ToolContext, what: str) -> list[Fact]:
    return facts.forget(Session.objects.get(pk=context.session_id), what)


@tool(
    "remember",
    description=(
        "Keep one short statement about the user or this conversation for later conversations. Use it when the user "
        "asks you to remember something or states a lasting preference. Never for passwords or keys."
    ),
    schema={
        "type": "object",
        "properties": {
            "statement": {
                "type": "string",
                "minLength": 3,
                "maxLength": facts.MAX_CHARS,
                "description": "One complete sentence in the user's language. In a group it names the person.",
            },
            "kind": {
                "type": "string",
                "enum": list(facts.KINDS),
                "description": "permanent (a name), durable (a preference; the default) or ephemeral (this week).",
            },
        },
        "required": ["statement"],
    },
    policy=ToolPolicy(name="remember", role=Role.VIEWER, effect="write", per_minute=10),
    repeatable=True,
    summary=lambda arguments: gettext("Remember: %(text)s") % {"text": arguments["statement"]},
)
async def remember(context: ToolContext, arguments: dict[str, Any]) -> ToolOutput:
    """Keep a statement; saying the same again changes nothing."""
    kind = arguments.get("kind", "durable")
    fact = await run_db(_remember, context, arguments["statement"], kind)
    return ToolOutput(text=f"Remembered as #{fact.pk}: {fact.text}", source="memory")


@tool(
    "recall",
    description="Search what was remembered in this conversation. Returns up to five statements with their numbers.",
    schema={
        "type": "object",
        "properties": {
            "query": {
                "type": "string",
                "minLength": 2,
                "maxLength": QUERY_MAX,
                "description": "Words that the statement is likely to contain.",
            }
        },
        "required": ["query"],
    },
    policy=ToolPolicy(name="recall", role=Role.VIEWER, effect="read"),
    repeatable=True,
)
async def recall(context: ToolContext, arguments: dict[str, Any]) -> ToolOutput:
    """Return the facts that fit a query."""
    found = await run_db(_recall, context, arguments["query"])
    return ToolOutput(text=_list(found) or "Nothing fitting is remembered.", source="memory")


@tool(
    "forget",
    description=(
        "Forget remembered statements for good: one by its number (#12), or those that contain all words of a query. "
        "The user is asked to confirm."
    ),
    schema={
        "type": "object",
        "properties": {
            "what": {
                "type": "string",
                "minLength": 1,
                "maxLength": QUERY_MAX,
                "description": "A number such as #12, or words that the statement contains.",
            }
        },
        "required": ["what"],
    },
    policy=ToolPolicy(name="forget", role=Role.VIEWER, effect="destructive", per_minute=10),
    summary=lambda arguments: gettext("Forget what I remember about: %(what)s") % {"what": arguments["what"]},
)
async def forget(context: ToolContext, arguments: dict[str, Any]) -> ToolOutput:
    """Forget what fits."""
    gone = await run_db(_forget, context, arguments["what"])
    return ToolOutput(text=f"Forgotten:\n{_list(gone)}" if gone else "Nothing fitting was remembered.", source="memory")
