"""Files sent as one album come as rows of their own: they stay one message, whatever comes between or after them."""

from __future__ import annotations

from typing import Any

import pytest

from bots import opening, pipeline, setbacks
from clawsite.core.db import run_db
from guardrails import approvals
from guardrails.models import Approval
from sessions_app.inbox import MAX_ATTEMPTS
from sessions_app.models import Attachment, Contact, Inbox, Message, Turn
from tests.bots.flow import Flow, open_flow, until, until_db
from tests.bots.test_flow_tools import ask_to_forget
from tests.servers.messages.scripts import text, tool_use

PIXEL = b"\x89PNG\r\n\x1a\n" + b"\0" * 50


def send(flow: Flow, *captions: str, name: str = "12") -> None:
    """Send an album of Alice's."""
    for caption in captions:
        flow.telegram.user_sends(
            flow.alice, caption or None, photo=PIXEL, file_name="p.png", media_group_id=name, user_id=flow.alice
        )


def decide(flow: Flow) -> None:
    actor = Contact.objects.get(external_id=str(flow.alice)).actor
    assert approvals.decide(Approval.objects.get().key, actor=actor, approve=True).outcome == "approved"


async def test_a_decision_that_comes_while_an_album_collects_costs_none_of_both(flow: Flow) -> None:
    async with flow.running():
        await ask_to_forget(flow)
        flow.model.script(text("Nice pictures."), match="the front")
        known = await run_db(Inbox.objects.count)
        send(flow, "the front", "the back")
        await until_db(lambda: Inbox.objects.count() == known + 2)
        await run_db(decide, flow)
        await until(lambda: {"Forgotten.", "Nice pictures."} <= set(flow.texts(flow.alice)))
        await flow.quiet()
    assert await run_db(Attachment.objects.count) == 2
    assert await run_db(lambda: set(Inbox.objects.values_list("state", flat=True))) == {"done"}
    assert await run_db(lambda: set(Turn.objects.values_list("state", flat=True))) == {"done"}


async def test_a_caption_that_is_changed_while_its_album_collects_is_no_file_of_it(flow: Flow) -> None:
    flow.model.set_default("Here.")
    async with flow.running():
        send(flow, "the front", "the back")
        await until_db(lambda: Inbox.objects.count() == 2)
        last = flow.telegram.messages(flow.alice)[-1]
        flow.telegram.user_edits(flow.alice, last["message_id"], "the side")
        await until_db(lambda: Inbox.objects.count() == 3)
        await until(lambda: "Here." in flow.texts(flow.alice))
        await flow.quiet()
    assert await run_db(lambda: Attachment.objects.filter(message_seq=1).count()) == 2
    assert "the side" not in flow.asked()[0]


async def test_what_goes_on_after_a_decision_still_has_all_captions_of_its_album(flow: Flow) -> None:
    flow.model.script(tool_use("forget", {"what": "everything"}), match="the front")
    flow.model.script(text("Forgotten."), on_result=True, times=None)
    async with flow.running():
        send(flow, "the front", "", "the back")
        await until(lambda: flow.telegram.bot_messages(flow.alice))
        asked = flow.telegram.bot_messages(flow.alice)[-1]
        flow.telegram.press(flow.alice, asked["message_id"], text="✅ Approve", user_id=flow.alice)
        await until(lambda: "Forgotten." in flow.texts(flow.alice))
        await flow.quiet()
    first, second = flow.asked()
    assert "the back" in first
    assert "the back" in second


@pytest.mark.parametrize(("where", "name"), [(pipeline, "targets_for"), (opening, "compose")], ids=["turn", "begin"])
async def test_an_album_that_is_given_up_is_said_once(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, where: Any, name: str
) -> None:
    """Also when it is somebody's first message, and its turn cannot even be begun."""

    def fail(*args: object, **values: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(where, name, fail)
    monkeypatch.setattr(setbacks, "BACKOFF_SECONDS", (0.05,))
    async with flow.running():
        send(flow, "the front", "the back", "the side")
        await until(lambda: flow.texts(flow.alice))
        await flow.quiet()
    assert len(flow.texts(flow.alice)) == 1
    assert await run_db(lambda: set(Inbox.objects.values_list("state", flat=True))) == {"dead"}


async def test_an_album_whose_first_file_ended_its_process_too_often_is_given_up_whole(flow: Flow) -> None:
    flow.model.set_default("Here.")
    async with flow.running():
        await flow.says(flow.alice, "hi")
        send(flow, "the front", "the back", "the side")
        await until_db(lambda: Inbox.objects.filter(state="new").count() == 3)
        await run_db(_end_process_often)
        await until(lambda: len(flow.texts(flow.alice)) == 2)
        await flow.quiet()
    assert len(flow.texts(flow.alice)) == 2
    assert "error" in flow.texts(flow.alice)[-1]
    assert len(flow.asked()) == 1
    assert await run_db(lambda: list(Inbox.objects.values_list("state", flat=True))) == ["done", *["dead"] * 3]


def _end_process_often() -> None:
    first = Inbox.objects.filter(state="new").earliest("pk")
    Inbox.objects.filter(pk=first.pk).update(attempts=MAX_ATTEMPTS)


async def test_a_caption_that_is_changed_is_of_its_album_whichever_file_has_it(flow: Flow) -> None:
    flow.model.set_default("Here.")
    async with flow.running():
        send(flow, "the front", "the back")
        await flow.answers(flow.alice, 0, 1)
        second = flow.telegram.messages(flow.alice)[1]["message_id"]
        flow.telegram.user_edits(flow.alice, second, "the back")  # the platform tells of what nobody sees, too
        await until_db(lambda: Inbox.objects.filter(state="done").count() == 3)
        await flow.says(flow.alice, "something else")
        flow.telegram.user_edits(flow.alice, second, "the side")
        await until_db(lambda: Message.objects.get(seq=1).data.get("edits"))
        await flow.quiet()
    assert len(flow.asked()) == 2
    assert await run_db(lambda: Message.objects.get(seq=1).data["edits"][0]["text"]) == "the side"
    assert await run_db(lambda: Message.objects.filter(role="user").count()) == 2


async def test_a_changed_caption_of_the_newest_album_is_answered_again(flow: Flow) -> None:
    flow.model.set_default("Here.")
    async with flow.running():
        send(flow, "the front", "the back")
        await flow.answers(flow.alice, 0, 1)
        flow.telegram.user_edits(flow.alice, flow.telegram.messages(flow.alice)[1]["message_id"], "the side")
        await flow.answers(flow.alice, 1, 1)
    assert "the side" in flow.asked()[-1]
    assert await run_db(lambda: Message.objects.get(seq=1).data["edits"][0]["text"]) == "the side"


async def test_a_file_that_comes_after_its_album_was_begun_is_not_lost_when_that_is_begun_again(
    transactional_db: None,
) -> None:
    async with open_flow(CLAW_DRAIN_SECONDS=1) as flow:
        flow.model.script(text("Words that never come to an end. " * 40, deltas=40, pause=0.5))
        flow.model.set_default("Here.")
        async with flow.running():
            send(flow, "the front", "the back")
            await until(flow.model.requests)
        send(flow, "the side")
        async with flow.running():
            await until_db(lambda: Inbox.objects.filter(state="done").count() == 3)
            await flow.quiet()
    assert await run_db(lambda: sorted(Attachment.objects.values_list("message_seq", flat=True))) == [1, 1, 3]
    assert "the back" in flow.asked()[1]
    assert "the side" in flow.asked()[-1]
