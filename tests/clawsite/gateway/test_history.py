"""chat.history: pages, limits, and a cost that does not grow."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from clawsite.core.db import run_db
from clawsite.gateway.cached import answers
from clawsite.gateway.history import MAX_BYTES, Page, read_history
from sessions_app.models import Message, Session
from tests.clawsite.gateway.seat import Refused
from tests.clawsite.gateway.talk import BOB, Talk
from tests.engine import learn_rows


def fill(talk: Talk, count: int, *, text: str = "message {n}", name: str = "main") -> Session:
    session = Session.objects.create(channel=talk.channel, chat_id=f"token:bob/{name}", last_seq=count)
    now = timezone.now()
    Message.objects.bulk_create(
        (
            Message(session=session, seq=n, role=("assistant", "user")[n % 2], text=text.format(n=n), created_at=now)
            for n in range(1, count + 1)
        ),
        batch_size=5000,
    )
    return session


def fill_much(talk: Talk, count: int, *, name: str) -> Session:
    """Fill a session with very many messages, of which the database itself makes most: copies of the first."""
    session, have = fill(talk, 1_000, name=name), 1_000
    columns = [str(field.column) for field in Message._meta.local_concrete_fields if not field.primary_key]
    taken = ["seq + %s" if column == "seq" else column for column in columns]
    table = Message._meta.db_table
    copy = f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(taken)} FROM {table}"  # noqa: S608 - our own
    with connection.cursor() as cursor:
        while have < count:
            cursor.execute(f"{copy} WHERE session_id = %s AND seq <= %s", [have, session.pk, count - have])
            have = min(2 * have, count)
    Session.objects.filter(pk=session.pk).update(last_seq=count)
    return session


def seqs(answer: dict[str, Any]) -> list[int]:
    return [row["__openclaw"]["seq"] for row in answer["messages"]]


async def test_pages_go_back_to_the_beginning(talk: Talk) -> None:
    await run_db(fill, talk, 25)
    with talk.line(BOB) as bob:
        newest = await bob.call("chat.history", sessionKey="main", limit=10)
        assert seqs(newest) == list(range(16, 26))
        assert (newest["hasMore"], newest["totalMessages"], newest["nextOffset"]) == (True, 25, 10)
        older = await bob.call("chat.history", sessionKey="main", limit=10, cursor=newest["nextCursor"])
        assert seqs(older) == list(range(6, 16))
        assert seqs(await bob.call("chat.history", sessionKey="main", limit=10, offset=10)) == list(range(6, 16))
        oldest = await bob.call("chat.history", sessionKey="main", limit=10, before=6)
        assert seqs(oldest) == list(range(1, 6))
        assert oldest["hasMore"] is False
        assert "nextOffset" not in oldest
        for wrong in ({"limit": 0}, {"limit": 1001}, {"cursor": "x"}, {"offset": -1}, {"maxChars": 0}):
            with pytest.raises(Refused):
                await bob.call("chat.history", sessionKey="main", **wrong)


async def test_a_session_that_nobody_wrote_in_is_empty(talk: Talk) -> None:
    with talk.line(BOB) as bob:
        answer = await bob.call("chat.history", sessionKey="new")
    assert (answer["sessionKey"], answer["messages"], answer["totalMessages"]) == ("agent:main:new", [], 0)
    assert answer["sessionInfo"]["hasActiveRun"] is False


async def test_long_texts_are_cut_where_asked(talk: Talk) -> None:
    await run_db(fill, talk, 2, text="ünï {n} " * 100)
    with talk.line(BOB) as bob:
        answer = await bob.call("chat.history", sessionKey="main", maxChars=20)
    for row in answer["messages"]:
        assert len(row["content"][0]["text"]) == 20
        assert row["__openclaw"]["truncated"] == 600


async def test_an_answer_has_six_megabytes_at_the_most(talk: Talk) -> None:
    await run_db(fill, talk, 20, text="x" * 400_000)
    with talk.line(BOB) as bob:
        answer = await bob.call("chat.history", sessionKey="main")
        assert len(json.dumps(answer["messages"])) <= MAX_BYTES
        assert seqs(answer) == list(range(6, 21))
        assert answer["hasMore"] is True
        older = await bob.call("chat.history", sessionKey="main", cursor=answer["nextCursor"])
        assert seqs(older) == list(range(1, 6))


async def test_the_cost_does_not_grow_with_the_history(talk: Talk) -> None:
    """The best of several readings, in turns: one page of 100,000 messages costs what one of 1,000 does."""
    short = await run_db(fill, talk, 1_000, name="short")
    long = await run_db(lambda: fill_much(talk, 100_000, name="long"))
    assert await run_db(long.messages.count) == 100_000
    await run_db(learn_rows)

    def measure(session: Session) -> float:
        row = Session.objects.select_related("channel").get(pk=session.pk)
        begin = time.perf_counter()
        read_history(row, Page(limit=50), owner="token:bob")
        return time.perf_counter() - begin

    def best() -> list[float]:
        return [min(times) for times in zip(*([measure(short), measure(long)] for _ in range(7)), strict=True)]

    of_short, of_long = await run_db(best)
    assert of_long < 2 * of_short + 0.002


async def test_what_did_not_change_is_answered_from_memory(talk: Talk) -> None:
    session = await run_db(fill, talk, 10)
    with talk.line(BOB) as bob:
        first = await bob.call("chat.history", sessionKey="main")
        await run_db(lambda: Message.objects.filter(session=session).update(text="changed behind our back"))
        assert await bob.call("chat.history", sessionKey="main") == first
        answers.forget(session.pk)
        assert "changed" in str(await bob.call("chat.history", sessionKey="main"))
