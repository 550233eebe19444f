"""Tools in a turn: run, asked about with buttons, decided by the right person, once."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError

from clawsite.core.db import run_db
from clawsite.core.leases import Held, release_lease
from guardrails.models import Approval, VerdictRecord
from sessions_app import facts
from sessions_app.models import Contact, Fact, GroupAccess, Inbox, Session, ToolCall, Turn
from tests.bots.flow import Flow, until, until_db
from tests.servers.messages.scripts import text, tool_use


async def test_a_tool_runs_and_its_result_reaches_the_model(flow: Flow) -> None:
    flow.model.script(tool_use("remember", {"statement": "The user's cat is called Mia."}), match="remember")
    flow.model.script(text("I will remember Mia."), on_result=True)
    async with flow.running():
        assert await flow.says(flow.alice, "please remember my cat Mia") == ["I will remember Mia."]
    assert await run_db(lambda: Fact.objects.get().text) == "The user's cat is called Mia."
    assert await run_db(lambda: ToolCall.objects.get().state) == "done"


async def ask_to_forget(flow: Flow) -> dict[str, Any]:
    """Have the model want to forget a fact of Alice's, and return the message with the buttons."""
    flow.model.set_default("Hello.")
    await flow.says(flow.alice, "hi")
    session = await run_db(lambda: Session.objects.get(chat_id=str(flow.alice)))
    await run_db(lambda: facts.remember(session, "Alice likes tea.", kind="durable", origin="command"))
    flow.model.script(tool_use("forget", {"what": "Alice likes tea."}), match="I drink coffee now, drop the old fact")
    flow.model.script(text("Forgotten."), on_result=True, times=None)
    before = len(flow.telegram.bot_messages(flow.alice))
    flow.telegram.user_sends(flow.alice, "I drink coffee now, drop the old fact")
    await until(lambda: len(flow.telegram.bot_messages(flow.alice)) == before + 1)
    return flow.telegram.bot_messages(flow.alice)[-1]


async def test_a_destructive_tool_waits_for_approval(flow: Flow) -> None:
    async with flow.running():
        asked = await ask_to_forget(flow)
        assert "May I do this?" in asked["text"]
        assert await run_db(lambda: Fact.objects.filter(state="active").count()) == 1
        flow.telegram.press(flow.alice, asked["message_id"], text="✅ Approve", user_id=flow.alice)
        await until(lambda: "Forgotten." in flow.texts(flow.alice))
        await flow.quiet()
        shown = next(m for m in flow.telegram.messages(flow.alice) if m["message_id"] == asked["message_id"])
        assert "Approved by Alice" in shown["text"]
        assert not shown.get("reply_markup")
    assert await run_db(lambda: Fact.objects.get().state) == "forgotten"
    assert await run_db(lambda: list(Turn.objects.order_by("id").values_list("state", flat=True))) == ["done", "done"]


async def test_a_record_that_is_tried_again_counts_what_the_guards_said_once(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[object] = []

    def fail_once(held: Held) -> bool:
        tries.append(held)
        if len(tries) == 1:
            raise OperationalError("database is locked")
        return release_lease(held)

    monkeypatch.setattr("bots.parking.release_lease", fail_once)
    async with flow.running():
        await ask_to_forget(flow)
        await flow.quiet()
    assert len(tries) == 2
    assert await run_db(VerdictRecord.objects.filter(stage="tool_call").count) == 1


async def test_a_rejected_call_does_not_run_and_the_model_hears_so(flow: Flow) -> None:
    async with flow.running():
        asked = await ask_to_forget(flow)
        flow.telegram.press(flow.alice, asked["message_id"], text="❌ Reject", user_id=flow.alice)
        await until(lambda: "Forgotten." in flow.texts(flow.alice))
        await flow.quiet()
    assert await run_db(lambda: Fact.objects.get().state) == "active"
    assert "Denied by the user" in flow.asked()[-1]


async def test_what_follows_a_decision_comes_below_it(flow: Flow) -> None:
    words = text("Let me look at what I know of it. " * 40, deltas=20, pause=0.15)
    flow.model.script(words, tool_use("forget", {"what": "tea"}), match="drop it")
    flow.model.script(text("Forgotten."), on_result=True)
    async with flow.running():
        flow.telegram.user_sends(flow.alice, "drop it")
        await until_db(Approval.objects.exists)
        await flow.quiet()
        streamed, asked = flow.telegram.bot_messages(flow.alice)
        assert streamed["text"].startswith("Let me look")
        await until(lambda: "▍" not in flow.texts(flow.alice)[0])
        flow.telegram.press(flow.alice, asked["message_id"], text="✅ Approve", user_id=flow.alice)
        await until(lambda: any(said.endswith("Forgotten.") for said in flow.texts(flow.alice)))
        await flow.quiet()
    assert [said[:10] for said in flow.texts(flow.alice)] == ["Forget wha", "Let me loo"]
    assert flow.texts(flow.alice)[-1].endswith("Forgotten.")


async def test_a_second_press_hears_that_it_is_late(flow: Flow) -> None:
    async with flow.running():
        asked = await ask_to_forget(flow)
        data = asked["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
        flow.telegram.press(flow.alice, asked["message_id"], data=data, user_id=flow.alice)
        await until(lambda: "Forgotten." in flow.texts(flow.alice))
        approval = await run_db(Approval.objects.get)
        update = {
            "callback_query": {
                "id": "99",
                "from": {"id": flow.alice, "is_bot": False, "first_name": "Alice"},
                "data": data,
                "message": {"message_id": asked["message_id"], "date": 1, "chat": asked["chat"]},
                "chat_instance": "1",
            }
        }
        flow.telegram.inject(update)
        await until_db(lambda: Inbox.objects.filter(raw__contains='"id":"99"', state="done").exists())
        await flow.quiet()
        assert await run_db(lambda: Approval.objects.get().decided_at) == approval.decided_at
    assert flow.texts(flow.alice).count("Forgotten.") == 1


async def test_charlie_cannot_decide_for_alice(flow: Flow) -> None:
    async with flow.running():
        asked = await ask_to_forget(flow)
        data = asked["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
        update = {
            "callback_query": {
                "id": "98",
                "from": {"id": flow.charlie, "is_bot": False, "first_name": "Charlie"},
                "data": data,
                "message": {"message_id": 1, "date": 1, "chat": {"id": flow.charlie, "type": "private"}},
                "chat_instance": "1",
            }
        }
        flow.telegram.inject(update)
        await until_db(lambda: Inbox.objects.filter(raw__contains='"id":"98"', state="done").exists())
        assert await run_db(lambda: Approval.objects.get().state) == "waiting"


async def test_a_viewer_in_the_group_cannot_decide_for_bob(flow: Flow) -> None:
    group = flow.telegram.add_group("Ops", members=[flow.bob, flow.charlie])["id"]

    def allow() -> None:
        GroupAccess.objects.create(channel=flow.channel, chat_id=str(group), allowed=True)
        Contact.objects.create(channel=flow.channel, external_id=str(flow.charlie), role="viewer", state="approved")

    await run_db(allow)
    async with flow.running() as bots:
        await until(lambda: bots.pipeline.find_sender(flow.channel.pk))
        await until_db(lambda: type(flow.channel).objects.get(pk=flow.channel.pk).identity)
        name = f"@{(await run_db(lambda: type(flow.channel).objects.get().identity))['username']}"
        flow.model.script(tool_use("forget", {"what": "everything"}), match="clean up")
        flow.telegram.user_sends(group, f"{name} please clean up", user_id=flow.bob)
        await until(lambda: flow.telegram.bot_messages(group))
        asked = flow.telegram.bot_messages(group)[-1]
        flow.telegram.press(group, asked["message_id"], text="✅ Approve", user_id=flow.charlie)
        await until_db(lambda: Inbox.objects.filter(raw__contains="callback_query", state="done").exists())
        assert await run_db(lambda: Approval.objects.get().state) == "waiting"


@pytest.mark.parametrize("command", ["/stop", "/reset"])
async def test_what_was_stopped_can_no_longer_be_approved(flow: Flow, command: str) -> None:
    async with flow.running():
        asked = await ask_to_forget(flow)
        await flow.says(flow.alice, command)
        flow.telegram.press(flow.alice, asked["message_id"], text="✅ Approve", user_id=flow.alice)
        await until_db(lambda: Inbox.objects.filter(lane__endswith="#control", raw__contains="callback").exists())
        await flow.quiet()
        assert not any("Approved by" in said for said in flow.texts(flow.alice))
        assert "Forgotten." not in flow.texts(flow.alice)
    assert await run_db(lambda: Approval.objects.get().state) == "expired"
    assert await run_db(lambda: Turn.objects.latest("id").state) == "cancelled"
    assert await run_db(lambda: set(Inbox.objects.values_list("state", flat=True))) == {"done"}
    assert await run_db(lambda: Fact.objects.get().state) == "active"


async def test_a_name_is_no_markup_where_a_decision_is_shown(flow: Flow) -> None:
    async with flow.running():
        asked = await ask_to_forget(flow)
        sly = "[Alice](http://evil.example/x)"
        await run_db(lambda: Contact.objects.filter(name="Alice").update(name=sly))
        flow.telegram.press(flow.alice, asked["message_id"], text="✅ Approve", user_id=flow.alice)
        await until(lambda: "Forgotten." in flow.texts(flow.alice))
        await flow.quiet()
        shown = next(m for m in flow.telegram.messages(flow.alice) if m["message_id"] == asked["message_id"])
    assert not any(entity["type"] == "text_link" for entity in shown.get("entities", []))
