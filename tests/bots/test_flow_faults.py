"""When the model or Telegram misbehaves: a clear sentence or a wait, never half an answer passed off as whole."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from bots import delivery, pipeline, setbacks
from bots.agent.types import AgentOutcome
from bots.channels.base import OutboundMessage
from bots.commits import Runtime
from bots.decisions import resume_turn
from bots.delivery import AT_ONCE
from bots.work import Work
from clawsite.core.db import run_db
from clawsite.core.models import Process
from guardrails.models import Approval
from sessions_app import outbox
from sessions_app.inbox import Head
from sessions_app.models import Channel, Inbox, Message, Outbox, Session, Turn
from tests.bots.flow import Flow, open_flow, until, until_db
from tests.servers.messages.scripts import cut, eof, error, pause, text
from tests.switching import switched_off


async def test_a_stream_that_is_cut_is_tried_again(flow: Flow) -> None:
    flow.model.script(text("Half an ans"), cut())
    flow.model.set_default("The whole answer.")
    async with flow.running():
        assert await flow.says(flow.alice, "go", timeout=30) == ["The whole answer."]


async def test_an_end_without_a_stop_is_no_answer(flow: Flow) -> None:
    flow.model.script(text("Half an ans"), eof())
    flow.model.set_default("The whole answer.")
    async with flow.running():
        assert await flow.says(flow.alice, "go", timeout=30) == ["The whole answer."]


async def test_an_error_in_mid_stream_is_tried_again(flow: Flow) -> None:
    flow.model.script(text("Half an ans"), error())
    flow.model.set_default("The whole answer.")
    async with flow.running():
        assert await flow.says(flow.alice, "go", timeout=30) == ["The whole answer."]


async def test_a_refusal_is_said(flow: Flow) -> None:
    flow.model.script(text(""), stop_reason="refusal", times=None)
    async with flow.running():
        (answer,) = await flow.says(flow.alice, "something odd")
    assert answer
    assert await run_db(lambda: Turn.objects.get().outcome) == "refused"


async def test_a_model_that_says_not_before_tomorrow_is_told(flow: Flow) -> None:
    flow.model.fail(429, retry_after=3600, times=None)
    async with flow.running():
        (answer,) = await flow.says(flow.alice, "hi", timeout=30)
    assert answer
    assert await run_db(lambda: Turn.objects.get().state) == "failed"


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        ({"status": 401}, "ANTHROPIC_API_KEY"),
        ({"status": 400}, "/reset starts a new one"),
        ({"status": 429, "error_code": "enforced_spend_limit_reached"}, "spending limit"),
    ],
    ids=["no access", "a wrong request", "no money"],
)
async def test_what_no_waiting_mends_is_said_at_once(flow: Flow, failure: dict[str, Any], said: str) -> None:
    flow.model.fail(**failure, times=None)
    async with flow.running():
        (answer,) = await flow.says(flow.alice, "hi", timeout=30)
    assert said in answer
    assert len(flow.asked()) == 1


async def test_without_a_model_one_sentence_says_which_setting(transactional_db: None) -> None:
    async with open_flow(ANTHROPIC_API_KEY="", ANTHROPIC_BASE_URL="") as flow, flow.running():
        (answer,) = await flow.says(flow.alice, "hi")
        assert "ANTHROPIC_API_KEY" in answer
        (help_text,) = await flow.says(flow.alice, "/help")
        assert "/status" in help_text


async def test_telegram_says_wait_and_the_answer_comes_later(flow: Flow) -> None:
    flow.model.set_default("Here I am.")
    async with flow.running():
        flow.telegram.fault("status", method="sendMessage", status=429, retry_after=1)
        assert await flow.says(flow.alice, "hi", timeout=30) == ["Here I am."]
    assert await run_db(lambda: Outbox.objects.get().state) == "sent"


async def test_telegram_is_down_and_the_order_stays(flow: Flow) -> None:
    async with flow.running():
        flow.model.set_default()
        flow.telegram.fault("status", method="sendMessage", status=502, times=2)
        for number in range(3):
            flow.telegram.user_sends(flow.alice, f"note {number}")
        await until(lambda: len(flow.texts(flow.alice)) == 3, timeout=30)
        await flow.quiet()
    found = [number for said in flow.texts(flow.alice) for number in range(3) if f"note {number}" in said]
    assert found == [0, 1, 2]


async def test_a_refused_markup_goes_out_as_plain_text(flow: Flow) -> None:
    flow.model.set_default("**bold** words")
    async with flow.running():
        flow.telegram.fault(
            "status", method="sendMessage", status=400, description="Bad Request: can't parse entities: unsupported"
        )
        assert await flow.says(flow.alice, "hi") == ["bold words"]


async def test_a_person_who_blocked_the_bot_ends_the_row(flow: Flow) -> None:
    flow.model.set_default("Hello?")
    async with flow.running():
        await flow.says(flow.alice, "hi")
        flow.telegram.set_blocked(flow.alice)
        flow.telegram.inject(
            {
                "message": {
                    "message_id": 900,
                    "date": 1,
                    "text": "ghost",
                    "chat": {"id": flow.alice, "type": "private", "first_name": "Alice"},
                    "from": {"id": flow.alice, "is_bot": False, "first_name": "Alice"},
                }
            }
        )
        await until_db(lambda: Outbox.objects.filter(state="dead").count() == 1)


async def test_stop_ends_a_running_turn(flow: Flow) -> None:
    flow.model.script(text("Long ", deltas=1), pause(20, ping_every=0.2), text("story"), match="long story")
    async with flow.running():
        flow.telegram.user_sends(flow.alice, "a long story please")
        await until(flow.model.requests)
        flow.telegram.user_sends(flow.alice, "/stop")
        await until_db(lambda: Turn.objects.filter(state="cancelled").exists())
        await flow.quiet()
    assert "story" not in " ".join(flow.texts(flow.alice))


async def test_a_row_that_fails_five_times_is_given_up_and_said(flow: Flow, monkeypatch: object) -> None:
    flow.model.set_default("Fine.")
    async with flow.running():
        await flow.says(flow.alice, "hi")
    row = await run_db(Inbox.objects.get)
    await run_db(lambda: Inbox.objects.filter(pk=row.pk).update(state="new", attempts=5, external_id="again"))
    before = len(flow.texts(flow.alice))
    async with flow.running():
        await until_db(lambda: Inbox.objects.filter(state="dead").count() == 1)
        await until(lambda: len(flow.texts(flow.alice)) == before + 1)
    assert "error" in flow.texts(flow.alice)[-1]


async def test_what_an_attempt_cost_counts_that_ended_in_an_error_of_ours(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = [RuntimeError("boom")]
    check = pipeline.check_answer

    def fail_once(work: Work, outcome: AgentOutcome) -> OutboundMessage:
        if errors:
            raise errors.pop()
        return check(work, outcome)

    monkeypatch.setattr(pipeline, "check_answer", fail_once)
    monkeypatch.setattr(setbacks, "BACKOFF_SECONDS", (0.05,))
    flow.model.set_default("Fine.")
    async with flow.running():
        for _ in range(2):
            assert await flow.says(flow.alice, "hi") == ["Fine."]
    first, second = await run_db(lambda: list(Turn.objects.order_by("pk")))
    assert (first.attempt, second.attempt) == (2, 1)
    assert first.output_tokens == 2 * second.output_tokens > 0
    assert first.cost_usd > second.cost_usd > 0


@pytest.mark.django_db
def test_that_a_row_is_given_up_is_said_in_the_same_commit() -> None:
    channel = Channel.objects.create(kind="telegram", name="telegram", token="1:x")
    session = Session.objects.create(channel=channel, chat_id="7")
    process = Process.objects.create(role="bots", host="here", pid=1, started=1)
    row = Inbox.objects.create(channel=channel, external_id="1", lane=f"{channel.pk}/7/", raw="{}", attempts=4)
    Turn.objects.create(inbox=row, session=session, epoch=1, preview_ids=["41"])
    head = Head(pk=row.pk, channel_id=channel.pk, lane=row.lane, received_at=row.received_at, attempts=4)
    setbacks.fail_row(head, None, error_id="abc", runtime=Runtime(process_id=process.pk, sender_here=lambda _: False))
    said = Outbox.objects.get().payload
    assert "abc" in said["text"]
    assert (said["edit_ids"], said["fresh"]) == (["41"], True)
    assert Inbox.objects.get().state == "dead"
    assert Turn.objects.get().state == "failed"


@pytest.mark.django_db
def test_a_turn_that_cannot_go_on_after_its_decision_ends_with_the_row_that_waited() -> None:
    channel = Channel.objects.create(kind="telegram", name="telegram", token="1:x")
    session = Session.objects.create(channel=channel, chat_id="7")
    process = Process.objects.create(role="bots", host="here", pid=1, started=1)
    lane = f"{channel.pk}/7/"
    waited = Inbox.objects.create(channel=channel, external_id="1", lane=lane, raw="{}", state="parked")
    turn = Turn.objects.create(inbox=waited, session=session, epoch=1, state="parked")
    resume_turn(Approval(key="abc", data={"turn": turn.pk}))
    row = Inbox.objects.get(state="new")
    Inbox.objects.filter(pk=row.pk).update(attempts=4)
    head = Head(pk=row.pk, channel_id=channel.pk, lane=lane, received_at=row.received_at, attempts=4)
    setbacks.fail_row(head, None, error_id="abc", runtime=Runtime(process_id=process.pk, sender_here=lambda _: False))
    assert set(Inbox.objects.values_list("state", flat=True)) == {"dead"}
    assert Turn.objects.get().state == "failed"
    assert "abc" in Outbox.objects.get().payload["text"]


async def test_a_streamed_answer_is_one_message_that_grows(flow: Flow) -> None:
    words = " ".join(f"word{number}" for number in range(400))
    flow.model.script(text(words, deltas=40, pause=0.12))
    async with flow.running():
        parts = await flow.says(flow.alice, "tell me", timeout=30)
    assert parts == [words]
    edits = [call for call in flow.telegram.calls() if call["method"] == "editMessageText"]
    assert edits
    assert await run_db(lambda: Message.objects.filter(role="assistant").count()) == 1


@pytest.mark.parametrize("fault", [{"status": 502}, {"status": 429, "retry_after": 1}], ids=["no answer", "wait"])
async def test_an_answer_takes_over_what_was_streamed_last_although_it_must_try_again(
    flow: Flow, fault: dict[str, Any]
) -> None:
    """The streamed message is on its way when the turn ends, so its id is not on the answer's row."""
    words = " ".join(f"word{number}" for number in range(100))
    flow.model.script(text(words, deltas=40, pause=0.06))
    flow.telegram.fault("delay", method="sendMessage", seconds=3)
    flow.telegram.fault("status", method="editMessageText", **fault)
    async with flow.running():
        flow.telegram.user_sends(flow.alice, "tell me")
        await until_db(lambda: Outbox.objects.filter(state="sent").exists())
        await flow.quiet()
    assert flow.texts(flow.alice) == [words]


async def test_without_the_feature_an_answer_comes_whole(flow: Flow) -> None:
    words = " ".join(f"word{number}" for number in range(400))
    flow.model.script(text(words, deltas=20, pause=0.12))
    switch = switched_off("streaming")
    await run_db(switch.__enter__)
    try:
        async with flow.running():
            assert await flow.says(flow.alice, "tell me", timeout=30) == [words]
    finally:
        await run_db(switch.__exit__, None, None, None)
    assert not any(call["method"] == "editMessageText" for call in flow.telegram.calls())


@pytest.mark.parametrize("part", ["poll telegram", "send telegram", "stuck"])
async def test_what_serves_a_channel_begins_anew_when_a_part_of_it_does_not_go_on(flow: Flow, part: str) -> None:
    flow.model.set_default("Here.")
    async with flow.running() as bots:
        await flow.says(flow.alice, "hi")
        (account,) = bots._accounts.values()
        for task in account.tasks:
            if task.get_name() == part:
                task.cancel()
                await asyncio.wait([task])
        if part == "stuck":
            account.channel.adapter.polling.due_at = 0.0  # type: ignore[attr-defined]  # Telegram's
        bots.channels_changed.set()
        await until(lambda: account not in bots._accounts.values())
        assert await flow.says(flow.alice, "still there?") == ["Here."]


async def test_freshness_is_of_the_last_answer_and_no_failure_is_one(flow: Flow) -> None:
    flow.model.set_default("Here.")
    async with flow.running() as bots:
        await flow.says(flow.alice, "hi")
        (account,) = bots._accounts.values()
        (poller,) = (task for task in account.tasks if task.get_name().startswith("poll"))
        assert not poller.done()
        flow.telegram.fault("status", method="getUpdates", status=502, for_seconds=60)
        flow.telegram.cut_connections()
        await until_db(lambda: Channel.objects.get().last_error, timeout=20)
        answered = await run_db(lambda: Channel.objects.get().last_poll_at)
        assert answered is not None
        assert answered.timestamp() == pytest.approx(account.channel.adapter.last_poll_at, abs=0.001)  # type: ignore[attr-defined]


async def test_what_cannot_be_taken_away_does_not_send_the_answer_twice(flow: Flow) -> None:
    flow.model.set_default("The first words.")
    async with flow.running():
        await flow.says(flow.alice, "hi")
        shown = flow.telegram.bot_messages(flow.alice)[0]["message_id"]
        flow.telegram.fault("status", method="deleteMessage", status=429, retry_after=1)
        await run_db(_queue, str(flow.alice), {"text": "The answer.", "edit_ids": [str(shown)], "fresh": True})
        await until(lambda: "The answer." in flow.texts(flow.alice))
        await flow.quiet()
    assert flow.texts(flow.alice) == ["The first words.", "The answer."]
    assert await run_db(lambda: Outbox.objects.latest("id").state) == "sent"


async def test_a_preview_that_is_gone_and_a_markup_that_is_refused_at_once(flow: Flow) -> None:
    flow.model.set_default("The first words.")
    async with flow.running():
        await flow.says(flow.alice, "hi")
        refused = "Bad Request: can't parse entities: unsupported"
        flow.telegram.fault("status", method="sendMessage", status=400, description=refused)
        await run_db(_queue, str(flow.alice), {"text": "**The answer.**", "edit_ids": ["987654"]})
        await until(lambda: len(flow.texts(flow.alice)) == 2)
        await flow.quiet()
    assert await run_db(lambda: Outbox.objects.latest("id").attempts) == 1


async def test_chats_whose_budget_is_spent_do_not_hold_up_the_others(transactional_db: None) -> None:
    async with open_flow(CLAW_GROUP_RATE=0.5) as flow:
        groups = [flow.telegram.add_group(f"Group {number}")["id"] for number in range(AT_ONCE + 2)]
        await run_db(_queue_many, {str(group): 4 for group in groups} | {str(flow.alice): 5})
        async with flow.running():
            await until(lambda: len(flow.texts(flow.alice)) == 5)
        assert all(0 < len(flow.texts(group)) < 4 for group in groups)


async def test_a_large_file_on_a_slow_line_gets_the_time_it_needs(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Settings
) -> None:
    settings.CLAW_HOME = tmp_path
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "big.bin").write_bytes(b"x" * 2**20)
    flow.model.set_default("Hello.")
    async with flow.running():
        await flow.says(flow.alice, "hi")
        monkeypatch.setattr(delivery, "CALL_SECONDS", 1.0)
        flow.telegram.fault("delay", method="sendDocument", seconds=3)
        files = [["media/big.bin", "big.bin", "application/octet-stream", "document"]]
        await run_db(_queue, str(flow.alice), {"files": files})
        await flow.quiet()
    assert [message["document"]["file_name"] for message in flow.telegram.bot_messages(flow.alice)[1:]] == ["big.bin"]
    row = await run_db(lambda: Outbox.objects.latest("id"))
    assert (row.state, row.resent, row.attempts) == ("sent", False, 1)


def _queue_many(counts: dict[str, int]) -> None:
    """Queue so many messages for each chat, one chat after the other."""
    channel = Channel.objects.get()
    for chat, count in counts.items():
        for number in range(count):
            payload = {"text": f"message {number}", "plain": True} | ({"group": True} if chat.startswith("-") else {})
            outbox.add_row(
                channel_id=channel.pk, chat_id=chat, session_id=None, dedupe_key=f"{chat}:{number}", payload=payload
            )


def _queue(chat: str, payload: dict[str, Any]) -> None:
    session = Session.objects.get(chat_id=chat)
    outbox.add_row(
        channel_id=session.channel_id, chat_id=chat, session_id=session.pk, dedupe_key="test", payload=payload
    )


async def test_what_a_row_is_given_to_say_until_it_is_taken_is_said(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = outbox.mark_sending

    def change_and_take(pks: list[int], **options: Any) -> Any:
        """Commit something newer between the sender's look and its claim, as a card that changes may."""
        Outbox.objects.filter(pk__in=pks).update(payload={"text": "newer", "plain": True})
        return take(pks, **options)

    def queue() -> None:
        channel = Channel.objects.get()
        outbox.add_row(
            channel_id=channel.pk, chat_id=str(flow.alice), session_id=None, dedupe_key="one",
            payload={"text": "older", "plain": True},
        )  # fmt: skip

    monkeypatch.setattr(outbox, "mark_sending", change_and_take)
    async with flow.running():
        await run_db(queue)
        await until(lambda: flow.texts(flow.alice) == ["newer"])
