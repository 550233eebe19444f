"""send: the bot writes to a chat of a channel, once, where it is known, for an admin's token only."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from clawsite.core import audit
from clawsite.core.db import run_db
from clawsite.core.models import AuditEvent
from clawsite.gateway.keys import place_key
from sessions_app.models import Channel, Contact, Message, Outbox, Session
from sessions_app.sessions import move_chat
from tests.clawsite.gateway.seat import Refused
from tests.clawsite.gateway.talk import ALICE, BOB, Talk


@pytest.fixture
async def telegram(talk: Talk) -> Channel:
    """A channel with a person who was let in, one who was not, and one who has a session."""
    return await run_db(_rows)


def _rows() -> Channel:
    channel = Channel.objects.create(kind="telegram", name="support", token="1:x")
    second = Channel.objects.create(kind="telegram", name="second", token="2:x", enabled=False)
    for each in (channel, second):
        Contact.objects.create(channel=each, external_id="77", state="approved", role="viewer")
    Contact.objects.create(channel=channel, external_id="88", state="pending")
    Session.objects.create(channel=channel, chat_id="99", kind="group", title="Ops")
    return channel


def params(**over: Any) -> dict[str, Any]:
    return {"to": "77", "message": "**Backup** done", "channel": "telegram", "idempotencyKey": "k1"} | over


async def test_a_message_is_queued_once_and_remembered(talk: Talk, telegram: Channel) -> None:
    with talk.line(ALICE) as alice:
        first = await alice.call("send", **params())
        assert await alice.call("send", **params()) == first
        assert (first["runId"], first["channel"], first["chatId"]) == ("k1", "telegram", "77")
        await alice.call("send", **params(idempotencyKey="k2", to="99", threadId="5", silent=True, channel="support"))
    rows = await run_db(lambda: list(Outbox.objects.order_by("id").values_list("chat_id", "thread_id", "state")))
    assert rows == [("77", "", "new"), ("99", "5", "new")]
    message = await run_db(Message.objects.get, pk=int(first["messageId"]))
    assert (message.role, message.text) == ("assistant", "**Backup** done")
    assert await run_db(AuditEvent.objects.filter(action="message.send", actor="token:alice").count) == 2


async def test_a_key_stands_for_one_message_to_one_chat(talk: Talk, telegram: Channel) -> None:
    session = await run_db(lambda: Session.objects.select_related("channel").get(chat_id="99"))
    elsewhere: dict[str, Any] = {"to": "", "channel": None, "sessionKey": place_key(session)}
    with talk.line(ALICE) as alice:
        await alice.call("send", **params())
        overs: list[dict[str, Any]] = [
            {"message": "Backup failed"},
            {"to": "99"},
            {"threadId": "5"},
            {"channel": None, "accountId": "second"},
            elsewhere,
        ]
        for over in overs:
            with pytest.raises(Refused, match="used for another message or another chat"):
                await alice.call("send", **params(**over))
    assert await run_db(Outbox.objects.count) == 1


async def test_a_second_try_finds_the_first_also_when_its_group_became_a_supergroup(
    talk: Talk, telegram: Channel
) -> None:
    session = await run_db(lambda: Session.objects.select_related("channel").get(chat_id="99"))
    tries = [params(to="99"), params(to="", channel=None, sessionKey=place_key(session), idempotencyKey="k2")]
    with talk.line(ALICE) as alice:
        first = [await alice.call("send", **each) for each in tries]
        await run_db(move_chat, telegram.pk, old="99", new="-10099")
        again = [await alice.call("send", **each) for each in tries]
    assert [each["messageId"] for each in first] == [each["messageId"] for each in again]
    assert await run_db(Outbox.objects.count) == 2


async def test_many_tries_at_once_are_one_message(talk: Talk, telegram: Channel) -> None:
    with talk.line(ALICE) as alice:
        answers = await asyncio.gather(*(alice.call("send", **params()) for _ in range(8)))
    assert len({each["messageId"] for each in answers}) == 1
    assert await run_db(lambda: (Outbox.objects.count(), Message.objects.count())) == (1, 1)


async def test_what_cannot_be_recorded_is_not_sent(
    talk: Talk, telegram: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **values: object) -> None:
        raise RuntimeError("no room for the record")

    monkeypatch.setattr(audit, "record", fail)
    with talk.line(ALICE) as alice, pytest.raises(Refused, match="internal error"):
        await alice.call("send", **params())
    assert await run_db(lambda: (Outbox.objects.count(), Message.objects.count())) == (0, 0)


async def test_a_session_is_a_target_too(talk: Talk, telegram: Channel) -> None:
    session = await run_db(lambda: Session.objects.select_related("channel").get(chat_id="99"))
    with talk.line(ALICE) as alice:
        answer = await alice.call("send", message="hi", sessionKey=place_key(session), idempotencyKey="k1")
        assert answer["chatId"] == "99"
        read = await alice.call("chat.history", sessionKey=place_key(session))
    assert read["messages"][-1]["content"][0]["text"] == "hi"


@pytest.mark.parametrize(
    ("over", "problem"),
    [
        ({"to": "88"}, "nobody was let in from there"),
        ({"to": "12345"}, "nobody was let in from there"),
        ({"to": ""}, "to is required"),
        ({"channel": "slack"}, "no such channel"),
        ({"channel": None}, "several channels"),
        ({"message": ""}, "message"),
        ({"mediaUrl": "https://example.org/x"}, "unknown field"),
        ({"sessionKey": "agent:main:telegram:1:direct:404"}, "There is no session"),
    ],
)
async def test_what_cannot_be_sent_is_refused(
    talk: Talk, telegram: Channel, over: dict[str, Any], problem: str
) -> None:
    with talk.line(ALICE) as alice, pytest.raises(Refused, match=problem):
        await alice.call("send", **params(**over))
    assert await run_db(Outbox.objects.count) == 0


async def test_only_an_admins_token_may_send(talk: Talk, telegram: Channel) -> None:
    with talk.line(BOB) as bob, pytest.raises(Refused, match="Only an admin's token"):
        await bob.call("send", **params())
    assert await run_db(Outbox.objects.count) == 0


async def test_a_session_of_a_channel_is_followed_and_stopped_by_an_admin(talk: Talk, telegram: Channel) -> None:
    session = await run_db(lambda: Session.objects.select_related("channel").get(chat_id="99"))
    key = place_key(session)
    with talk.line(ALICE) as alice, talk.line(BOB) as bob:
        await alice.call("sessions.messages.subscribe", key=key)
        await alice.call("send", message="hello all", sessionKey=key, idempotencyKey="k1")
        told = await alice.until("session.message", sessionKey=key)
        assert told["message"]["content"][0]["text"] == "hello all"
        assert (await alice.call("chat.abort", sessionKey=key))["aborted"] is False
        row = (await alice.call("sessions.describe", key=key))["session"]
        assert (row["kind"], row["label"], row["groupActivation"]) == ("group", "Ops", "mention")
        assert bob.events == []
