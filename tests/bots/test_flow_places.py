"""Groups, topics, edits, reactions, files and albums: the same journey from other places."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from clawsite.core.db import run_db
from sessions_app.models import Attachment, Channel, GroupAccess, Inbox, Message, Session, Turn
from sessions_app.outbox import add_row
from tests.bots.flow import Flow, until, until_db
from tests.servers.messages.scripts import pause, text, tool_use


@pytest.fixture
async def live(flow: Flow) -> AsyncIterator[Flow]:
    """The role running, and the bot's name known."""
    flow.model.set_default("Here.")
    async with flow.running():
        await until_db(lambda: Channel.objects.get(pk=flow.channel.pk).identity)
        yield flow


async def bot_name(flow: Flow) -> str:
    identity = await run_db(lambda: Channel.objects.get(pk=flow.channel.pk).identity)
    return f"@{identity['username']}"


async def settle(flow: Flow, count: int) -> None:
    """Wait until so many updates were taken in and worked on."""
    await until_db(lambda: Inbox.objects.exclude(state="new").count() >= count)


async def test_a_group_is_off_until_an_admin_allows_it(live: Flow) -> None:
    group = live.telegram.add_group("Ops", members=[live.alice])["id"]
    name = await bot_name(live)
    live.telegram.user_sends(group, f"{name} hello", user_id=live.alice)
    await until_db(lambda: GroupAccess.objects.filter(title="Ops", allowed=False).exists())
    await settle(live, 1)
    assert not live.telegram.bot_messages(group)
    await run_db(lambda: GroupAccess.objects.update(allowed=True))
    live.telegram.user_sends(group, f"{name} hello again", user_id=live.alice)
    assert await live.answers(group, 0, 1) == ["Here."]


async def test_in_a_group_only_what_is_addressed_is_answered(live: Flow) -> None:
    group = live.telegram.add_group("Ops", members=[live.alice, live.bob], admin=True)["id"]
    await run_db(lambda: GroupAccess.objects.create(channel=live.channel, chat_id=str(group), allowed=True))
    live.telegram.user_sends(group, "just talking", user_id=live.bob)
    await settle(live, 1)
    live.telegram.user_sends(group, "@copilot are you here?", user_id=live.alice)
    assert await live.answers(group, 0, 1) == ["Here."]
    answer = live.telegram.bot_messages(group)[0]
    live.telegram.user_sends(group, "thanks", user_id=live.bob, reply_to=answer["message_id"])
    assert await live.answers(group, 1, 1) == ["Here."]
    assert "just talking" not in live.asked()[-1]


async def test_a_stranger_in_an_allowed_group_gets_nothing(live: Flow) -> None:
    group = live.telegram.add_group("Ops", members=[live.charlie], admin=True)["id"]
    await run_db(lambda: GroupAccess.objects.create(channel=live.channel, chat_id=str(group), allowed=True))
    live.telegram.user_sends(group, f"{await bot_name(live)} tell me all", user_id=live.charlie)
    await settle(live, 1)
    assert not live.telegram.bot_messages(group)
    assert not live.model.requests()


async def test_topics_are_sessions_of_their_own(live: Flow) -> None:
    group = live.telegram.add_group("Ops", members=[live.alice], topics=True, admin=True)["id"]
    await run_db(lambda: GroupAccess.objects.create(channel=live.channel, chat_id=str(group), allowed=True))
    one, two = live.telegram.add_topic(group, "One"), live.telegram.add_topic(group, "Two")
    name = await bot_name(live)
    for number, topic in enumerate((one, two)):
        live.telegram.user_sends(group, f"{name} in {topic}", user_id=live.alice, thread=topic)
        await live.answers(group, number, 1)
    threads = {message.get("message_thread_id") for message in live.telegram.bot_messages(group)}
    assert threads == {one, two}
    assert await run_db(lambda: set(Session.objects.values_list("thread_id", flat=True))) == {str(one), str(two)}


async def test_an_old_button_works_in_the_topic_that_it_is_in(live: Flow) -> None:
    """Of a message that is too old to be shown the platform says only its number and its chat."""
    group = live.telegram.add_group("Ops", members=[live.alice], topics=True, admin=True)["id"]
    await run_db(lambda: GroupAccess.objects.create(channel=live.channel, chat_id=str(group), allowed=True))
    topic = live.telegram.add_topic(group, "One")
    live.telegram.user_sends(group, "/settings@" + (await bot_name(live))[1:], user_id=live.alice, thread=topic)
    await live.answers(group, 0, 1)
    shown = live.telegram.bot_messages(group)[0]
    chat = {"id": group, "type": "supergroup", "title": "Ops"}
    old = {"chat": chat, "message_id": shown["message_id"], "date": 0}
    sender = {"id": live.alice, "is_bot": False, "first_name": "Alice"}
    data = "cmd:settings memory truncate"
    live.telegram.inject({"callback_query": {"id": "1", "from": sender, "message": old, "data": data}})
    await until_db(lambda: Session.objects.filter(memory="truncate").exists())
    await live.quiet()
    assert await run_db(lambda: Session.objects.get().thread_id) == str(topic)


async def test_the_newest_message_edited_is_answered_again(live: Flow) -> None:
    live.telegram.user_sends(live.alice, "what is 2 plus 3")
    await live.answers(live.alice, 0, 1)
    sent = live.telegram.messages(live.alice)[0]
    live.telegram.user_edits(live.alice, sent["message_id"], "what is 2 plus 4")
    await live.answers(live.alice, 1, 1)
    assert "2 plus 4" in live.asked()[-1]
    first = await run_db(lambda: Message.objects.get(seq=1))
    assert first.text == "what is 2 plus 3"
    assert first.data["edits"][0]["text"] == "what is 2 plus 4"


async def test_an_older_message_edited_is_only_noted(live: Flow) -> None:
    await live.says(live.alice, "first")
    await live.says(live.alice, "second")
    old = live.telegram.messages(live.alice)[0]
    live.telegram.user_edits(live.alice, old["message_id"], "first, better")
    await until_db(lambda: Message.objects.get(seq=1).data.get("edits"))
    await live.quiet()
    assert len(live.texts(live.alice)) == 2


async def test_a_change_of_which_nothing_is_seen_is_not_answered(live: Flow) -> None:
    await live.says(live.alice, "look at https://example.org")
    sent = live.telegram.messages(live.alice)[0]
    live.telegram.user_edits(live.alice, sent["message_id"], "look at https://example.org")
    await settle(live, 2)
    await live.quiet()
    assert len(live.asked()) == 1


async def test_what_was_refused_may_be_put_differently_by_changing_it(live: Flow) -> None:
    await live.says(live.alice, "/satus now")
    sent = live.telegram.messages(live.alice)[0]
    live.telegram.user_edits(live.alice, sent["message_id"], "what is the status of things now")
    assert await live.answers(live.alice, 1, 1) == ["Here."]


async def test_a_command_that_ran_does_not_run_again_when_it_is_changed(live: Flow) -> None:
    await live.says(live.alice, "/help")
    sent = live.telegram.messages(live.alice)[0]
    live.telegram.user_edits(live.alice, sent["message_id"], "/start")
    await until_db(lambda: Message.objects.get(seq=1).data.get("edits"))
    await live.quiet()
    assert len(live.texts(live.alice)) == 1


async def test_a_reaction_is_noted_on_the_answer(live: Flow) -> None:
    await live.says(live.alice, "hello")
    answer = live.telegram.bot_messages(live.alice)[0]
    live.telegram.inject(
        {
            "message_reaction": {
                "chat": {"id": live.alice, "type": "private"},
                "message_id": answer["message_id"],
                "user": {"id": live.alice, "is_bot": False, "first_name": "Alice"},
                "date": 1,
                "old_reaction": [],
                "new_reaction": [{"type": "emoji", "emoji": "👍"}],
            }
        }
    )
    await until_db(lambda: Message.objects.get(role="assistant").data.get("reactions"))
    assert "👍" in (await run_db(lambda: Message.objects.get(role="assistant"))).data["reactions"].values()


async def test_a_reaction_in_a_topic_is_noted_there(live: Flow) -> None:
    group = live.telegram.add_group("Ops", members=[live.alice], topics=True, admin=True)["id"]
    await run_db(lambda: GroupAccess.objects.create(channel=live.channel, chat_id=str(group), allowed=True))
    topic = live.telegram.add_topic(group, "One")
    live.telegram.user_sends(group, "@copilot hello", user_id=live.alice, thread=topic)
    await live.answers(group, 0, 1)
    live.telegram.react(group, live.telegram.bot_messages(group)[0]["message_id"], "👍", user_id=live.alice)
    await until_db(lambda: Message.objects.get(role="assistant").data.get("reactions"))


async def test_a_document_is_fetched_and_can_be_read(live: Flow) -> None:
    live.model.script(tool_use("read_attachment"), match="look at this")
    live.model.script(text("It says hello."), on_result=True)
    live.telegram.user_sends(live.alice, "look at this", document=b"hello from the file", file_name="note.txt")
    assert await live.answers(live.alice, 0, 1) == ["It says hello."]
    assert "hello from the file" in live.asked()[-1]
    stored = await run_db(Attachment.objects.get)
    assert (stored.name, stored.size, stored.state) == ("note.txt", 19, "stored")
    assert "note.txt" in str(live.model.requests()[0]["body"]["system"])


@pytest.mark.parametrize(
    "fault", [{"status": 502}, {"status": 429, "retry_after": 1}], ids=["bad answer", "told to wait"]
)
async def test_a_file_that_cannot_be_had_for_a_moment_is_not_lost(live: Flow, fault: dict[str, Any]) -> None:
    live.telegram.fault("status", method="getFile", **fault)
    live.telegram.user_sends(live.alice, "see file", document=b"hello", file_name="note.txt")
    assert await live.answers(live.alice, 0, 1) == ["Here."]
    assert await run_db(lambda: Attachment.objects.get().state) == "stored"


async def test_a_file_over_the_limit_is_refused_and_the_turn_goes_on(live: Flow) -> None:
    live.telegram.user_sends(
        live.alice, "see file", document=b"small", file_name="huge.bin", claimed_size=30 * 1024 * 1024
    )
    assert await live.answers(live.alice, 0, 1) == ["Here."]
    assert await run_db(lambda: Attachment.objects.get().state) == "refused"


async def test_an_album_is_one_turn(live: Flow) -> None:
    pixel = b"\x89PNG\r\n\x1a\n" + b"\0" * 50
    live.telegram.send_album(live.alice, [pixel, pixel, pixel], caption="three pictures")
    assert await live.answers(live.alice, 0, 1) == ["Here."]
    assert await run_db(Attachment.objects.count) == 3
    assert len(live.asked()) == 1


async def test_each_caption_of_an_album_is_read(live: Flow) -> None:
    pixel = b"\x89PNG\r\n\x1a\n" + b"\0" * 50
    for caption in ("the front", "", "the back"):
        live.telegram.user_sends(
            live.alice, caption or None, photo=pixel, file_name="p.png", media_group_id="12", user_id=live.alice
        )
    assert await live.answers(live.alice, 0, 1) == ["Here."]
    (asked,) = live.asked()
    assert "the front" in asked
    assert "the back" in asked


async def test_a_voice_message_is_accepted_as_a_file(live: Flow) -> None:
    live.telegram.user_sends(live.alice, voice=b"OggS" + b"\0" * 100)
    assert await live.answers(live.alice, 0, 1) == ["Here."]
    assert await run_db(lambda: Attachment.objects.get().kind) == "voice"


async def test_a_group_that_moves_keeps_its_permission_and_its_conversation(live: Flow) -> None:
    group = live.telegram.add_group("Ops", members=[live.alice, live.bob], admin=True)["id"]
    await run_db(lambda: GroupAccess.objects.create(channel=live.channel, chat_id=str(group), allowed=True))
    live.telegram.user_sends(group, "@copilot remember the harbour", user_id=live.alice)
    await live.answers(group, 0, 1)
    # Somebody is heard in the new place before the move is: two conversations are worked on at once.
    new = live.telegram.add_group("Ops", members=[live.alice], admin=True)["id"]
    live.telegram.user_sends(new, "@copilot hello?", user_id=live.alice)
    await until_db(lambda: GroupAccess.objects.filter(chat_id=str(new), allowed=False).exists())
    live.telegram.inject({"message": moved(group, new, by=live.alice)})
    await until_db(lambda: GroupAccess.objects.filter(chat_id=str(new), allowed=True).exists())
    live.telegram.user_sends(new, "@copilot what was it?", user_id=live.alice)
    assert await live.answers(new, 0, 1) == ["Here."]
    assert "the harbour" in live.asked()[-1]
    assert await run_db(GroupAccess.objects.count) == 1


async def test_what_was_said_before_a_group_moved_is_answered_after_it(flow: Flow) -> None:
    flow.model.set_default("Here.")
    group = flow.telegram.add_group("Ops", members=[flow.alice], admin=True)["id"]
    await run_db(lambda: GroupAccess.objects.create(channel=flow.channel, chat_id=str(group), allowed=True))
    words = ["the first", "the second", "the third", "the fourth"]
    for word in words:
        flow.telegram.user_sends(group, f"@copilot {word}", user_id=flow.alice)
    new = flow.telegram.migrate_group(group)
    async with flow.running():
        assert await flow.answers(new, 0, len(words)) == ["Here."] * len(words)
    assert all(word in flow.asked()[-1] for word in words)


async def test_what_is_said_after_a_group_moved_waits_for_what_was_said_before(flow: Flow) -> None:
    """The assistant is at work for the old group when somebody writes in the new one already."""
    flow.model.set_default("Here.")
    flow.model.script(text("The harbour."), match="remember", delay=1.0)
    group = flow.telegram.add_group("Ops", members=[flow.alice], admin=True)["id"]
    await run_db(lambda: GroupAccess.objects.create(channel=flow.channel, chat_id=str(group), allowed=True))
    async with flow.running():
        flow.telegram.user_sends(group, "@copilot remember the harbour", user_id=flow.alice)
        await until(flow.asked)
        new = flow.telegram.migrate_group(group)
        flow.telegram.user_sends(new, "@copilot what was it?", user_id=flow.alice)
        assert await flow.answers(new, 0, 2) == ["The harbour.", "Here."]
    assert "the harbour" in flow.asked()[-1]
    assert await run_db(lambda: set(Inbox.objects.values_list("state", "error"))) == {("done", "")}


async def test_stop_in_the_new_group_ends_what_is_made_for_the_old_one(flow: Flow) -> None:
    flow.model.script(text("Long ", deltas=1), pause(20, ping_every=0.2), text("story"), match="long story")
    group = flow.telegram.add_group("Ops", members=[flow.alice, flow.charlie], admin=True)["id"]
    await run_db(lambda: GroupAccess.objects.create(channel=flow.channel, chat_id=str(group), allowed=True))
    async with flow.running():
        flow.telegram.user_sends(group, "@copilot a long story", user_id=flow.alice)
        await until(flow.asked)
        new = flow.telegram.migrate_group(group)
        flow.telegram.user_sends(new, "/stop", user_id=flow.charlie)
        await until_db(lambda: Inbox.objects.filter(lane__contains="#control", state="done").count() == 1)
        assert not await run_db(lambda: Turn.objects.get().cancel_requested)
        flow.telegram.user_sends(new, "/stop", user_id=flow.alice)
        await until_db(lambda: Turn.objects.filter(state="cancelled").exists(), timeout=15)
        assert (await flow.answers(new, 0, 1))[0] == "Stopping."
    assert await run_db(lambda: list(GroupAccess.objects.values_list("chat_id", "allowed"))) == [(str(new), True)]
    assert await run_db(lambda: Session.objects.get().chat_id) == str(new)


async def test_an_answer_follows_a_group_of_whose_move_nothing_else_is_heard(live: Flow) -> None:
    group = live.telegram.add_group("Ops", members=[live.alice], admin=True)["id"]
    await run_db(lambda: GroupAccess.objects.create(channel=live.channel, chat_id=str(group), allowed=True))
    new = live.telegram.migrate_group(group)
    await until_db(lambda: GroupAccess.objects.filter(chat_id=str(new)).exists())
    await run_db(lambda: GroupAccess.objects.update(chat_id=str(group)))
    await run_db(
        lambda: add_row(
            channel_id=live.channel.pk, chat_id=str(group), session_id=None, dedupe_key="x", payload={"text": "Hello."}
        )
    )
    assert await live.answers(new, 0, 1) == ["Hello."]
    assert await run_db(lambda: GroupAccess.objects.get().chat_id) == str(new)


def moved(old: int, new: int, *, by: int) -> dict[str, object]:
    """The message by which a group says that it is a supergroup now."""
    sender = {"id": by, "is_bot": False, "first_name": "Alice"}
    chat = {"id": old, "type": "group", "title": "Ops"}
    return {"message_id": 999, "date": 1, "chat": chat, "from": sender, "migrate_to_chat_id": new}


async def test_a_note_of_a_move_that_names_its_own_chat_keeps_nobody_waiting(live: Flow) -> None:
    group = live.telegram.add_group("Ops", members=[live.alice], admin=True)["id"]
    await run_db(lambda: GroupAccess.objects.create(channel=live.channel, chat_id=str(group), allowed=True))
    note = moved(group, 0, by=live.alice) | {"migrate_from_chat_id": group}
    live.telegram.inject({"message": note})
    live.telegram.user_sends(group, "@copilot hello?", user_id=live.alice)
    assert await live.answers(group, 0, 1) == ["Here."]
