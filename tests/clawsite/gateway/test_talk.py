"""A conversation over the gateway: stored, streamed, answered, and read again."""

from __future__ import annotations

import pytest

from clawsite.core.db import run_db
from sessions_app.models import Inbox, Turn
from tests.clawsite.gateway.seat import Refused
from tests.clawsite.gateway.talk import ALICE, BOB, Talk, new_run, text_of

LONG = "One two three four five six seven eight nine ten. " * 40


async def test_a_message_is_answered_with_growing_text_and_one_final(talk: Talk) -> None:
    talk.model.set_default(LONG, deltas=60, pause=0.02)
    async with talk.running():
        with talk.line(BOB) as bob:
            run_id = await bob.says("hello")
            final = await bob.end(run_id)
    events = bob.of_run(run_id)
    assert [event["seq"] for event in events] == sorted({event["seq"] for event in events})
    assert final["state"] == "final"
    assert text_of(final) == LONG.strip()
    assert final["sessionKey"] == "agent:main:main"
    deltas = [event for event in events if event["state"] == "delta"]
    assert len(deltas) > 2
    grown = ""
    for delta in deltas:
        grown = delta["deltaText"] if delta.get("replace") else grown + delta["deltaText"]
        assert text_of(delta) == grown
    phases = [event["data"]["phase"] for event in bob.of_run(run_id, "agent") if event["stream"] == "lifecycle"]
    assert phases == ["start", "end"]
    assert [event["state"] for event in events].count("final") == 1


async def test_history_shows_what_was_said_with_numbers(talk: Talk) -> None:
    talk.model.set_default("Hello Bob.")
    async with talk.running():
        with talk.line(BOB) as bob:
            run_id = await bob.says("hello")
            await bob.end(run_id)
            read = await bob.call("chat.history", sessionKey="main")
    assert [(row["role"], row["content"][0]["text"]) for row in read["messages"]] == [
        ("user", "hello"),
        ("assistant", "Hello Bob."),
    ]
    assert [row["__openclaw"]["seq"] for row in read["messages"]] == [1, 2]
    assert read["messages"][0]["idempotencyKey"] == run_id
    assert (read["sessionKey"], read["hasMore"], read["totalMessages"]) == ("agent:main:main", False, 2)
    assert read["sessionInfo"]["hasActiveRun"] is False


async def test_the_message_is_a_row_before_it_is_said_to_be_started(talk: Talk) -> None:
    with talk.line(BOB) as bob:
        run_id = await bob.says("hello")
        row = await run_db(Inbox.objects.get)
    assert (row.external_id, row.state) == (f"token:bob:{run_id}", "new")
    assert row.lane == f"{talk.channel.pk}/token:bob/main/"


async def test_a_message_that_comes_again_is_answered_from_rows(talk: Talk) -> None:
    talk.model.set_default("Once.")
    run_id = new_run()
    with talk.line(BOB) as bob:
        await bob.says("hello", run_id=run_id)
        params = {"sessionKey": "main", "message": "hello", "idempotencyKey": run_id}
        assert await bob.call("chat.send", **params) == {"runId": run_id, "status": "in_flight"}
        async with talk.running():
            await bob.end(run_id)
            assert await bob.call("chat.send", **params) == {"runId": run_id, "status": "ok"}
    assert await run_db(Inbox.objects.count) == 1
    assert len(talk.asked()) == 1


async def test_who_does_not_wait_for_answers_is_told_to(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clawsite.gateway.store.MAX_WAITING", 2)
    with talk.line(BOB) as bob, talk.line(ALICE) as alice:
        runs = [await bob.says("hello") for _ in range(2)]
        with pytest.raises(Refused, match="wait for their answers") as refused:
            await bob.says("hello")
        assert refused.value.code == "UNAVAILABLE"
        again = {"sessionKey": "main", "message": "hello", "idempotencyKey": runs[0]}
        assert (await bob.call("chat.send", **again))["status"] == "in_flight"
        await alice.says("hello")
    assert await run_db(Inbox.objects.count) == 3


async def test_a_command_is_answered_without_the_model(talk: Talk) -> None:
    async with talk.running():
        with talk.line(ALICE) as alice:
            run_id = await alice.says("/help")
            final = await alice.end(run_id)
    assert "/reset" in text_of(final)
    assert not talk.model.requests()
    assert await run_db(Turn.objects.count) == 0
