"""Following a session: one reader however many follow, nothing lost, nothing told twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from clawsite.core.db import run_db, run_tx
from clawsite.core.nudge import nudge
from clawsite.gateway import feed as feed_module
from clawsite.gateway.changes import Changes, read_changes
from clawsite.gateway.feeds import feeds
from guardrails.approvals import decide
from guardrails.models import Approval
from guardrails.types import Actor, Role
from sessions_app import facts
from sessions_app.models import Message, Session
from sessions_app.purge import purge_session
from sessions_app.sessions import add_message
from tests.bots.flow import until
from tests.clawsite.gateway.talk import ALICE, BOB, CHARLIE, Talk, Talker, text_of
from tests.servers.messages.scripts import text, tool_use

LONG = "One two three four five six seven eight nine ten. " * 40


async def follow(line: Talker, key: str = "main") -> None:
    await line.call("sessions.messages.subscribe", key=key)


async def test_two_hundred_followers_cost_one_reading(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    readings = 0

    def count(*args: int, **kwargs: object) -> Changes | None:
        nonlocal readings
        readings += 1
        return read_changes(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(feed_module, "read_changes", count)
    talk.model.set_default("Hello.")
    async with talk.running():
        with ExitStack() as stack:
            lines = [stack.enter_context(talk.line(BOB)) for _ in range(200)]
            await lines[0].call("sessions.create", key="main")
            for line in lines:
                await follow(line)
            run_id = await lines[0].says("hi")
            ends = await asyncio.gather(*(line.end(run_id) for line in lines))
    assert {text_of(end) for end in ends} == {"Hello."}
    assert readings < 12


async def test_who_reads_while_text_grows_misses_nothing(talk: Talk) -> None:
    """Each of many who come at any moment has every message once: read, or told, or both by its number."""
    talk.model.set_default(LONG, deltas=30, pause=0.01)
    async with talk.running():
        with ExitStack() as stack:
            writer = stack.enter_context(talk.line(BOB))
            await writer.call("sessions.create", key="main")
            seen: list[tuple[Talker, set[int]]] = []
            runs = []
            for number in range(6):
                runs.append(await writer.says(f"message {number}"))
                for _ in range(4):
                    line = stack.enter_context(talk.line(BOB))
                    read = await line.call("chat.history", sessionKey="main")
                    seen.append((line, {row["__openclaw"]["seq"] for row in read["messages"]}))
                    await asyncio.sleep(0.02)
            for run_id in runs:
                await writer.end(run_id, timeout=20)
            await until(lambda: all(len(_numbers(line) | read) == 12 for line, read in seen))
    for line, _ in seen:
        told = [payload["messageSeq"] for name, payload in line.events if name == "session.message"]
        assert len(told) == len(set(told))
        for run_id in runs:
            ends = [each for each in line.of_run(run_id) if each["state"] in ("final", "error", "aborted")]
            assert len(ends) <= 1


def _numbers(line: Talker) -> set[int]:
    return {payload["messageSeq"] for name, payload in line.events if name == "session.message"}


async def test_nudges_that_come_again_tell_nothing_again(talk: Talk) -> None:
    talk.model.set_default("Hello.")
    async with talk.running():
        with talk.line(BOB) as bob:
            run_id = await bob.says("hi")
            await bob.end(run_id)
            session = await talk.session("token:bob")
            before = len(bob.events)
            for _ in range(20):
                nudge("session", session=session.pk)
                await asyncio.sleep(0.01)
            await bob.asks("again")
    assert [event["state"] for event in bob.of_run(run_id)].count("final") == 1
    assert len([each for each in bob.events[before:] if each[0] == "session.message"]) == 2


async def test_a_lost_nudge_costs_seconds_not_messages(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clawsite.gateway.feeds.CHECK_SECONDS", 0.2)
    with talk.line(BOB) as bob:
        await bob.call("sessions.create", key="main")
        await follow(bob)
        session = await talk.session("token:bob")
        await run_tx(add_message, session.pk, role=Message.Role.NOTICE, text="nobody was nudged")
        payload = await bob.until("session.message")
    assert payload["message"]["content"][0]["text"] == "nobody was nudged"


async def test_what_was_told_while_somebody_began_to_follow_is_in_the_number_they_get(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with talk.line(BOB) as first, talk.line(BOB) as second:
        await first.call("sessions.create", key="main")
        await follow(first)
        session = await talk.session("token:bob")
        late: list[str] = ["a message between the look at the session and the following"]

        async def slowly(work: Callable[..., Any], *args: Any) -> Any:
            found = await run_db(work, *args)
            while late:
                await run_tx(add_message, session.pk, role=Message.Role.NOTICE, text=late.pop())
                nudge("session", session=session.pk)
                await first.until("session.message")
            return found

        monkeypatch.setattr("clawsite.gateway.methods.sessions.run_db", slowly)
        answer = await second.call("sessions.messages.subscribe", key="main")
    assert answer["lastSeq"] == 1


async def test_what_answers_nothing_is_told_as_a_run_of_its_own(talk: Talk) -> None:
    with talk.line(ALICE) as alice:
        await alice.call("sessions.create", key="main")
        await follow(alice)
        answer = await alice.call("chat.inject", sessionKey="main", message="Backup done.", label="cron")
        payload = await alice.until("chat", state="final", runId=f"message:{answer['messageId']}")
    assert text_of(payload) == "[cron]\n\nBackup done."


async def test_a_run_that_waits_for_a_decision_says_so_and_goes_on(talk: Talk) -> None:
    async with talk.running():
        with talk.line(BOB) as bob:
            await bob.call("sessions.create", key="main")
            session = await talk.session("token:bob")
            await run_db(lambda: facts.remember(session, "Bob likes tea.", kind="durable", origin="command"))
            talk.model.script(tool_use("forget", {"what": "Bob likes tea."}), match="drop the old fact")
            talk.model.script(text("Forgotten."), on_result=True, times=None)
            run_id = await bob.says("I drink coffee now, drop the old fact")
            status = await bob.until("chat", state="status", runId=run_id)
            assert status["phase"] == "waiting_approval"
            waited = await bob.call("agent.wait", runId=run_id, timeoutMs=10)
            assert (waited["status"], waited["state"]) == ("timeout", "waiting")
            read = await bob.call("chat.history", sessionKey="main")
            assert read["inFlightRun"]["status"] == "waiting"
            assert "May I do this?" in read["messages"][-1]["content"][0]["text"]
            asked = [each for name, each in bob.events if name == "chat" and each["runId"].startswith("message:")]
            assert "May I do this?" in text_of(asked[0])
            approval = await run_db(Approval.objects.get)
            await run_db(decide, approval.key, actor=BOB.actor, approve=True)
            assert text_of(await bob.end(run_id)) == "Forgotten."
            assert (await bob.call("agent.wait", runId=run_id))["status"] == "ok"
    assert await run_db(lambda: facts.list_facts(session, size=5).total) == 0


async def test_a_run_that_waits_for_a_decision_can_be_stopped(talk: Talk) -> None:
    async with talk.running():
        with talk.line(BOB) as bob:
            await bob.call("sessions.create", key="main")
            session = await talk.session("token:bob")
            await run_db(lambda: facts.remember(session, "Bob likes tea.", kind="durable", origin="command"))
            talk.model.script(tool_use("forget", {"what": "Bob likes tea."}), match="drop the old fact")
            run_id = await bob.says("I drink coffee now, drop the old fact")
            await bob.until("chat", state="status", runId=run_id)
            assert (await bob.call("chat.abort", sessionKey="main"))["runIds"] == [run_id]
            assert (await bob.end(run_id))["state"] == "aborted"
    assert await run_db(lambda: Approval.objects.get().state) != "waiting"


async def test_a_session_that_is_removed_ends_its_feed(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clawsite.gateway.feeds.CHECK_SECONDS", 0.2)
    with talk.line(BOB) as bob, talk.line(ALICE) as alice:
        await bob.call("sessions.create", key="gone")
        await follow(bob, "gone")
        await alice.call("sessions.subscribe")
        await bob.call("sessions.patch", key="gone", label="soon")
        await bob.until("sessions.changed", label="soon")
        await bob.call("sessions.delete", key="gone")
        await bob.until("sessions.changed", reason="delete", sessionKey="agent:main:gone")
        await alice.until("sessions.changed", reason="delete")
        await bob.call("sessions.create", key="other")
        with talk.line(BOB) as watcher:
            await watcher.call("sessions.subscribe")
            await until(lambda: len(feeds._feeds) == 0)
            await bob.call("sessions.delete", key="other")
            await watcher.until("sessions.changed", reason="delete", sessionKey="agent:main:other")
    assert await run_db(Session.objects.count) == 0
    await until(lambda: not feeds._feeds)


async def test_who_watches_hears_of_a_session_that_is_removed_elsewhere(talk: Talk) -> None:
    """In the admin pages, say, or with its channel: nobody follows it, and nobody can look at its name any more."""
    with talk.line(BOB) as bob, talk.line(ALICE) as alice, talk.line(CHARLIE) as charlie:
        await bob.call("sessions.create", key="gone")
        session = await talk.session("token:bob", "gone")
        for line in (bob, alice, charlie):
            await line.call("sessions.subscribe")
        await run_db(lambda: purge_session(session, actor=Actor(subject="user:1", role=Role.ADMIN, name="Alice")))
        await bob.until("sessions.changed", reason="delete", sessionKey="agent:main:gone")
        key = f"agent:main:gateway:{talk.channel.pk}:direct:token:bob/gone"
        await alice.until("sessions.changed", reason="delete", sessionKey=key)
        assert [len(line.events) for line in (bob, alice, charlie)] == [1, 1, 0]
