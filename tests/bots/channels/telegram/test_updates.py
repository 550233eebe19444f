"""Updates of the Bot API become values."""

from __future__ import annotations

from typing import Any

import pytest

from bots.channels.base import Address, InboundFile, InboundMessage, Unparsed
from bots.channels.telegram.updates import BotName, parse_update

BOT = BotName(id=99, username="claw_bot")
ALICE = {"id": 7, "is_bot": False, "first_name": "Alice", "last_name": "Ash", "username": "al", "language_code": "ru"}
PRIVATE = {"id": 7, "type": "private", "first_name": "Alice"}
GROUP = {"id": -100123, "type": "supergroup", "title": "Ops"}


def message(**fields: Any) -> dict[str, Any]:
    return {"message_id": 5, "date": 1_700_000_000, "chat": PRIVATE, "from": ALICE, "text": "hi"} | fields


def parsed(**fields: Any) -> InboundMessage:
    found = parse_update({"update_id": 1, "message": message(**fields)}, BOT)
    assert found is not None
    return found


def without_text(**fields: Any) -> InboundMessage:
    body = message(**fields)
    del body["text"]
    found = parse_update({"update_id": 1, "message": body}, BOT)
    assert found is not None
    return found


def test_private_message() -> None:
    found = parsed()
    assert (found.external_id, found.message_id, found.text, found.direct) == ("1", "5", "hi", True)
    assert found.address == Address(chat_id="7")
    sender = found.sender
    assert (sender.external_id, sender.name, sender.username, sender.language) == ("7", "Alice Ash", "al", "ru")
    assert found.date == 1_700_000_000.0


def test_group_message_is_not_direct() -> None:
    found = parsed(chat=GROUP)
    assert (found.direct, found.chat_title, found.address.chat_id) == (False, "Ops", "-100123")


def test_thread_counts_only_in_a_topic() -> None:
    assert parsed(chat=GROUP, message_thread_id=12).address.thread_id == ""
    assert parsed(chat=GROUP, message_thread_id=12, is_topic_message=True).address.thread_id == "12"


@pytest.mark.parametrize(
    ("text", "kind", "offset", "length", "expected"),
    [
        ("@claw_bot hi", "mention", 0, 9, True),
        ("@CLAW_BOT hi", "mention", 0, 9, True),
        ("🙂🙂 @claw_bot", "mention", 5, 9, True),
        ("привет @claw_bot", "mention", 7, 9, True),
        ("@claw_bots hi", "mention", 0, 10, False),
        ("@other_bot hi", "mention", 0, 10, False),
        ("/status@claw_bot", "bot_command", 0, 16, True),
        ("/status@other_bot", "bot_command", 0, 17, False),
        ("/status", "bot_command", 0, 7, False),
        ("a@claw_bot.com", "email", 0, 14, False),
        ("@claw_bot", "mention", -5, 9, False),
        ("@claw_bot", "mention", 10**18, 9, False),
    ],
)
def test_mention_by_entity(text: str, kind: str, offset: int, length: int, expected: bool) -> None:
    entities = [{"type": kind, "offset": offset, "length": length}]
    assert parsed(chat=GROUP, text=text, entities=entities).mentioned is expected


def test_mention_of_the_account_without_a_name() -> None:
    entity = {"type": "text_mention", "offset": 0, "length": 4, "user": {"id": 99, "is_bot": True}}
    assert parsed(chat=GROUP, text="Claw, hi", entities=[entity]).mentioned
    assert not parsed(chat=GROUP, text="Claw, hi", entities=[entity | {"user": {"id": 98}}]).mentioned


def test_text_that_only_looks_like_a_mention_is_none() -> None:
    assert not parsed(chat=GROUP, text="@claw_bot", entities=[{"type": "code", "offset": 0, "length": 9}]).mentioned


def test_caption_is_text_and_may_mention() -> None:
    entities = [{"type": "mention", "offset": 5, "length": 9}]
    found = without_text(photo=[{"file_id": "s"}], caption="look @claw_bot", caption_entities=entities)
    assert (found.text, found.mentioned) == ("look @claw_bot", True)


def test_reply_to_the_bot_with_its_words() -> None:
    reply = message(message_id=3, text="earlier", **{"from": {"id": 99, "is_bot": True}})
    found = parsed(chat=GROUP, reply_to_message=reply)
    assert (found.reply_to_bot, found.reply_to_id, found.quoted) == (True, "3", "earlier")


def test_chosen_quote_is_preferred_and_a_stranger_is_no_bot() -> None:
    found = parsed(reply_to_message=message(message_id=3, text="long text"), quote={"text": "text", "position": 5})
    assert (found.reply_to_bot, found.quoted) == (False, "text")


def test_topic_root_is_no_reply() -> None:
    root = {"message_id": 12, "chat": GROUP, "date": 1, "from": {"id": 99}, "forum_topic_created": {"name": "x"}}
    found = parsed(chat=GROUP, message_thread_id=12, is_topic_message=True, reply_to_message=root)
    assert (found.reply_to_bot, found.reply_to_id, found.quoted) == (False, "", "")


def test_forward_is_marked() -> None:
    assert parsed(forward_origin={"type": "user", "date": 1, "sender_user": ALICE}).forwarded
    assert not parsed().forwarded


def test_edit_keeps_the_message_id() -> None:
    found = parse_update({"update_id": 2, "edited_message": message(text="new", edit_date=1_700_000_050)}, BOT)
    assert found is not None
    assert (found.kind, found.text, found.message_id, found.date) == ("edit", "new", "5", 1_700_000_050.0)


def test_callback_of_a_topic_in_a_group() -> None:
    shown = message(chat=GROUP, message_id=44, message_thread_id=12, is_topic_message=True)
    query = {"id": "q1", "from": ALICE, "message": shown, "data": "ok:abc"}
    found = parse_update({"update_id": 3, "callback_query": query}, BOT)
    assert found is not None
    assert (found.kind, found.callback_id, found.callback_data, found.message_id) == ("callback", "q1", "ok:abc", "44")
    assert found.address == Address(chat_id="-100123", thread_id="12")
    assert (found.sender.external_id, found.text) == ("7", "")


def test_callback_of_a_message_that_is_too_old_to_be_shown() -> None:
    query = {"id": "q1", "from": ALICE, "message": {"chat": PRIVATE, "message_id": 44, "date": 0}, "data": "x"}
    found = parse_update({"update_id": 3, "callback_query": query}, BOT)
    assert found is not None
    assert found.message_id == "44"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([], [{"type": "emoji", "emoji": "👍"}], "👍"),
        (
            [{"type": "emoji", "emoji": "👍"}],
            [{"type": "emoji", "emoji": "👍"}, {"type": "emoji", "emoji": "👎"}],
            "👎",
        ),
        ([{"type": "emoji", "emoji": "👍"}], [], ""),
        ([], [{"type": "custom_emoji", "custom_emoji_id": "1"}], ""),
    ],
)
def test_reaction(old: list[Any], new: list[Any], expected: str) -> None:
    body = {"chat": GROUP, "message_id": 9, "user": ALICE, "date": 1, "old_reaction": old, "new_reaction": new}
    found = parse_update({"update_id": 4, "message_reaction": body}, BOT)
    assert found is not None
    assert (found.kind, found.message_id, found.reaction) == ("reaction", "9", expected)


def test_photo_is_its_largest_size() -> None:
    sizes = [
        {"file_id": "small", "width": 90, "height": 60, "file_size": 1},
        {"file_id": "large", "width": 1280, "height": 800, "file_size": 3},
        {"file_id": "middle", "width": 320, "height": 200, "file_size": 2},
    ]
    (file,) = without_text(photo=sizes, media_group_id="g1").files
    assert file == InboundFile(kind="photo", ref="large", name="photo.jpg", mime="image/jpeg", size=3)
    assert without_text(photo=sizes, media_group_id="g1").group_key == "g1"


@pytest.mark.parametrize(
    ("field", "kind", "name", "mime"),
    [
        ("voice", "voice", "voice.ogg", "audio/ogg"),
        ("audio", "audio", "audio.mp3", "audio/mpeg"),
        ("video", "video", "video.mp4", "video/mp4"),
        ("video_note", "video", "video.mp4", "video/mp4"),
        ("document", "document", "file", ""),
    ],
)
def test_files_of_each_kind(field: str, kind: str, name: str, mime: str) -> None:
    (file,) = without_text(**{field: {"file_id": "f", "file_size": 12}}).files
    assert file == InboundFile(kind=kind, ref="f", name=name, mime=mime, size=12)


def test_names_and_types_of_the_sender_are_kept() -> None:
    document = {"file_id": "f", "file_name": "отчёт.pdf", "mime_type": "application/pdf", "file_size": 2}
    (file,) = without_text(document=document, caption="see").files
    assert (file.name, file.mime) == ("отчёт.pdf", "application/pdf")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"sticker": {"file_id": "s", "emoji": "😀"}}, "😀"),
        ({"dice": {"emoji": "🎲", "value": 3}}, "🎲"),
        ({"contact": {"phone_number": "+123", "first_name": "Bob"}}, "Bob +123"),
        ({"location": {"latitude": 1.5, "longitude": -2}}, "geo:1.500000,-2.000000"),
        ({"venue": {"title": "Bar", "location": {"latitude": 1, "longitude": 2}}}, "Bar geo:1.000000,2.000000"),
        ({"poll": {"question": "Q?", "options": [{"text": "a"}, {"text": "b"}]}}, "Q?\n- a\n- b"),
    ],
)
def test_things_without_text_become_words(fields: dict[str, Any], text: str) -> None:
    assert without_text(**fields).text == text


def test_anonymous_admin_is_the_group() -> None:
    found = parsed(chat=GROUP, sender_chat=GROUP, **{"from": {"id": 1087968824, "is_bot": True}})
    assert (found.sender.external_id, found.sender.name, found.sender.is_bot) == ("-100123", "Ops", False)


def test_chat_that_moved_says_where() -> None:
    found = without_text(chat={"id": -5, "type": "group", "title": "Ops"}, migrate_to_chat_id=-100777)
    assert (found.kind, found.address.chat_id, found.moved_to, found.moved_from) == ("moved", "-5", "-100777", "")


def test_chat_that_moved_says_from_where() -> None:
    found = without_text(chat={"id": -100777, "type": "supergroup", "title": "Ops"}, migrate_from_chat_id=-5)
    assert (found.kind, found.address.chat_id, found.moved_to, found.moved_from) == ("moved", "-100777", "", "-5")


@pytest.mark.parametrize(
    "update",
    [
        {"channel_post": {"message_id": 1, "chat": {"id": 1, "type": "channel"}, "text": "x"}},
        {"edited_channel_post": {}},
        {"my_chat_member": {}},
        {"poll": {}},
        {},
        {"message": {"message_id": 1, "chat": GROUP, "from": ALICE, "new_chat_members": [ALICE]}},
        {"message": {"message_id": 1, "chat": GROUP, "from": ALICE, "group_chat_created": True}},
        {"message": {"message_id": 1, "chat": GROUP, "from": ALICE, "pinned_message": {}}},
        {"message": message(chat={"id": 1, "type": "channel"})},
        {"message": message(is_automatic_forward=True)},
        {"callback_query": {"id": "1", "from": ALICE, "inline_message_id": "x", "data": "y"}},
        {"message_reaction": {"chat": GROUP, "message_id": 1, "actor_chat": GROUP}},
        {"edited_message": message(text=None, location={"latitude": 1.5, "longitude": 2, "live_period": 900})},
    ],
)
def test_what_needs_no_answer_is_none(update: dict[str, Any]) -> None:
    assert parse_update({"update_id": 1} | update, BOT) is None


def test_message_of_an_unknown_kind_is_unparsed() -> None:
    body = message(hologram={"file_id": "x"})
    del body["text"]
    with pytest.raises(Unparsed):
        parse_update({"update_id": 1, "message": body}, BOT)


def test_text_is_made_storable() -> None:
    found = parsed(text="a\x00b\ud800c", **{"from": ALICE | {"first_name": "N\x00\udfff" + "x" * 500}})
    assert found.text == "ab\ufffdc"
    found.sender.name.encode()
    assert len(found.sender.name) <= 200


def test_ornaments_of_a_wrong_type_do_not_cost_the_message() -> None:
    odd = {"id": 7, "first_name": 5, "username": [], "language_code": {}}
    found = parsed(entities="x", media_group_id=7, reply_to_message=[], quote=1, **{"from": odd})
    assert (found.text, found.sender.name, found.group_key, found.mentioned) == ("hi", "", "", False)
