"""What a message may hold: texts and captions within their limits, keyboards, replies, topics."""

from __future__ import annotations

from typing import Any

from tests.servers.telegram.call import Call
from tests.servers.telegram.entities import Entity, parse_text, utf16_length
from tests.servers.telegram.errors import ApiError, bad_request
from tests.servers.telegram.world import Chat

MAX_TEXT = 4096
MAX_CAPTION = 1024
MAX_CALLBACK_BYTES = 64
MAX_BUTTONS = 100
BUTTON_ACTIONS = (
    "callback_data",
    "url",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "callback_game",
    "pay",
)


def read_text(call: Call) -> dict[str, Any]:
    """The text of a message and its entities, from `text`, `parse_mode` and `entities`."""
    text, entities = _parsed(call.text("text"), call, "entities")
    if not text:
        raise bad_request("message text is empty")
    if utf16_length(text) > MAX_TEXT:
        raise bad_request("message is too long")
    return {"text": text, "entities": entities or None}


def read_caption(call: Call, source: dict[str, Any] | None = None) -> dict[str, Any]:
    """The caption and its entities, from the call or from one item of a media group."""
    holder = call if source is None else _item_call(call, source)
    text, entities = _parsed(holder.text("caption"), holder, "caption_entities")
    if utf16_length(text) > MAX_CAPTION:
        raise bad_request("message caption is too long")
    return {"caption": text or None, "caption_entities": entities or None}


def read_draft(call: Call) -> dict[str, Any]:
    text, entities = _parsed(call.text("text"), call, "entities")
    if utf16_length(text) > MAX_TEXT:
        raise bad_request("message is too long")
    return {"text": text, "entities": entities}


def _item_call(call: Call, item: dict[str, Any]) -> Call:
    return Call(bot=call.bot, world=call.world, files=call.files, params=item, uploads=call.uploads)


def _parsed(text: str, call: Call, entities_name: str) -> tuple[str, list[Entity]]:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise bad_request("strings must be encoded in UTF-8") from None
    return parse_text(text, parse_mode=call.text("parse_mode") or None, entities=call.json(entities_name))


def read_markup(call: Call, *, inline_only: bool = False) -> dict[str, Any] | None:
    """The inline keyboard, checked; None for no markup and for keyboards that a message does not keep."""
    markup = call.json("reply_markup")
    if markup is None:
        return None
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    if "inline_keyboard" not in markup:
        if inline_only:
            raise bad_request("inline keyboard expected")
        return None
    rows = markup["inline_keyboard"]
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request('can\'t parse inline keyboard: Field "inline_keyboard" must be of type Array of Arrays')
    kept = [[check_button(button) for button in row] for row in rows if row]
    if sum(map(len, kept)) > MAX_BUTTONS:
        raise bad_request("REPLY_MARKUP_TOO_LONG")
    return {"inline_keyboard": kept} if kept else None


def check_button(button: Any) -> dict[str, Any]:
    if not isinstance(button, dict) or not button.get("text"):
        raise bad_request("can't parse inline keyboard button: text must be non-empty")
    if not any(action in button for action in BUTTON_ACTIONS):
        raise bad_request("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    if "callback_data" in button and not 1 <= len(str(button["callback_data"]).encode()) <= MAX_CALLBACK_BYTES:
        raise bad_request("BUTTON_DATA_INVALID")
    if "url" in button and not str(button["url"]).startswith(("http://", "https://", "tg://")):
        raise bad_request(f"inline keyboard button URL '{button['url']}' is invalid: Wrong HTTP URL")
    return button


def read_place(call: Call, chat: Chat) -> dict[str, Any]:
    """The topic and the message replied to; raises when one of them is not there."""
    place: dict[str, Any] = {}
    thread = call.integer("message_thread_id")
    if thread and thread not in chat.topics:
        raise bad_request("message thread not found")
    if thread:
        place |= {"message_thread_id": thread, "is_topic_message": True}
    if reply := _reply(call, chat):
        place["reply_to_message"] = reply
    return place


def _reply(call: Call, chat: Chat) -> dict[str, Any] | None:
    wanted = call.json("reply_parameters") or {}
    message_id = wanted.get("message_id") or call.integer("reply_to_message_id")
    if not message_id:
        return None
    found = chat.find(message_id)
    if found is not None:
        return {key: value for key, value in found.json.items() if key != "reply_to_message"}
    if wanted.get("allow_sending_without_reply") or call.flag("allow_sending_without_reply"):
        return None
    raise bad_request("message to be replied not found")


def check_writable(chat: Chat) -> None:
    if chat.bot_status == "restricted":
        raise ApiError(400, "Bad Request: not enough rights to send text messages to the chat")
