"""What a Telegram message holds: its text (typed, caption, or words for a thing without any) and its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bots.channels.base import InboundFile
from bots.channels.rich import clean_text
from bots.channels.telegram.values import find_map, find_number, find_text_value

# A message with none of these and no text is not one we understand; with one of them it needs no answer.
SERVICE_FIELDS = frozenset({
    "new_chat_members", "left_chat_member", "new_chat_title", "new_chat_photo", "delete_chat_photo",
    "group_chat_created", "supergroup_chat_created", "channel_chat_created",
    "message_auto_delete_timer_changed", "pinned_message", "invoice",
    "successful_payment", "refunded_payment", "users_shared", "chat_shared", "connected_website",
    "write_access_allowed", "passport_data", "proximity_alert_triggered", "boost_added", "chat_background_set",
    "forum_topic_created", "forum_topic_edited", "forum_topic_closed", "forum_topic_reopened",
    "general_forum_topic_hidden", "general_forum_topic_unhidden", "giveaway_created", "giveaway",
    "giveaway_winners", "giveaway_completed", "video_chat_scheduled", "video_chat_started", "video_chat_ended",
    "video_chat_participants_invited", "web_app_data", "story", "game", "paid_media", "checklist",
    "checklist_tasks_done", "checklist_tasks_added", "gift", "unique_gift", "direct_message_price_changed",
    "paid_message_price_changed", "suggested_post_approved", "suggested_post_declined",
    "suggested_post_approval_failed", "suggested_post_paid", "suggested_post_refunded",
})  # fmt: skip
# Field of the message, our kind, the name of a file that has none, its type when not told.
_FILES = (
    ("document", "document", "file", ""),
    ("voice", "voice", "voice.ogg", "audio/ogg"),
    ("audio", "audio", "audio.mp3", "audio/mpeg"),
    ("video", "video", "video.mp4", "video/mp4"),
    ("video_note", "video", "video.mp4", "video/mp4"),
)
_MAX_TEXT = 16_384


def find_text(message: Mapping[str, Any]) -> tuple[str, Sequence[object]]:
    """Return the text with its entities: typed, a caption, or what stands for a sticker, place, contact or poll."""
    for key, marks in (("text", "entities"), ("caption", "caption_entities")):
        text = message.get(key)
        if isinstance(text, str) and text:
            entities = message.get(marks)
            return clean_text(text)[:_MAX_TEXT], entities if isinstance(entities, list) else ()
    return _words_for(message)[:_MAX_TEXT], ()


def _words_for(message: Mapping[str, Any]) -> str:
    for key in ("sticker", "dice"):
        if emoji := find_text_value(find_map(message, key), "emoji", limit=32):
            return emoji
    if contact := find_map(message, "contact"):
        values = (find_text_value(contact, key, limit=100) for key in ("first_name", "last_name", "phone_number"))
        return " ".join(value for value in values if value)
    if poll := find_map(message, "poll"):
        return _poll(poll)
    return _place(message)


def _poll(poll: Mapping[str, Any]) -> str:
    options = poll.get("options")
    lines = [find_text_value(poll, "question", limit=500)]
    for option in options[:20] if isinstance(options, list) else ():
        if isinstance(option, dict):
            lines.append("- " + find_text_value(option, "text", limit=200))
    return "\n".join(lines)


def _place(message: Mapping[str, Any]) -> str:
    venue = find_map(message, "venue")
    location = find_map(venue or message, "location")
    latitude, longitude = location.get("latitude"), location.get("longitude")
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return ""
    names = (find_text_value(venue, key, limit=200) for key in ("title", "address"))
    try:
        return " ".join([*(name for name in names if name), f"geo:{latitude:.6f},{longitude:.6f}"])
    except OverflowError:
        return ""


def find_files(message: Mapping[str, Any]) -> tuple[InboundFile, ...]:
    """Return the message's files: the largest size of a photo, or the one attached file."""
    if photo := _largest(message.get("photo")):
        return _as_files(photo, kind="photo", name="photo.jpg", mime="image/jpeg")
    for field, kind, name, mime in _FILES:
        if found := find_map(message, field):
            return _as_files(found, kind=kind, name=name, mime=mime)
    return ()


def _largest(sizes: object) -> Mapping[str, Any]:
    known = [size for size in sizes if isinstance(size, dict)] if isinstance(sizes, list) else []
    return max(known, key=lambda size: find_number(size, "width") * find_number(size, "height"), default={})


def _as_files(found: Mapping[str, Any], *, kind: str, name: str, mime: str) -> tuple[InboundFile, ...]:
    ref = find_text_value(found, "file_id", limit=301)
    if not ref or len(ref) > 300:
        return ()
    file = InboundFile(
        kind=kind,
        ref=ref,
        name=find_text_value(found, "file_name", limit=255) or name,
        mime=find_text_value(found, "mime_type", limit=100) or mime,
        size=max(find_number(found, "file_size"), 0),
    )
    return (file,)


def has_service_content(message: Mapping[str, Any]) -> bool:
    """Tell whether the message only reports something that happened in the chat."""
    return not SERVICE_FIELDS.isdisjoint(message)
