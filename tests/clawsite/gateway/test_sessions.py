"""sessions.*: listing, finding, setting, resetting, removing; and hearing of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from clawsite.core.db import run_db
from clawsite.core.models import AuditEvent
from clawsite.gateway import listing
from clawsite.gateway.cached import answers
from clawsite.gateway.listing import ListParams, View, build_list, encode_params
from sessions_app.models import Message, Session
from tests.bots.flow import until
from tests.clawsite.gateway.seat import Refused
from tests.clawsite.gateway.talk import ALICE, BOB, Talk, text_of


async def test_the_list_is_paged_and_searched(talk: Talk) -> None:
    with talk.line(BOB) as bob:
        for number in range(5):
            await bob.call("sessions.create", key=f"s{number}", label=f"Project {number}")
        first = await bob.call("sessions.list", limit=2)
        assert [row["key"] for row in first["sessions"]] == ["agent:main:s4", "agent:main:s3"]
        assert (first["count"], first["totalCount"], first["hasMore"], first["nextOffset"]) == (2, 5, True, 2)
        last = await bob.call("sessions.list", limit=2, offset=4)
        assert [row["key"] for row in last["sessions"]] == ["agent:main:s0"]
        assert (last["hasMore"], last["nextOffset"]) == (False, None)
        found = await bob.call("sessions.list", search="ject 3")
        assert [row["label"] for row in found["sessions"]] == ["Project 3"]
        assert (await bob.call("sessions.list", label="Project 1"))["count"] == 1
        assert (await bob.call("sessions.list", activeMinutes=5))["count"] == 5
        assert (await bob.call("sessions.list", agentId="other"))["count"] == 0
        with pytest.raises(Refused, match="limit"):
            await bob.call("sessions.list", limit=10_000)
        with pytest.raises(Refused, match="unknown field"):
            await bob.call("sessions.list", limt=1)


async def test_what_has_no_effect_makes_no_answer_of_its_own(talk: Talk) -> None:
    with talk.line(BOB) as bob:
        for word in ("a", "b" * 100_000):
            assert (await bob.call("sessions.list", sortBy=word, archived=word, agentId="main"))["count"] == 0
            assert (await bob.call("chat.history", sessionKey="new", sessionId=word, inputRunIds=[word]))[
                "messages"
            ] == []
    assert len(listing._lists._kept) == 1
    assert len(answers._entries) == 1


async def test_a_row_says_what_clients_show(talk: Talk) -> None:
    talk.model.set_default("Hello Bob.")
    async with talk.running():
        with talk.line(BOB) as bob:
            await bob.asks("please count the sheep\nthank you")
            listed = await bob.call("sessions.list", includeDerivedTitles=True, includeLastMessage=True)
            (row,) = listed["sessions"]
    assert row["derivedTitle"] == "please count the sheep"
    assert row["lastMessagePreview"] == "Hello Bob."
    assert (row["kind"], row["channel"], row["isMain"], row["status"]) == ("direct", "gateway", True, "done")
    assert (row["model"], row["hasActiveRun"]) == ("claude-sonnet-5-5", False)
    assert row["inputTokens"] > 0
    assert row["startedAt"] <= row["endedAt"]
    assert listed["defaults"]["model"] == "claude-sonnet-5-5"


async def test_the_list_costs_the_same_however_many_sessions_a_page_has(talk: Talk) -> None:
    def rows(count: int) -> None:
        now = timezone.now()
        made = Session.objects.bulk_create(
            Session(channel=talk.channel, chat_id=f"token:bob/x{count}-{number}", last_seq=1) for number in range(count)
        )
        Message.objects.bulk_create(
            Message(session=each, seq=1, role="user", text="hello", created_at=now) for each in made
        )

    def queries() -> int:
        params = ListParams(limit=500, include_last_message=True, include_derived_titles=True)
        with CaptureQueriesContext(connection) as seen:
            build_list(View(owner="token:bob", sees_all=False), encode_params(params))
        return len(seen)

    await run_db(rows, 3)
    few = await run_db(queries)
    await run_db(rows, 300)
    assert await run_db(queries) == few <= 10


async def test_a_change_is_in_the_next_list(talk: Talk) -> None:
    with talk.line(BOB) as bob:
        await bob.call("sessions.create", key="one")
        for name in ("first", "second", "third"):
            await bob.call("sessions.patch", key="one", label=name)
            assert (await bob.call("sessions.list"))["sessions"][0]["label"] == name


async def test_patch_sets_what_there_is_and_names_what_there_is_not(talk: Talk) -> None:
    with talk.line(BOB) as bob:
        answer = await bob.call("sessions.patch", key="main", label="Work", model="anthropic/claude-sonnet-5-5")
        assert (answer["ok"], answer["key"], answer["entry"]["label"]) == (True, "agent:main:main", "Work")
        assert answer["resolved"]["model"] == "claude-sonnet-5-5"
        answer = await bob.call("sessions.patch", key="main", thinkingLevel="high", verboseLevel=None)
        assert answer["unsupported"] == ["thinkingLevel"]
        await bob.call("sessions.patch", key="main", groupActivation="always")
        row = await talk.session("token:bob")
        assert (row.title, row.model, row.trigger) == ("Work", "claude-sonnet-5-5", "always")
        await bob.call("sessions.patch", key="main", label=None, model=None, groupActivation=None)
        row = await talk.session("token:bob")
        assert (row.title, row.model, row.trigger) == ("", "", "auto")
        for wrong in (
            {"model": "no-such-model"},
            {"groupActivation": "never"},
            {"execHost": "node"},
            {"label": "x" * 201},
        ):
            with pytest.raises(Refused):
                await bob.call("sessions.patch", key="main", **wrong)
    actions = await run_db(
        lambda: list(AuditEvent.objects.filter(action="session.settings").values_list("actor", flat=True))
    )
    assert set(actions) == {"token:bob"}


async def test_reset_begins_anew_and_history_shows_only_the_new(talk: Talk) -> None:
    talk.model.set_default("Noted.")
    async with talk.running():
        with talk.line(BOB) as bob:
            await bob.asks("my cat is called Mia")
            before = await bob.call("chat.history", sessionKey="main")
            answer = await bob.call("sessions.reset", key="main", reason="new")
            assert answer["key"] == "agent:main:main"
            assert answer["entry"]["sessionId"] != before["sessionId"]
            assert (await bob.call("chat.history", sessionKey="main"))["messages"] == []
            await bob.asks("what is my cat called?")
            read = await bob.call("chat.history", sessionKey="main")
            assert len(read["messages"]) == read["totalMessages"] == 2
    assert "Mia" not in talk.asked()[-1]
    assert await run_db(AuditEvent.objects.filter(action="session.reset", actor="token:bob").exists)


async def test_delete_removes_everything_but_never_the_main_session(talk: Talk) -> None:
    talk.model.set_default("word " * 400, deltas=400, pause=0.05)
    async with talk.running():
        with talk.line(BOB) as bob:
            run_id = await bob.says("write a book", key="book")
            await bob.until("chat", state="delta", runId=run_id)
            assert await bob.call("sessions.delete", key="book") == {
                "ok": True,
                "key": "agent:main:book",
                "deleted": True,
                "archived": [],
            }
            assert (await bob.call("sessions.delete", key="book"))["deleted"] is False
            await bob.call("sessions.create", key="main")
            with pytest.raises(Refused, match="main session cannot be deleted"):
                await bob.call("sessions.delete", key="main")
            with pytest.raises(Refused, match="deleted with its transcript"):
                await bob.call("sessions.delete", key="main", deleteTranscript=False)
    assert await run_db(lambda: list(Session.objects.values_list("chat_id", flat=True))) == ["token:bob/main"]
    assert await run_db(Message.objects.count) == 0


async def test_create_with_a_message_begins_at_once(talk: Talk) -> None:
    talk.model.set_default("Begun.")
    async with talk.running():
        with talk.line(BOB) as bob:
            made = await bob.call("sessions.create", label="New work", message="begin", idempotencyKey="k1")
            assert made["key"].startswith("agent:main:chat-")
            assert made["runId"] == "k1"
            assert text_of(await bob.end("k1")) == "Begun."
            assert (await bob.call("sessions.resolve", label="New work"))["key"] == made["key"]
            assert (await bob.call("sessions.resolve", sessionId=made["sessionId"]))["key"] == made["key"]
            with pytest.raises(Refused, match="No session found: nothing"):
                await bob.call("sessions.resolve", label="nothing")


async def test_create_is_safe_to_repeat_and_makes_nothing_for_a_message_that_cannot_be_sent(talk: Talk) -> None:
    with talk.line(BOB) as bob:
        made = [await bob.call("sessions.create", message="begin", idempotencyKey="k1") for _ in range(2)]
        assert [each["runStarted"] for each in made] == [True, False]
        assert made[0]["key"] == made[1]["key"]
        with pytest.raises(Refused, match="characters"):
            await bob.call("sessions.create", message="x" * 70_000)
        assert (await bob.call("sessions.list"))["count"] == 1


async def test_previews_are_short(talk: Talk) -> None:
    talk.model.set_default("A long answer. " * 40)
    async with talk.running():
        with talk.line(BOB) as bob:
            await bob.asks("hello")
            shown = await bob.call("sessions.preview", keys=["main", "none"], limit=5, maxChars=40)
    ok, missing = shown["previews"]
    assert [item["role"] for item in ok["items"]] == ["user", "assistant"]
    assert all(len(item["text"]) <= 40 for item in ok["items"])
    assert (ok["status"], missing["status"], missing["items"]) == ("ok", "missing", [])


async def test_who_subscribes_hears_of_sessions_they_may_see(talk: Talk) -> None:
    talk.model.set_default("Hello.")
    async with talk.running():
        with talk.line(BOB) as bob, talk.line(ALICE) as alice, talk.line(BOB) as quiet:
            assert await alice.call("sessions.subscribe") == {"subscribed": True}
            listed = await bob.call("sessions.subscribe", limit=10)
            assert listed["list"]["sessions"] == []
            with talk.line(BOB) as writer:
                await writer.asks("hi")
            for line in (alice, bob):
                await until(lambda line=line: len(_messages(line.events)) == 2)  # type: ignore[misc]
                assert _messages(line.events) == [("user", "hi"), ("assistant", "Hello.")]
            key = (await alice.until("sessions.changed", reason="run"))["sessionKey"]
            assert key == f"agent:main:gateway:{talk.channel.pk}:direct:token:bob/main"
            row = (await bob.until("sessions.changed", reason="run"))["session"]
            assert (row["key"], row["isMain"]) == ("agent:main:main", True)
            assert quiet.events == []
            assert not [name for name, _ in alice.events if name == "chat"]
            await bob.call("sessions.unsubscribe")
            bob.events.clear()
            await bob.call("sessions.patch", key="main", label="x")
            await alice.until("sessions.changed", label="x")
            assert bob.events == []


def _messages(events: list[tuple[str, Any]]) -> list[tuple[str, str]]:
    found = [payload["message"] for name, payload in events if name == "session.message"]
    return [(message["role"], message["content"][0]["text"]) for message in found]


@pytest.mark.sqlite  # elsewhere several threads ask the database
async def test_where_all_sessions_stand_is_read_once_for_those_who_begin_to_watch_together(talk: Talk) -> None:
    with talk.line(ALICE) as alice, talk.line(BOB) as bob:
        queries = CaptureQueriesContext(connection)
        await run_db(queries.__enter__)
        await asyncio.gather(*(each.call("sessions.subscribe") for each in (alice, bob, alice, bob)))
        await run_db(queries.__exit__, None, None, None)
        assert await run_db(len, queries) == 2
        assert all(" LIMIT " in query["sql"] for query in await run_db(list, queries)), "the cost has a bound"


async def test_who_watches_is_told_only_what_came_since_also_of_sessions_that_slept(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clawsite.gateway.changes.MOST_KEPT", 1)
    with talk.line(ALICE) as writer, talk.line(ALICE) as alice:
        keys = ["old", "older", "awake"]
        for key in keys:
            await writer.call("sessions.create", key=key)
            await writer.call("chat.inject", sessionKey=key, message=f"{key}, before")
        await alice.call("sessions.subscribe")
        for key in keys:
            await writer.call("chat.inject", sessionKey=key, message=f"{key}, since")
        await until(lambda: len(_messages(alice.events)) >= len(keys))
        await writer.call("chat.inject", sessionKey="older", message="older, at last")
        await until(lambda: len(_messages(alice.events)) > len(keys))
    told = sorted(text for _, text in _messages(alice.events))
    assert told == ["awake, since", "old, since", "older, at last", "older, since"]
