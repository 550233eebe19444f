"""Runs: their two answers, their stopping, and what is known of them after restarts."""

from __future__ import annotations

import asyncio

import pytest
from django.test import override_settings

from clawsite.core.db import run_db
from clawsite.gateway.feeds import feeds
from sessions_app.models import Inbox, Message, Turn
from tests.bots.flow import until, until_db
from tests.clawsite.gateway.seat import Refused
from tests.clawsite.gateway.talk import ALICE, BOB, Talk, new_run, text_of

LONG = "word " * 400


async def test_agent_answers_twice(talk: Talk) -> None:
    talk.model.set_default("Done.")
    async with talk.running():
        with talk.line(BOB) as bob:
            final = await bob.call(
                "agent", message="do it", idempotencyKey="k1", sessionKey="agent:main:job", timeout=20
            )
    (accepted,) = bob.responses
    assert (accepted["runId"], accepted["status"], accepted["sessionKey"]) == ("k1", "accepted", "agent:main:job")
    assert accepted["acceptedAt"] > 1_600_000_000_000
    assert (final["runId"], final["status"], final["summary"]) == ("k1", "ok", "completed")
    assert final["result"]["payloads"] == [{"text": "Done.", "mediaUrl": None}]
    assert final["result"]["meta"]["durationMs"] >= 0


async def test_agent_that_fails_answers_with_payload_and_error(talk: Talk) -> None:
    with override_settings(CLAW_MODELS=[]):
        async with talk.running():
            with talk.line(BOB) as bob:
                with pytest.raises(Refused) as caught:
                    await bob.call("agent", message="do it", idempotencyKey="k1")
                assert (await bob.end("k1"))["state"] == "error"
    assert caught.value.code == "UNAVAILABLE"
    assert caught.value.payload["status"] == "error"
    assert caught.value.payload["runId"] == "k1"
    assert caught.value.payload["summary"] == caught.value.message != ""


async def test_agent_that_takes_too_long_is_stopped(talk: Talk) -> None:
    talk.model.set_default(LONG, deltas=400, pause=0.05)
    async with talk.running():
        with talk.line(BOB) as bob:
            with pytest.raises(Refused, match="took longer than 1 seconds"):
                await bob.call("agent", message="do it", idempotencyKey="k1", timeout=1)
            assert (await bob.end("k1"))["state"] == "aborted"


async def test_chat_send_with_a_limit_is_stopped(talk: Talk) -> None:
    talk.model.set_default(LONG, deltas=400, pause=0.05)
    async with talk.running():
        with talk.line(BOB) as bob:
            run_id = await bob.says("do it", timeoutMs=500)
            assert (await bob.end(run_id))["state"] == "aborted"


async def test_agent_wait_knows_runs_of_before_a_restart(talk: Talk) -> None:
    talk.model.set_default("Done.")
    with talk.line(BOB) as bob:
        run_id = await bob.says("hello")
        waited = await bob.call("agent.wait", runId=run_id, timeoutMs=50)
        assert (waited["status"], waited["state"]) == ("timeout", "queued")
        async with talk.running():
            assert (await bob.call("agent.wait", runId=run_id))["status"] == "ok"
    await feeds.close()
    with talk.line(BOB) as again:
        waited = await again.call("agent.wait", runId=run_id, timeoutMs=0)
    assert waited["status"] == "ok"
    assert waited["startedAt"] <= waited["endedAt"]


async def test_abort_stops_a_run_and_says_so(talk: Talk) -> None:
    talk.model.set_default(LONG, deltas=400, pause=0.05)
    async with talk.running():
        with talk.line(BOB) as bob:
            run_id = await bob.says("write a book")
            await bob.until("chat", state="delta", runId=run_id)
            other = await bob.call("chat.abort", sessionKey="other")
            assert other == {"ok": True, "aborted": False, "runIds": []}
            await bob.says("x", key="other")
            with pytest.raises(Refused, match="runId does not match sessionKey"):
                await bob.call("chat.abort", sessionKey="other", runId=run_id)
            answer = await bob.call("chat.abort", sessionKey="main", runId=run_id)
            assert answer == {"ok": True, "aborted": True, "runIds": [run_id]}
            end = await bob.end(run_id)
            assert end["state"] == "aborted"
            waited = await bob.call("agent.wait", runId=run_id)
    assert (waited["status"], waited["error"]) == ("error", "aborted")
    assert (await run_db(Turn.objects.get, session__chat_id="token:bob/main")).state == "cancelled"


async def test_a_run_that_waits_its_turn_is_stopped_before_it_begins(talk: Talk) -> None:
    with talk.line(BOB) as bob:
        run_id = await bob.says("hello")
        answer = await bob.call("chat.abort", sessionKey="main")
        assert answer == {"ok": True, "aborted": True, "runIds": [run_id]}
        assert (await bob.end(run_id))["state"] == "aborted"
        async with talk.running():
            await talk.quiet()
        again = await bob.call("chat.send", sessionKey="main", message="hello", idempotencyKey=run_id)
    assert again == {"runId": run_id, "status": "error", "summary": "aborted"}
    assert not talk.model.requests()


async def test_stop_written_as_a_message_stops(talk: Talk) -> None:
    talk.model.set_default(LONG, deltas=400, pause=0.05)
    async with talk.running():
        with talk.line(BOB) as bob:
            run_id = await bob.says("write a book")
            await bob.until("chat", state="delta", runId=run_id)
            answer = await bob.call("chat.send", sessionKey="main", message="/stop", idempotencyKey=new_run())
            assert answer == {"ok": True, "aborted": True, "runIds": [run_id]}
            assert (await bob.end(run_id))["state"] == "aborted"


async def test_history_shows_the_run_in_flight_with_its_text(talk: Talk) -> None:
    talk.model.set_default(LONG, deltas=400, pause=0.05)
    async with talk.running():
        with talk.line(BOB) as bob:
            run_id = await bob.says("write a book")
            await until_db(Turn.objects.filter(draft__startswith="word word").exists)
            await asyncio.sleep(1.1)  # what is kept in memory lasts a second
            read = await bob.call("chat.history", sessionKey="main")
            assert read["inFlightRun"]["runId"] == run_id
            assert read["inFlightRun"]["text"].startswith("word word")
            assert read["sessionInfo"]["hasActiveRun"] is True
            assert read["sessionInfo"]["activeRunIds"] == [run_id]
            await bob.call("chat.abort", sessionKey="main")
            await bob.end(run_id)


async def test_losing_the_connection_loses_nothing(talk: Talk) -> None:
    talk.model.set_default(LONG, deltas=40, pause=0.03)
    async with talk.running():
        with talk.line(BOB) as bob:
            run_id = await bob.says("hello")
            await bob.until("chat", state="delta", runId=run_id)
        with talk.line(BOB) as again:
            read = await again.call("chat.history", sessionKey="main")
            seen = [row["content"][0]["text"] for row in read["messages"]]
            if LONG.strip() not in seen:
                assert text_of(await again.end(run_id)) == LONG.strip()
    assert await run_db(lambda: Message.objects.filter(role="assistant").count()) == 1


async def test_bots_that_restart_in_the_middle_answer_once(talk: Talk) -> None:
    talk.model.set_default("The whole answer.", deltas=20, pause=0.05)
    with talk.line(BOB) as bob, override_settings(CLAW_DRAIN_SECONDS=0.2):
        async with talk.running():
            run_id = await bob.says("hello")
            await until(lambda: bob.of_run(run_id, "agent"))
        talk.model.set_default("The whole answer.")
        async with talk.running():
            assert text_of(await bob.end(run_id, timeout=20)) == "The whole answer."
            await talk.quiet()
    assert [event["state"] for event in bob.of_run(run_id)].count("final") == 1
    assert await run_db(lambda: Message.objects.filter(role="assistant").count()) == 1


async def test_ten_sessions_at_once(talk: Talk) -> None:
    talk.model.set_default("Answered.", deltas=5, pause=0.01)
    async with talk.running():
        with talk.line(BOB) as bob:
            runs = await asyncio.gather(*(bob.says(f"hi {n}", key=f"s{n}") for n in range(10)))
            ends = await asyncio.gather(*(bob.end(run_id) for run_id in runs))
    assert [text_of(end) for end in ends] == ["Answered."] * 10
    assert {end["sessionKey"] for end in ends} == {f"agent:main:s{n}" for n in range(10)}
    for run_id in runs:
        assert [event["state"] for event in bob.of_run(run_id)].count("final") == 1


async def test_the_same_message_from_many_at_once_is_one_run(talk: Talk) -> None:
    talk.model.set_default("Once.")
    params = {"sessionKey": "main", "message": "hello", "idempotencyKey": "same"}
    async with talk.running():
        with talk.line(BOB) as one, talk.line(BOB) as two:
            answers = await asyncio.gather(*(line.call("chat.send", **params) for line in (one, two) * 10))
            assert text_of(await one.end("same")) == text_of(await two.end("same")) == "Once."
    assert [answer["status"] for answer in answers].count("started") == 1
    assert len(talk.asked()) == 1
    assert await run_db(Inbox.objects.count) == 1


async def test_a_key_is_not_used_for_two_messages(talk: Talk) -> None:
    with talk.line(BOB) as bob:
        await bob.says("hello", run_id="same")
        for method in ("chat.send", "agent"):
            with pytest.raises(Refused, match="used for another message"):
                await bob.call(method, sessionKey="main", message="bye", idempotencyKey="same")
        assert (await bob.call("chat.send", sessionKey="main", message="hello", idempotencyKey="same"))[
            "runId"
        ] == "same"
    assert await run_db(Inbox.objects.count) == 1


async def test_a_limit_may_be_any_number(talk: Talk) -> None:
    with talk.line(BOB) as bob:
        await bob.says("hello", timeoutMs=10**400)


async def test_a_key_is_not_used_in_two_sessions(talk: Talk) -> None:
    with talk.line(BOB) as bob:
        await bob.says("hello", run_id="same")
        with pytest.raises(Refused, match="used in another session"):
            await bob.call("chat.send", sessionKey="other", message="hello", idempotencyKey="same")
    with talk.line(ALICE) as alice:
        await alice.says("hello", run_id="same")
    assert await run_db(Inbox.objects.count) == 2


async def test_a_long_run_id_is_the_one_that_comes_back(talk: Talk) -> None:
    run_id = "☃" * 500
    talk.model.set_default("Yes.")
    async with talk.running():
        with talk.line(BOB) as bob:
            await bob.says("hello", run_id=run_id)
            assert text_of(await bob.end(run_id)) == "Yes."
            assert (await bob.call("agent.wait", runId=run_id))["status"] == "ok"
