"""Stage 1: which messages the bot answers. Pure decisions, no rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from bots.channels.base import InboundMessage
from sessions_app.models import Session


@lru_cache(maxsize=64)
def _names_pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    words = "|".join(re.escape(name.lstrip("@")) for name in names if name.lstrip("@"))
    return re.compile(rf"(?<![\w@.])@(?:{words})(?![\w])" if words else r"(?!)", re.IGNORECASE)


def is_addressed(message: InboundMessage, names: Sequence[str]) -> bool:
    """Tell whether a message is meant for the bot: its @name, a configured @name, or a reply to it."""
    named = bool(_names_pattern(tuple(names)).search(message.text))
    return message.mentioned or message.reply_to_bot or named


def strip_names(text: str, names: Sequence[str]) -> str:
    """Return the text without the bot's @names, as the model should read it."""
    return _names_pattern(tuple(names)).sub("", text).strip() or text.strip()


def is_triggered(
    message: InboundMessage, *, trigger: str, names: Sequence[str], is_command: bool, command_addressed: bool
) -> bool:
    """Tell whether the bot answers this message.

    Direct chats answer everything and groups only what is addressed to the bot, unless the session says otherwise.
    A command always works in a direct chat, so that a session that was switched off can be switched on again. In a
    group a plain word such as "stop" is a command only when it is said to the bot, or where the bot answers everything.
    """
    if message.kind in ("callback", "reaction"):
        return True
    if is_command and (message.direct or command_addressed or is_addressed(message, names)):
        return True
    if trigger == Session.Trigger.AUTO:
        return message.direct or is_addressed(message, names)
    if trigger == Session.Trigger.MENTION:
        return is_addressed(message, names)
    return trigger == Session.Trigger.ALWAYS
