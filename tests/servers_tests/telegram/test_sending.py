"""Methods that send, change and remove, with the limits and texts of the real server."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from telegram import (
    Bot,
    BotCommandScopeChat,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaDocument,
    InputMediaPhoto,
    ReactionTypeEmoji,
    ReplyParameters,
)
from telegram.error import BadRequest, ChatMigrated, Forbidden

from tests.servers.telegram import TelegramServer
from tests.servers_tests.telegram.pictures import jpeg, png


def keyboard(*data: str) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup([[InlineKeyboardButton(value.title(), callback_data=value) for value in data]])


async def test_message_is_stored_with_plain_text_and_entities(
    telegram_server: TelegramServer, bot: Bot, alice: int
) -> None:
    sent = await bot.send_message(alice, "<b>Done</b> 😀 &lt;ok&gt;", parse_mode="HTML", reply_markup=keyboard("yes"))
    stored = telegram_server.wait_for_bot(alice)[0]
    assert stored["text"] == sent.text == "Done 😀 <ok>"
    assert stored["entities"] == [{"type": "bold", "offset": 0, "length": 4}]
    assert stored["reply_markup"]["inline_keyboard"][0][0]["callback_data"] == "yes"
    call = telegram_server.calls(method="sendMessage")[-1]
    assert (call["status"], call["result"], call["params"]["parse_mode"]) == (200, sent.message_id, "HTML")


@pytest.mark.parametrize(
    ("text", "error"),
    [("", "Message text is empty"), ("  \n ", "Message text is empty"), ("x" * 4097, "Message is too long"),
     ("😀" * 2049, "Message is too long")],
)  # fmt: skip
async def test_text_limits(bot: Bot, alice: int, text: str, error: str) -> None:
    with pytest.raises(BadRequest, match=error):
        await bot.send_message(alice, text)


async def test_text_limit_counts_after_parsing(bot: Bot, alice: int) -> None:
    sent = await bot.send_message(alice, f"<b>{'x' * 4096}</b>", parse_mode="HTML")
    assert len(sent.text or "") == 4096


@pytest.mark.parametrize("data", ["", "é" * 33])
async def test_callback_data_is_1_to_64_bytes(api: Callable[..., Awaitable[Any]], alice: int, data: str) -> None:
    markup = {"inline_keyboard": [[{"text": "Go", "callback_data": data}]]}
    answer = await api("sendMessage", chat_id=alice, text="x", reply_markup=markup)
    assert answer == {"ok": False, "error_code": 400, "description": "Bad Request: BUTTON_DATA_INVALID"}


async def test_chats_that_cannot_be_written_to(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    with pytest.raises(BadRequest, match="Chat not found"):
        await bot.send_message(424242, "anybody?")
    telegram_server.set_blocked(alice)
    with pytest.raises(Forbidden, match="bot was blocked by the user"):
        await bot.send_message(alice, "hello?")
    telegram_server.set_blocked(alice, False)
    await bot.send_message(alice, "hello again")
    updates = await bot.get_updates(timeout=0)
    assert [u.my_chat_member.new_chat_member.status for u in updates if u.my_chat_member] == ["kicked", "member"]


async def test_migrated_group_names_its_successor(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    group = telegram_server.add_group("Team", basic=True)["id"]
    successor = telegram_server.migrate_group(group)
    with pytest.raises(ChatMigrated) as caught:
        await bot.send_message(group, "hello")
    assert caught.value.new_chat_id == successor
    await bot.send_message(successor, "hello")


async def test_replies_and_topics(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    group = telegram_server.add_group("Night shift", topics=True)["id"]
    topic = telegram_server.add_topic(group, "Deploys")
    asked = telegram_server.user_sends(group, "status?", user_id=alice, thread=topic)
    answer = await bot.send_message(
        group, "fine", message_thread_id=topic, reply_parameters=ReplyParameters(asked["message_id"])
    )
    assert answer.is_topic_message
    assert answer.reply_to_message is not None
    assert answer.reply_to_message.text == "status?"
    with pytest.raises(BadRequest, match="Message thread not found"):
        await bot.send_message(group, "x", message_thread_id=topic + 1000)
    with pytest.raises(BadRequest, match="Message to be replied not found"):
        await bot.send_message(group, "x", reply_parameters=ReplyParameters(4242))
    lenient = ReplyParameters(4242, allow_sending_without_reply=True)
    assert (await bot.send_message(group, "x", reply_parameters=lenient)).reply_to_message is None


async def test_edits_keep_history(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    sent = await bot.send_message(alice, "one", reply_markup=keyboard("stop"))
    edited = await bot.edit_message_text("<i>two</i>", alice, sent.message_id, parse_mode="HTML")
    assert not isinstance(edited, bool)
    assert edited.edit_date is not None
    stored = telegram_server.bot_messages(alice)[0]
    assert stored["text"] == "two"
    assert [version["text"] for version in stored["history"]] == ["one"]
    assert "reply_markup" not in stored, "an edit without a keyboard takes it away"
    await bot.edit_message_reply_markup(alice, sent.message_id, reply_markup=keyboard("again"))
    assert telegram_server.bot_messages(alice)[0]["entities"] == [{"type": "italic", "offset": 0, "length": 3}]


async def test_edits_that_are_refused(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    sent = await bot.send_message(alice, "same")
    with pytest.raises(BadRequest, match="Message is not modified: specified new message content"):
        await bot.edit_message_text(" same ", alice, sent.message_id)
    with pytest.raises(BadRequest, match="Message to edit not found"):
        await bot.edit_message_text("x", alice, sent.message_id + 100)
    theirs = telegram_server.user_sends(alice, "mine")["message_id"]
    with pytest.raises(BadRequest, match="Message can't be edited"):
        await bot.edit_message_text("x", alice, theirs)
    with pytest.raises(BadRequest, match="no caption in the message"):
        await bot.edit_message_caption(alice, sent.message_id, caption="x")


async def test_deleting(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    ids = [(await bot.send_message(alice, str(number))).message_id for number in range(3)]
    assert await bot.delete_message(alice, ids[0])
    with pytest.raises(BadRequest, match="Message to delete not found"):
        await bot.delete_message(alice, ids[0])
    assert await bot.delete_messages(alice, ids)
    assert telegram_server.bot_messages(alice) == []
    assert all(message["deleted"] for message in telegram_server.messages(alice))


async def test_files_travel_both_ways(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    sent = await bot.send_document(
        alice, io.BytesIO(b"a,b\n1,2\n"), filename="отчёт.csv", caption="<b>x</b>", parse_mode="HTML"
    )
    assert sent.document is not None
    assert (sent.document.file_name, sent.document.file_size, sent.caption) == ("отчёт.csv", 8, "x")
    file = await bot.get_file(sent.document.file_id)
    assert bytes(await file.download_as_bytearray()) == b"a,b\n1,2\n"
    again = await bot.send_document(alice, sent.document.file_id)
    assert again.document is not None
    assert again.document.file_unique_id == sent.document.file_unique_id
    voice = telegram_server.user_sends(alice, voice=b"OggS")
    assert (await bot.get_file(voice["voice"]["file_id"])).file_size == 4


async def test_photos_have_sizes(bot: Bot, alice: int) -> None:
    sent = await bot.send_photo(alice, png(width=120, height=80), caption="chart")
    assert [(size.width, size.height) for size in sent.photo] == [(120, 80)]
    assert (await bot.send_photo(alice, jpeg(width=50, height=60))).photo[0].height == 60
    with pytest.raises(BadRequest, match="Image_process_failed"):
        await bot.send_photo(alice, b"not a picture")
    with pytest.raises(BadRequest, match="caption is too long"):
        await bot.send_photo(alice, png(), caption="x" * 1025)


async def test_too_big_to_download(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    sent = telegram_server.user_sends(alice, document=b"tiny", file_name="film.mkv", claimed_size=21 * 1024 * 1024)
    with pytest.raises(BadRequest, match="File is too big"):
        await bot.get_file(sent["document"]["file_id"])


async def test_albums(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    sent = await bot.send_media_group(alice, [InputMediaPhoto(png(), caption="first"), InputMediaPhoto(png())])
    assert len({message.media_group_id for message in sent}) == 1
    assert sent[0].caption == "first"
    with pytest.raises(BadRequest, match="Wrong type of media"):
        await bot.send_media_group(alice, [InputMediaPhoto(png()), InputMediaDocument(b"x", filename="a.txt")])
    telegram_server.send_album(alice, [png(), png()], caption="ours")
    updates = [u.message for u in await bot.get_updates(timeout=0) if u.message]
    assert [message.caption for message in updates] == ["ours", None]
    assert updates[0].media_group_id == updates[1].media_group_id


async def test_actions_drafts_and_reactions(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    group = telegram_server.add_group("Team")["id"]
    await bot.send_chat_action(alice, "typing")
    await bot.send_message_draft(alice, 7, "so far")
    chat = next(chat for chat in telegram_server.chats() if chat["id"] == alice)
    assert (chat["action"], chat["drafts"][0]["text"]) == ("typing", "so far")
    await bot.send_message(alice, "done")
    chat = next(chat for chat in telegram_server.chats() if chat["id"] == alice)
    assert (chat["action"], chat["drafts"]) == (None, [])
    with pytest.raises(BadRequest, match="Textdraft_peer_invalid"):
        await bot.send_message_draft(group, 7, "so far")
    message_id = telegram_server.user_sends(alice, "nice")["message_id"]
    await bot.set_message_reaction(alice, message_id, "👍")
    assert telegram_server.messages(alice)[-1]["reactions"]["bot"] == [{"type": "emoji", "emoji": "👍"}]
    with pytest.raises(BadRequest, match="Reaction_invalid"):
        await bot.set_message_reaction(alice, message_id, ReactionTypeEmoji("🧀"))


async def test_command_menus_by_scope_and_language(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    await bot.set_my_commands([("start", "Begin"), ("status", "How things are")])
    await bot.set_my_commands([("start", "Начать")], language_code="ru")
    await bot.set_my_commands([("mine", "Only here")], scope=BotCommandScopeChat(alice))
    assert telegram_server.commands(scope=f"chat:{alice}")[0]["command"] == "mine"
    assert [command.command for command in await bot.get_my_commands()] == ["start", "status"]
    assert telegram_server.commands(language_code="ru") == [{"command": "start", "description": "Начать"}]
    await bot.delete_my_commands(language_code="ru")
    assert telegram_server.commands(language_code="ru") == []
    with pytest.raises(BadRequest, match="Bot_command_invalid"):
        await bot.set_my_commands([("Not-A-Name", "x")])


async def test_members_and_leaving(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    group = telegram_server.add_group("Team")["id"]
    assert (await bot.get_chat(group)).title == "Team"
    assert (await bot.get_chat_member(group, alice)).user.first_name == "Alice"
    with pytest.raises(BadRequest, match="Participant_id_invalid"):
        await bot.get_chat_member(group, 999)
    await bot.leave_chat(group)
    with pytest.raises(Forbidden, match="not a member of the supergroup chat"):
        await bot.send_message(group, "still there?")
