"""Raw updates of the Bot API (JSON objects) to `InboundMessage`.

Invariant: a pure function of the update and of who the bot is; whatever the JSON holds, the only error is `Unparsed`.
What a person wrote is structure we insist on; ornaments of the wrong type (a name that is a number) count as absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bots.channels.base import Address, InboundMessage, Sender, Unparsed
from bots.channels.telegram.content import find_files, find_text, has_service_content
from bots.channels.telegram.entities import is_mentioned
from bots.channels.telegram.values import find_map, find_number, find_text_value, get_id, get_map

# What we ask the platform for. It keeps an earlier list when none is given, so the list is always sent.
ALLOWED_UPDATES = ("message", "edited_message", "callback_query", "message_reaction")
QUOTE_CHARS = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class BotName:
    """Who the bot is: its id and its @name (without @, "" when unknown)."""

    id: int
    username: str = ""


def get_update_id(raw: Mapping[str, Any]) -> int:
    """Return the update's number; Unparsed when it has none."""
    return get_id(raw, "update_id")


def parse_update(raw: Mapping[str, Any], bot: BotName) -> InboundMessage | None:
    """Return the update as a value; None for kinds and service messages that nobody expects an answer to."""
    update_id = str(get_update_id(raw))
    if "message" in raw:
        return _parse_message(update_id, get_map(raw, "message"), bot, kind="message")
    if "edited_message" in raw:
        return _parse_message(update_id, get_map(raw, "edited_message"), bot, kind="edit")
    if "callback_query" in raw:
        return _parse_callback(update_id, get_map(raw, "callback_query"))
    if "message_reaction" in raw:
        return _parse_reaction(update_id, get_map(raw, "message_reaction"))
    return None


def _parse_message(update_id: str, message: Mapping[str, Any], bot: BotName, *, kind: str) -> InboundMessage | None:
    chat = get_map(message, "chat")
    if chat.get("type") == "channel" or message.get("is_automatic_forward") is True:
        return None
    if kind == "edit" and find_map(message, "location"):
        return None  # a shared live location tells every few seconds where its sender is now
    moved_to, moved_from = (find_number(message, f"migrate_{way}_chat_id") for way in ("to", "from"))
    text, entities = find_text(message)
    files = find_files(message)
    if not text and not files and not moved_to and not moved_from:
        _check_service(message)
        return None
    reply = _find_reply(message)
    return InboundMessage(
        external_id=update_id,
        kind="moved" if moved_to or moved_from else kind,
        address=_address(chat, message),
        direct=chat.get("type") == "private",
        sender=_sender(message),
        chat_title=find_text_value(chat, "title", limit=200),
        text=text,
        message_id=str(get_id(message, "message_id")),
        files=files,
        mentioned=is_mentioned(text, entities, bot_id=bot.id, username=bot.username),
        reply_to_bot=find_number(find_map(reply, "from"), "id") == bot.id,
        reply_to_id=str(find_number(reply, "message_id") or ""),
        quoted=_quoted(message, reply),
        forwarded=_is_forwarded(message),
        group_key=find_text_value(message, "media_group_id", limit=64),
        moved_to=str(moved_to or ""),
        moved_from=str(moved_from or ""),
        date=float(find_number(message, "edit_date") or find_number(message, "date")),
    )


def _check_service(message: Mapping[str, Any]) -> None:
    """Raise Unparsed for a message without anything to read that is no service message either."""
    get_id(message, "message_id")
    if not has_service_content(message):
        raise Unparsed("The message has neither text nor a file nor anything else known.")


def _parse_callback(update_id: str, query: Mapping[str, Any]) -> InboundMessage | None:
    if "message" not in query:
        return None  # from an inline message, which this bot does not send
    message = get_map(query, "message")
    chat = get_map(message, "chat")
    callback_id = find_text_value(query, "id", limit=64)
    if not callback_id:
        raise Unparsed("The pressed button has no id.")
    return InboundMessage(
        external_id=update_id,
        kind="callback",
        address=_address(chat, message),
        direct=chat.get("type") == "private",
        sender=_person(get_map(query, "from")),
        chat_title=find_text_value(chat, "title", limit=200),
        message_id=str(get_id(message, "message_id")),
        callback_id=callback_id,
        callback_data=find_text_value(query, "data", limit=64),
        date=float(find_number(message, "date")),
    )


def _parse_reaction(update_id: str, reaction: Mapping[str, Any]) -> InboundMessage | None:
    if "user" not in reaction:
        return None  # of an anonymous admin or a channel
    chat = get_map(reaction, "chat")
    return InboundMessage(
        external_id=update_id,
        kind="reaction",
        address=Address(chat_id=str(get_id(chat, "id"))),
        direct=chat.get("type") == "private",
        sender=_person(get_map(reaction, "user")),
        chat_title=find_text_value(chat, "title", limit=200),
        message_id=str(get_id(reaction, "message_id")),
        reaction=_new_emoji(reaction),
        date=float(find_number(reaction, "date")),
    )


def _new_emoji(reaction: Mapping[str, Any]) -> str:
    """Return the emoji that was added, "" when one was taken away or is a custom one."""
    old, new = (_emojis(reaction.get(key)) for key in ("old_reaction", "new_reaction"))
    return next((emoji for emoji in new if emoji not in old), new[0] if new else "")


def _emojis(value: object) -> list[str]:
    items = value if isinstance(value, list) else []
    found = [find_text_value(item, "emoji", limit=16) for item in items if isinstance(item, dict)]
    return [emoji for emoji in found if emoji]


def _address(chat: Mapping[str, Any], message: Mapping[str, Any]) -> Address:
    """A thread counts only in forums: replies in other groups carry a thread id too, which is no topic."""
    thread = find_number(message, "message_thread_id") if message.get("is_topic_message") is True else 0
    return Address(chat_id=str(get_id(chat, "id")), thread_id=str(thread or ""))


def _sender(message: Mapping[str, Any]) -> Sender:
    """Who wrote: a person, or the group or channel in whose name an anonymous admin did."""
    chat = find_map(message, "sender_chat")
    if not chat:
        return _person(get_map(message, "from"))
    return Sender(
        external_id=str(get_id(chat, "id")),
        name=find_text_value(chat, "title", limit=200),
        username=find_text_value(chat, "username", limit=64),
    )


def _person(user: Mapping[str, Any]) -> Sender:
    names = (find_text_value(user, key, limit=100) for key in ("first_name", "last_name"))
    return Sender(
        external_id=str(get_id(user, "id")),
        name=" ".join(name for name in names if name)[:200],
        username=find_text_value(user, "username", limit=64),
        language=find_text_value(user, "language_code", limit=8),
        is_bot=user.get("is_bot") is True,
    )


def _find_reply(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the message replied to; each message of a topic "replies" to the topic's first, which says nothing."""
    reply = find_map(message, "reply_to_message")
    root = message.get("is_topic_message") is True and reply.get("message_id") == message.get("message_thread_id")
    return {} if root or "forum_topic_created" in reply else reply


def _quoted(message: Mapping[str, Any], reply: Mapping[str, Any]) -> str:
    chosen = find_text_value(find_map(message, "quote"), "text", limit=QUOTE_CHARS)
    return chosen or find_text(reply)[0][:QUOTE_CHARS]


def _is_forwarded(message: Mapping[str, Any]) -> bool:
    return any(message.get(key) is not None for key in ("forward_origin", "forward_date", "forward_from"))
