"""Bot API methods that change or remove what is there: edits, deletions, reactions, answers to presses."""

from __future__ import annotations

import time
from typing import Any

from tests.servers.telegram.call import Call, method
from tests.servers.telegram.content import read_caption, read_markup, read_text
from tests.servers.telegram.errors import NOT_MODIFIED, ApiError, bad_request
from tests.servers.telegram.world import Chat, Message

REACTIONS = {
    *"❤👍👎🔥🥰👏😁🤔🤯😱🤬😢🎉🤩🤮💩🙏👌🕊🤡🥱🥴😍🐳🌚🌭💯🤣⚡🍌🏆💔🤨😐🍓🍾💋🖕😈😴😭🤓👻👀🎃🙈😇😨🤝✍🤗🫡🎅🎄☃💅🤪🗿🆒💘🙉🦄😘💊🙊😎👾🤷😡",
    "❤\u200d🔥",
    "👨\u200d💻",
    "🤷\u200d♂",
    "🤷\u200d♀",
}


@method
def edit_message_text(call: Call) -> dict[str, Any]:
    chat, message = _editable(call)
    content = read_text(call)
    if "text" not in message.json:
        raise bad_request("there is no text in the message to edit")
    return _edit(call, chat, message, content)


@method
def edit_message_caption(call: Call) -> dict[str, Any]:
    chat, message = _editable(call)
    content = read_caption(call)
    if "text" in message.json:
        raise bad_request("there is no caption in the message to edit")
    return _edit(call, chat, message, content)


@method
def edit_message_reply_markup(call: Call) -> dict[str, Any]:
    chat, message = _editable(call)
    return _edit(call, chat, message, {})


def _editable(call: Call) -> tuple[Chat, Message]:
    chat = call.chat()
    if not call.params.get("message_id"):
        raise bad_request("message identifier is not specified")
    message = chat.find(call.params["message_id"])
    if message is None:
        raise bad_request("message to edit not found")
    if not message.by_bot:
        raise bad_request("message can't be edited")
    return chat, message


def _edit(call: Call, chat: Chat, message: Message, content: dict[str, Any]) -> dict[str, Any]:
    """Apply an edit; an edit that changes nothing is an error, one without a markup removes the markup."""
    new = content | {"reply_markup": read_markup(call, inline_only=True)}
    if all(message.json.get(key) == value for key, value in new.items()):
        raise ApiError(400, NOT_MODIFIED)
    call.bot.change(chat, message, new | {"edit_date": int(time.time())})
    return message.json


@method
def delete_message(call: Call) -> bool:
    chat = call.chat()
    message = chat.find(call.params.get("message_id"))
    if message is None:
        raise bad_request("message to delete not found")
    _delete(chat, message)
    return True


@method
def delete_messages(call: Call) -> bool:
    chat = call.chat()
    ids = call.json("message_ids")
    if not isinstance(ids, list) or not 1 <= len(ids) <= 100:
        raise bad_request("there must be 1-100 message identifiers")
    for message in filter(None, map(chat.find, ids)):
        _delete(chat, message)
    return True


def _delete(chat: Chat, message: Message) -> None:
    if not message.by_bot and chat.type != "private" and chat.bot_status != "administrator":
        raise bad_request("message can't be deleted")
    message.deleted = True
    chat.changes += 1


@method
def set_message_reaction(call: Call) -> bool:
    chat = call.chat()
    message = chat.find(call.params.get("message_id"))
    if message is None:
        raise bad_request("message to react not found")
    reactions = call.json("reaction") or []
    if len(reactions) > 1:
        raise bad_request("REACTIONS_TOO_MANY")
    if any(r.get("type") == "emoji" and r.get("emoji") not in REACTIONS for r in reactions):
        raise bad_request("REACTION_INVALID")
    message.reactions["bot"] = reactions
    chat.changes += 1
    return True


@method
def answer_callback_query(call: Call) -> bool:
    query = call.bot.find_callback(call.text("callback_query_id"))
    if len(call.text("text")) > 200:
        raise bad_request("MESSAGE_TOO_LONG")
    query.answer = {"text": call.text("text"), "show_alert": call.flag("show_alert"), "url": call.text("url")}
    return True
