"""Entities of an incoming text: is the bot called by its name? Offsets are UTF-16 units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bots.channels.rich import utf16_slice
from bots.channels.telegram.values import find_map, find_number

MAX_ENTITIES = 200


def is_mentioned(text: str, entities: Sequence[object], *, bot_id: int, username: str) -> bool:
    """Tell whether the text names the bot: @name, /command@name, or a mention of its account."""
    return any(
        _names_bot(text, entity, bot_id=bot_id, username=username.lower())
        for entity in entities[:MAX_ENTITIES]
        if isinstance(entity, dict)
    )


def _names_bot(text: str, entity: Mapping[str, Any], *, bot_id: int, username: str) -> bool:
    kind = entity.get("type")
    if kind == "text_mention":
        return find_number(find_map(entity, "user"), "id") == bot_id
    if kind not in ("mention", "bot_command") or not username:
        return False
    offset, length = find_number(entity, "offset"), find_number(entity, "length")
    if offset < 0 or length < 1:
        return False
    return utf16_slice(text, offset, length).lower().rpartition("@")[1:] == ("@", username)
