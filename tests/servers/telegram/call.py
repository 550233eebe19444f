"""One call of a Bot API method.

Its parameters in any of the forms they come in, and the registry of methods.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.servers.multipart import Upload
from tests.servers.telegram.errors import bad_request
from tests.servers.telegram.files import FileStore
from tests.servers.telegram.world import Bot, Chat, World


@dataclass(slots=True, kw_only=True)
class Call:
    """What a method gets."""

    bot: Bot
    world: World
    files: FileStore
    params: dict[str, Any]
    uploads: dict[str, Upload]

    def text(self, name: str) -> str:
        value = self.params.get(name)
        return "" if value is None else str(value)

    def integer(self, name: str, default: int = 0) -> int:
        value = self.params.get(name)
        if value in (None, ""):
            return default
        try:
            return int(str(value))
        except ValueError:
            raise bad_request(f"{name} must be an integer") from None

    def flag(self, name: str) -> bool:
        return str(self.params.get(name, "")).lower() in ("true", "1")

    def json(self, name: str) -> Any:
        """A parameter that is JSON, given as text or as is; None when absent."""
        value = self.params.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise bad_request(f"can't parse {name.replace('_', ' ')} JSON object") from None

    def chat(self) -> Chat:
        return self.bot.get_chat(self.params.get("chat_id"))


Method = Callable[[Call], Any]
METHODS: dict[str, Method] = {}


def method(function: Method) -> Method:
    """Register a function as the Bot API method that its name spells: send_message is sendMessage."""
    METHODS[function.__name__.replace("_", "").lower()] = function
    return function
