"""Bot API methods that put something new into a chat."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

from tests.servers.telegram.call import Call, method
from tests.servers.telegram.content import (
    check_writable,
    read_caption,
    read_draft,
    read_markup,
    read_place,
    read_text,
)
from tests.servers.telegram.errors import bad_request
from tests.servers.telegram.files import StoredFile, check_upload, document_json, photo_json, voice_json
from tests.servers.telegram.world import Chat

ACTIONS = (
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "upload_voice",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
)
_group_ids = itertools.count(13_000_000_000_000_001)
MediaJson = Callable[[StoredFile], Any]
MEDIA: dict[str, tuple[str, MediaJson]] = {
    "photo": ("photos", photo_json),
    "document": ("documents", document_json),
    "voice": ("voice", voice_json),
}


def deliver(call: Call, chat: Chat, content: dict[str, Any]) -> dict[str, Any]:
    """Store the bot's message and return it as the method's answer."""
    kept = {key: value for key, value in content.items() if value is not None}
    chat.drafts.clear()
    chat.action = None
    return call.bot.store(chat, call.bot.describe(), kept, by_bot=True).json


@method
def send_message(call: Call) -> dict[str, Any]:
    chat = call.chat()
    check_writable(chat)
    content = read_text(call) | read_place(call, chat) | {"reply_markup": read_markup(call)}
    return deliver(call, chat, content)


@method
def send_photo(call: Call) -> dict[str, Any]:
    return _send_media(call, "photo")


@method
def send_document(call: Call) -> dict[str, Any]:
    return _send_media(call, "document")


@method
def send_voice(call: Call) -> dict[str, Any]:
    return _send_media(call, "voice")


def _send_media(call: Call, kind: str) -> dict[str, Any]:
    chat = call.chat()
    check_writable(chat)
    place = read_place(call, chat)
    content = read_caption(call) | {"reply_markup": read_markup(call)}
    return deliver(call, chat, _media(call, kind, call.params.get(kind), kind) | content | place)


def _media(call: Call, kind: str, value: Any, upload_name: str) -> dict[str, Any]:
    """The part of a message that describes its file: an upload, an attach:// link or a known file_id."""
    folder, describe = MEDIA[kind]
    name = str(value).removeprefix("attach://") if str(value or "").startswith("attach://") else upload_name
    if name in call.uploads:
        upload = call.uploads[name]
        check_upload(upload.data, photo=kind == "photo")
        mime = upload.content_type if upload.content_type != "application/octet-stream" else None
        stored = call.files.add(upload.data, name=upload.name, kind=folder, mime_type=mime)
    elif not value:
        raise bad_request(f"there is no {kind} in the request")
    elif str(value).startswith(("http://", "https://")):
        raise bad_request("failed to get HTTP URL content")
    else:
        stored = call.files.get(str(value))
    return {kind: describe(stored)}


@method
def send_media_group(call: Call) -> list[dict[str, Any]]:
    chat = call.chat()
    check_writable(chat)
    items = call.json("media")
    if not isinstance(items, list) or not 2 <= len(items) <= 10:
        raise bad_request("wrong number of media in the album: there must be 2-10 of them")
    kinds = {item.get("type") for item in items}
    if not kinds <= set(MEDIA) or ("document" in kinds and len(kinds) > 1):
        raise bad_request("wrong type of media in the album")
    place = read_place(call, chat) | {"media_group_id": str(next(_group_ids))}
    contents = [_media(call, i["type"], i.get("media"), "media") | read_caption(call, i) for i in items]
    return [deliver(call, chat, content | place) for content in contents]


@method
def send_chat_action(call: Call) -> bool:
    chat = call.chat()
    if call.text("action") not in ACTIONS:
        raise bad_request("wrong parameter action in request")
    chat.action = (time.time(), call.text("action"))
    chat.changes += 1
    return True


@method
def send_message_draft(call: Call) -> bool:
    chat = call.chat()
    if chat.type != "private" or not isinstance(call.integer("chat_id"), int):
        raise bad_request("TEXTDRAFT_PEER_INVALID")
    draft_id = call.integer("draft_id")
    if draft_id == 0:
        raise bad_request("RANDOM_ID_INVALID")
    chat.drafts[draft_id] = read_draft(call) | {"draft_id": draft_id, "at": time.time()}
    chat.changes += 1
    return True
