"""What people do, and how the bot gets to know."""

from __future__ import annotations

import pytest
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup
from telegram.error import BadRequest

from tests.servers.control import ControlError
from tests.servers.telegram import TelegramServer


async def test_press_and_answer(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    markup = InlineKeyboardMarkup(
        [[InlineKeyboardButton("Yes", callback_data="y"), InlineKeyboardButton("No", callback_data="n")]]
    )
    sent = await bot.send_message(alice, "Sure?", reply_markup=markup)
    query_id = telegram_server.press(alice, sent.message_id, text="No")
    query = (await bot.get_updates(timeout=0))[0].callback_query
    assert query is not None
    assert (query.id, query.data, query.from_user.id) == (query_id, "n", alice)
    assert telegram_server.callback_answer(query_id) is None
    await query.answer("Understood", show_alert=True)
    answer = telegram_server.callback_answer(query_id)
    assert answer is not None
    assert (answer["text"], answer["show_alert"]) == ("Understood", True)
    with pytest.raises(ControlError, match="no such button"):
        telegram_server.press(alice, sent.message_id, text="Perhaps")


async def test_late_answers_are_refused(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    markup = InlineKeyboardMarkup([[InlineKeyboardButton("Yes", callback_data="y")]])
    sent = await bot.send_message(alice, "Sure?", reply_markup=markup)
    query_id = telegram_server.press(alice, sent.message_id)
    telegram_server.set_options(callback_seconds=0.0)
    for known in (query_id, "12345"):
        with pytest.raises(BadRequest, match="Query is too old and response timeout expired or query id is invalid"):
            await bot.answer_callback_query(known)


async def test_message_kinds(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    first = telegram_server.user_sends(alice, "/start@emulated_1000000001_bot see https://example.com/x.")
    telegram_server.user_sends(alice, "the answer", reply_to=first["message_id"])
    telegram_server.user_sends(alice, "from elsewhere", forward_from="Mallory")
    telegram_server.user_sends(alice, "a caption", document=b"{}", file_name="a.json")
    telegram_server.user_edits(alice, first["message_id"], "/help")
    updates = await bot.get_updates(timeout=0)
    messages = [update.message for update in updates if update.message]
    assert [entity.type for entity in messages[0].entities] == ["bot_command", "url"]
    assert messages[0].parse_entities(["url"]).popitem()[1] == "https://example.com/x"
    assert messages[1].reply_to_message is not None
    assert messages[2].forward_origin is not None
    assert messages[3].document is not None
    assert (messages[3].caption, messages[3].document.mime_type) == ("a caption", "application/json")
    edited = updates[-1].edited_message
    assert edited is not None
    assert edited.text == "/help"
    assert edited.edit_date is not None


async def test_groups_privacy_and_own_message_ids(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    group = telegram_server.add_group("Team")["id"]
    said = await bot.send_message(group, "I am the bot")
    telegram_server.set_options(privacy=True)
    heard = [
        telegram_server.user_sends(group, text, user_id=alice, reply_to=reply)["update_id"] is not None
        for text, reply in [("chatter", None), ("/status", None), ("@emulated_1000000001_bot hi", None),
                            ("yes", said.message_id), ("/status@another_bot", None)]
    ]  # fmt: skip
    assert heard == [False, True, True, True, False]
    assert telegram_server.user_sends(alice, "private")["message_id"] == 1, "supergroups count for themselves"
    assert not (await bot.get_me()).can_read_all_group_messages


async def test_reactions_in_groups_need_an_administrator(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    await bot.get_updates(timeout=0, allowed_updates=["message", "message_reaction"])
    for admin in (False, True):
        group = telegram_server.add_group("Team", admin=admin)["id"]
        said = await bot.send_message(group, "vote")
        told = telegram_server.react(group, said.message_id, "👍", user_id=alice)
        assert (told is not None) == admin
    updates = await bot.get_updates(timeout=0)
    reaction = updates[-1].message_reaction
    assert reaction is not None
    assert (len(reaction.old_reaction), len(reaction.new_reaction)) == (0, 1)


def test_unknown_places_are_refused(telegram_server: TelegramServer, alice: int) -> None:
    with pytest.raises(ControlError, match="no chat -5"):
        telegram_server.user_sends(-5, "hello")
    with pytest.raises(ControlError, match="no user 77"):
        telegram_server.user_sends(alice, "hello", user_id=77)
    with pytest.raises(ControlError, match="no message 99"):
        telegram_server.user_sends(alice, "hello", reply_to=99)
