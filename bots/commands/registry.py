"""Chat commands: found in a text or behind a button, checked for rights in one place, run, and listed for menus.

Invariant: a command that does not exist and one that this person may not use get the same answer.
"""

from __future__ import annotations

import re

from django.conf import settings
from django.db import transaction
from django.utils import translation

from bots import texts
from bots.channels.base import CommandHint, InboundMessage
from bots.commands import builtin, nearly
from bots.commands.base import Answer, Command, CommandContext, Match, say
from bots.commands.catalog import all_commands, find_command, register
from bots.commands.nearly import find_near
from bots.commands.phrases import add_phrases, match_phrase
from bots.reasons import say_reason
from clawsite.core.audit import keeping_refusals
from clawsite.core.errors import ClawError
from guardrails.types import Actor, Role

__all__ = [
    "Command", "CommandContext", "Match", "add_phrases", "all_commands", "command_hints", "find_command",
    "find_command_line", "match_command", "match_message", "match_nearly", "register", "run_command", "split_slash",
    "without_name",
]  # fmt: skip

MAX_ARGS = 1000
_SLASH = re.compile(r"/([A-Za-z][A-Za-z0-9_-]{0,31})(?:@([A-Za-z0-9_]{1,64}))?(?:\s+(.*))?", re.DOTALL)

for _command in builtin.COMMANDS:
    register(_command)


def match_command(text: str, *, bot_username: str) -> Match | None:
    """Return the command that a message is, with its words, or None. Pure and cheap.

    Known are /name, /name@bot (nobody else's), both spellings of a name (- and _), and phrases in three languages; in
    front of them the bot may be called by name.
    """
    call = without_name(text.strip(), bot_username)
    if _SLASH.fullmatch(call) is None:
        phrase = match_phrase(call)
        return _match(*phrase) if phrase else None
    typed = split_slash(call, bot_username)
    return _match(*typed) if typed else None


def split_slash(text: str, bot_username: str) -> tuple[str, str] | None:
    """Return the name and the words of /name or /name@bot, or None; what is for another bot is not for us."""
    slash = _SLASH.fullmatch(without_name(text.strip(), bot_username))
    if slash is None:
        return None
    name, addressee, args = slash.groups()
    if addressee and addressee.lower() != bot_username.lstrip("@").lower():
        return None
    return name, args or ""


def match_message(message: InboundMessage, *, bot_username: str) -> Match | None:
    """Return the command that somebody typed, or None. Forwarded words are somebody else's and never are one."""
    if message.forwarded or not message.text:
        return None
    return match_command(message.text, bot_username=bot_username)


def match_nearly(message: InboundMessage, *, bot_username: str) -> Match | None:
    """Return the question whether a phrase was meant that a message nearly is, or None. For what is nothing else."""
    if message.forwarded or message.files or message.kind != "message" or message.text.startswith("/"):
        return None
    near = find_near(without_name(message.text.strip(), bot_username))
    return _match(nearly.NAME, " ".join(near)) if near else None


def without_name(text: str, bot_username: str) -> str:
    """Return the text without the bot's @name in front of it."""
    if not text.startswith("@"):
        return text
    name, _, rest = text[1:].partition(" ")
    known = {bot_username.lstrip("@").lower(), *(each.lstrip("@").lower() for each in settings.CLAW_BOT_NAMES)}
    return rest.strip() if name.rstrip(",:").lower() in known - {""} else text


def _match(name: str, args: str) -> Match | None:
    command = find_command(name)
    return Match(command=command, args=args.strip()[:MAX_ARGS]) if command else None


def find_command_line(line: str) -> Match | None:
    """Return the command of a button (`name` and words, without a slash), or None."""
    name, _, args = line.strip().partition(" ")
    return _match(name, args)


def run_command(command: Command, context: CommandContext) -> Answer:
    """Check the right to a command and run it in the user's language. Synchronous, inside the closing transaction.

    An error that a person can do something about is the answer, and nothing was done then; any other one goes up.
    """
    with translation.override(context.language):
        if not command.is_allowed(context):
            return say(texts.unknown_command())
        try:
            with keeping_refusals(), transaction.atomic():
                return command.run(context)
        except ClawError as error:
            return say(say_reason(error.message))


def command_hints(role: Role = Role.VIEWER) -> dict[str, list[CommandHint]]:
    """Return the command menu by language as platforms name them ("" is the default): what everybody of a role may use.

    Platforms have one menu for all, which is a viewer's.
    """
    anybody = Actor(subject="", role=role)
    shown = [each for each in all_commands() if not each.hidden and anybody.is_at_least(each.role)]
    hints: dict[str, list[CommandHint]] = {}
    for code, _name in settings.LANGUAGES:
        with translation.override(code):
            rows = [CommandHint(name=each.name, description=str(each.description)) for each in shown]
        hints["" if code == "en" else code.split("-")[0]] = rows
    return hints
