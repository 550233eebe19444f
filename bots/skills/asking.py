"""What a skill's tool asked for, done for it: a chat command or a tool of the product, if it declared that one.

Invariant: everything is done as the person who talks, with their rights as they are now. A skill adds no right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bots.agent.tools import list_tools
from bots.agent.tools.schema import check_arguments
from bots.agent.types import ToolContext
from bots.commands.registry import CommandContext, find_command, run_command
from bots.skills.declared import NEVER, DeclaredTool
from clawsite.core import audit
from clawsite.core.db import run_db, run_tx
from clawsite.core.errors import BadInput, NotAllowed
from clawsite.core.leases import check_lease
from guardrails.tools import decide_call
from guardrails.types import Action, Actor
from sessions_app.models import Contact, Session

WORDS_CHARS = 500
LATER = "Done; the answer comes as a message of its own in this chat."


async def answer_request(context: ToolContext, tool: DeclaredTool, request: Any) -> str:
    """Do what was asked for and return its text. Raises NotAllowed for what the declaration does not name."""
    if not isinstance(request, dict):
        raise BadInput("The skill's tool asked for something that is neither a command nor a tool.")
    command, name = request.get("command"), request.get("tool")
    if isinstance(command, str) and command in tool.commands:
        return await run_tx(run_chat_command, context, command, str(request.get("words", "")))
    if isinstance(name, str) and name in tool.tools:
        return await _call(context, name, request.get("arguments", {}))
    await run_db(_record_refusal, context, tool.name, str(command or name)[:64])
    raise NotAllowed("The skill's tool asked for something that it did not declare.")


def run_chat_command(context: ToolContext, name: str, words: str) -> str:
    """Run a chat command in the conversation and return what it says. In the caller's transaction."""
    if context.held is not None:
        check_lease(context.held)
    command = find_command(name)
    if command is None or command.name in NEVER:
        raise NotAllowed("There is no such command for skills.")
    session = Session.objects.select_related("channel").get(pk=context.session_id)
    contact = _contact_of(context.actor, session)
    about = CommandContext(
        session=session,
        contact=contact,
        channel=session.channel,
        actor=contact.actor,
        args=" ".join(words.split())[:WORDS_CHARS],
        language=context.language,
    )
    said = [message.text for message in run_command(command, about)]
    return "\n\n".join(text for text in said if text) or LATER


def _contact_of(actor: Actor, session: Session) -> Contact:
    """Return the person as the session's channel knows them."""
    kind, _, number = actor.subject.partition(":")
    key = {"contact": "pk", "user": "user_id"}.get(kind)
    rows = Contact.objects.filter(channel_id=session.channel_id, **{key: int(number)}) if key else None
    contact = rows.order_by("pk").first() if rows is not None else None
    if contact is None:
        raise NotAllowed("Only people of this channel can use this.")
    return contact


async def _call(context: ToolContext, name: str, arguments: Mapping[str, Any]) -> str:
    """Call a tool of the product under the same guard as any call; what needs a person's yes is not done here."""
    tool = next((each for each in list_tools() if each.name == name), None)
    wrong = check_arguments(tool.schema, arguments) if tool is not None else ["there is no such tool"]
    if tool is None or wrong:
        raise BadInput(f"Wrong arguments for {name}: {'; '.join(wrong)}.")
    verdict = decide_call(
        tool.policy, actor=context.actor, tainted=context.tainted, arguments=arguments, allowed=[name]
    )
    if verdict.action is not Action.ALLOW:
        raise NotAllowed(f"{name} is not allowed here ({verdict.rule}).")
    output = await tool.run(context, dict(arguments))
    return output.text


def _record_refusal(context: ToolContext, tool: str, asked: str) -> None:
    audit.record("skill.refused", actor=context.actor.subject, subject=context.session_ref, tool=tool, asked=asked)
