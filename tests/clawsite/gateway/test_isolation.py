"""Whose session is whose: Alice's token is an admin's, Bob and Charlie see their own, a reader may only read."""

from __future__ import annotations

from typing import Any

import pytest

from clawsite.core.db import run_db
from clawsite.gateway.keys import place_key
from clawsite.gateway.principal import Principal, Scope
from guardrails.types import Role
from sessions_app.models import Contact, Message, Session
from tests.clawsite.gateway.seat import Refused, principal
from tests.clawsite.gateway.talk import ALICE, BOB, CHARLIE, READER, Talk, text_of

ONE_ANSWER = "There is no session"


async def refusal(call: Any) -> str:
    with pytest.raises(Refused) as caught:
        await call
    return f"{caught.value.code}: {caught.value.message}"


async def test_each_has_a_main_session_of_their_own(talk: Talk) -> None:
    talk.model.set_default("Noted.")
    async with talk.running():
        with talk.line(BOB) as bob, talk.line(CHARLIE) as charlie:
            await bob.asks("my cat is called Mia")
            await charlie.asks("what is my cat called?")
            rows = (await charlie.call("chat.history", sessionKey="main"))["messages"]
            assert [row["content"][0]["text"] for row in rows] == ["what is my cat called?", "Noted."]
            assert [row["key"] for row in (await bob.call("sessions.list"))["sessions"]] == ["agent:main:main"]
            assert not any(payload.get("runId") in bob.events for _, payload in charlie.events)
    bobs, charlies = talk.asked()
    assert "Mia" in bobs
    assert "Mia" not in charlies


CALLS = [
    ("chat.history", "sessionKey", {}),
    ("chat.send", "sessionKey", {"message": "hi", "idempotencyKey": "k1"}),
    ("chat.abort", "sessionKey", {}),
    ("agent", "sessionKey", {"message": "hi", "idempotencyKey": "k2"}),
    ("sessions.patch", "key", {"label": "mine now"}),
    ("sessions.reset", "key", {}),
    ("sessions.delete", "key", {}),
    ("sessions.compact", "key", {}),
    ("sessions.messages.subscribe", "key", {}),
    ("sessions.messages.unsubscribe", "key", {}),
]


async def test_nobody_reaches_a_session_of_somebody_else_by_any_method(talk: Talk) -> None:
    talk.model.set_default("For Alice only.")
    async with talk.running():
        with talk.line(ALICE) as alice, talk.line(BOB) as bob:
            await alice.asks("a secret")
            await bob.call("sessions.subscribe")
            key = place_key(await talk.session("token:alice"))
            absent = key.replace("token:alice", "token:nobody")
            for method, name, params in CALLS:
                answers = [await refusal(bob.call(method, **params, **{name: each})) for each in (key, absent)]
                assert all(answer.startswith(f"FORBIDDEN: {ONE_ANSWER}") for answer in answers), (method, answers)
                assert answers[0].replace(key, "") == answers[1].replace(absent, "")
            assert await bob.call("sessions.describe", key=key) == {"session": None}
            assert (await bob.call("sessions.preview", keys=[key]))["previews"][0]["status"] == "missing"
            assert await bob.call("sessions.resolve", key=key, allowMissing=True) == {"ok": False}
            number = (await talk.session("token:alice")).pk
            assert await bob.call("sessions.resolve", sessionId=f"{number}-1", allowMissing=True) == {"ok": False}
            assert (await bob.call("sessions.list"))["sessions"] == []
            await alice.asks("another secret")
            assert bob.events == []
    assert await run_db(lambda: Message.objects.filter(session__chat_id="token:alice/main").count()) == 4


async def test_an_id_tells_nobody_whether_and_where_a_session_is(talk: Talk) -> None:
    with talk.line(ALICE) as alice, talk.line(BOB) as bob:
        made = await alice.call("sessions.create", key="secret-plans")
        for session_id in (made["sessionId"], "999999-1"):
            call = bob.call("agent", sessionId=session_id, message="hi", idempotencyKey="k")
            assert await refusal(call) == f"FORBIDDEN: There is no session '{session_id}', or it is not yours."
        own = await bob.call("sessions.create", key="notes")
        call = bob.call("agent", sessionId=own["sessionId"], message="hi", idempotencyKey="k", timeout=1)
        assert "longer than 1 seconds" in await refusal(call)
        assert bob.responses[-1]["sessionKey"] == "agent:main:notes"
    assert await run_db(Session.objects.count) == 2


async def test_nobody_waits_for_or_stops_a_run_of_somebody_else(talk: Talk) -> None:
    talk.model.set_default("x", first_pause=0.5)
    async with talk.running():
        with talk.line(ALICE) as alice, talk.line(BOB) as bob:
            run_id = await alice.says("work")
            assert "There is no run" in await refusal(bob.call("agent.wait", runId=run_id))
            assert "There is no run" in await refusal(bob.call("agent.wait", runId="inbox:1"))
            assert await bob.call("chat.abort", sessionKey="main", runId=run_id) == {
                "ok": True,
                "aborted": False,
                "runIds": [],
            }
            assert (await alice.end(run_id))["state"] == "final"


async def test_an_admin_sees_everybody_by_keys_of_places(talk: Talk) -> None:
    talk.model.set_default("Hello Bob.")
    async with talk.running():
        with talk.line(ALICE) as alice, talk.line(BOB) as bob:
            await bob.asks("hello")
            (row,) = (await alice.call("sessions.list"))["sessions"]
            assert row["key"] == f"agent:main:gateway:{talk.channel.pk}:direct:token:bob/main"
            read = await alice.call("chat.history", sessionKey=row["key"])
            assert [each["content"][0]["text"] for each in read["messages"]] == ["hello", "Hello Bob."]
            run_id = await bob.says("again")
            final = await alice.end(run_id)
            assert (final["sessionKey"], text_of(final)) == (row["key"], "Hello Bob.")
            assert "Only who sits in this chat" in await refusal(
                alice.call("chat.send", sessionKey=row["key"], message="as Bob", idempotencyKey="x")
            )


async def test_a_reader_reads_and_nothing_else(talk: Talk) -> None:
    with talk.line(READER) as reader:
        assert (await reader.call("chat.history", sessionKey="main"))["messages"] == []
        for method, params in (
            ("chat.send", {"sessionKey": "main", "message": "hi", "idempotencyKey": "k"}),
            ("chat.abort", {"sessionKey": "main"}),
            ("agent", {"message": "hi", "idempotencyKey": "k"}),
            ("sessions.patch", {"key": "main", "label": "x"}),
            ("sessions.delete", {"key": "main"}),
            ("send", {"to": "1", "message": "x", "idempotencyKey": "k"}),
        ):
            assert "missing scope: operator.write" in await refusal(reader.call(method, **params))
    with talk.line(BOB) as bob:
        assert "missing scope: operator.admin" in await refusal(bob.call("chat.inject", sessionKey="main", message="x"))


async def test_a_message_has_no_more_rights_than_the_connection_it_came_over(talk: Talk) -> None:
    """One account, two tokens: what the lesser one sends is no admin's, though the account's contact is."""
    lesser = principal("bob-limited", Scope.WRITE, user_id=None)
    lesser = Principal(
        subject="token:2", owner=ALICE.owner, name="lesser", granted=lesser.granted, scopes=lesser.scopes
    )
    async with talk.running():
        with talk.line(ALICE) as admin, talk.line(lesser) as operator:
            assert "Nobody waits" in await admin.asks("/pair")
            contact = await run_db(Contact.objects.get)
            assert contact.role == Role.ADMIN
            assert "Nobody waits" not in await operator.asks("/pair")
            assert (await run_db(Contact.objects.get)).role == Role.ADMIN


async def test_who_was_shut_out_is_told_so(talk: Talk) -> None:
    with talk.line(BOB) as bob:
        await bob.says("hello")
        await run_db(lambda: Contact.objects.update(state=Contact.State.BLOCKED))
        assert "shut you out" in await refusal(
            bob.call("chat.send", sessionKey="main", message="x", idempotencyKey="y")
        )


async def test_a_channel_that_is_off_says_so(talk: Talk) -> None:
    talk.channel.enabled = False
    await run_db(talk.channel.save)
    with talk.line(BOB) as bob:
        answer = await refusal(bob.call("chat.send", sessionKey="main", message="x", idempotencyKey="y"))
    assert answer.startswith("UNAVAILABLE: Conversations over the gateway are switched off")
    assert await run_db(Session.objects.count) == 0


@pytest.mark.parametrize(
    "key", ["", " ", "a b", "a/b", "a#b", "agent:other:main", "x" * 121, "a\x00b", "agent:main:", "☃ x"]
)
async def test_keys_that_mean_nothing_are_refused(talk: Talk, key: str) -> None:
    with talk.line(BOB) as bob:
        answer = await refusal(bob.call("chat.send", sessionKey=key, message="x", idempotencyKey="y"))
    assert answer.startswith("INVALID_REQUEST")
    assert await run_db(Session.objects.count) == 0
