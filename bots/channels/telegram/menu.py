"""The command menu beside the input line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bots.channels.base import CommandHint

if TYPE_CHECKING:
    from bots.channels.telegram.calls import BotApi

MAX_COMMANDS = 100
MAX_DESCRIPTION = 256
_NAME = re.compile(r"[a-z0-9_]{1,32}")


async def set_commands(api: BotApi, hints: Mapping[str, Sequence[CommandHint]]) -> None:
    """Publish the menu of each language for all chats; "" is for the languages that have none."""
    for language, commands in hints.items():
        shown = [
            {"command": hint.name, "description": (hint.description or hint.name)[:MAX_DESCRIPTION]}
            for hint in commands
            if _NAME.fullmatch(hint.name)
        ]
        params = {"commands": shown[:MAX_COMMANDS], "scope": {"type": "default"}}
        # The platform knows two-letter codes only.
        code = language[:2].lower()
        await api.call("setMyCommands", params | ({"language_code": code} if code else {}))
