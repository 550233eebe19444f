"""Answers kept as bytes: fresh, stale, refreshed once for all, and never those of another variant."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from clawsite.core.nudge import NudgeListener, nudge
from clawsite.gateway import hot
from clawsite.gateway.hot import HotAnswer
from clawsite.gateway.registry import Encoded


class Rows:
    """Stands for the database thread: counts readings, and holds them back on demand."""

    def __init__(self) -> None:
        self.value = 1
        self.readings = 0
        self.open = asyncio.Event()
        self.open.set()
        self.error: Exception | None = None

    def build(self, *key: Any) -> dict[str, Any]:
        return {"value": self.value, "key": list(key)}

    async def read(self, work: Callable[[], Any]) -> Any:
        self.readings += 1
        seen = work()
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return seen


class Clock:
    """A clock that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still."""
    return Clock()


@pytest.fixture
def rows() -> Rows:
    """Return what is read."""
    return Rows()


@pytest.fixture
def answer(rows: Rows, clock: Clock) -> Iterator[HotAnswer]:
    """Return an answer over the rows, and take it out of the registry afterwards."""
    made = HotAnswer(rows.build, topics=["session"], variants=3, clock=clock, read=rows.read)
    yield made
    hot._answers.remove(made)


async def taken(found: Encoded | Awaitable[Encoded]) -> bytes:
    """Return the bytes, waiting where there is something to wait for."""
    return bytes(found if isinstance(found, Encoded) else await found)


async def settle() -> None:
    """Let what was begun in the background come to its end."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_first_caller_waits_and_the_next_gets_the_same_bytes_at_once(answer: HotAnswer, rows: Rows) -> None:
    first = await taken(answer.get("a"))
    second = answer.get("a")

    assert isinstance(second, Encoded)
    assert (first, bytes(second), rows.readings) == (b'{"value":1,"key":["a"]}', first, 1)


async def test_many_who_ask_at_once_share_one_reading(answer: HotAnswer, rows: Rows) -> None:
    rows.open.clear()
    waiting = [asyncio.ensure_future(taken(answer.get())) for _ in range(50)]
    await settle()
    rows.open.set()

    assert len(set(await asyncio.gather(*waiting))) == 1
    assert rows.readings == 1


async def test_an_aged_answer_is_given_at_once_while_it_is_refreshed(
    answer: HotAnswer, rows: Rows, clock: Clock
) -> None:
    await taken(answer.get())
    rows.value = 2
    clock.now += 1.5

    stale = answer.get()
    assert isinstance(stale, Encoded)
    assert bytes(stale) == b'{"value":1,"key":[]}'
    await settle()
    assert await taken(answer.get()) == b'{"value":2,"key":[]}'
    assert rows.readings == 2


async def test_an_answer_too_old_is_waited_for(answer: HotAnswer, rows: Rows, clock: Clock) -> None:
    await taken(answer.get())
    rows.value = 2
    clock.now += 3.0

    assert await taken(answer.get()) == b'{"value":2,"key":[]}'


async def test_who_was_told_of_a_change_reads_it(answer: HotAnswer, rows: Rows, clock: Clock) -> None:
    await taken(answer.get())
    rows.value = 2
    hot.touch("session")
    clock.now += 0.1

    assert await taken(answer.get()) == b'{"value":2,"key":[]}'


async def test_a_reading_begun_before_the_change_is_not_taken_for_one_after_it(answer: HotAnswer, rows: Rows) -> None:
    rows.open.clear()
    early = asyncio.ensure_future(taken(answer.get()))
    await settle()
    rows.value = 2
    hot.touch("session")
    late = asyncio.ensure_future(taken(answer.get()))
    await settle()
    rows.open.set()

    assert await early == b'{"value":1,"key":[]}'
    assert await late == b'{"value":2,"key":[]}'


async def test_other_topics_change_nothing(answer: HotAnswer) -> None:
    await taken(answer.get())
    hot.touch("inbox")

    assert isinstance(answer.get(), Encoded)


async def test_a_storm_of_changes_is_not_a_storm_of_readings(answer: HotAnswer, rows: Rows, clock: Clock) -> None:
    await taken(answer.get())
    began = asyncio.get_running_loop().time()
    for _ in range(3):
        hot.touch("session")
        await taken(answer.get())

    assert asyncio.get_running_loop().time() - began > 2 * hot.PAUSE_SECONDS
    assert rows.readings == 4


async def test_a_dropped_answer_is_read_anew_without_a_pause(answer: HotAnswer, rows: Rows) -> None:
    await taken(answer.get())
    rows.value = 2
    answer.drop()

    assert await taken(answer.get()) == b'{"value":2,"key":[]}'


async def test_variants_are_apart_and_bounded(answer: HotAnswer, rows: Rows) -> None:
    assert b"alice" in await taken(answer.get("alice"))
    assert b"alice" not in await taken(answer.get("bob"))
    for name in ("c", "d", "e"):
        await taken(answer.get(name))

    assert list(answer._kept) == [("c",), ("d",), ("e",)]


async def test_big_variants_are_bounded_by_their_bytes(answer: HotAnswer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hot, "MAX_BYTES", 50)
    for name in ("a", "b", "c"):
        await taken(answer.get(name))

    assert (list(answer._kept), answer._bytes) == ([("b",), ("c",)], 46)


async def test_a_failed_reading_is_an_error_for_who_waits_only(
    answer: HotAnswer, rows: Rows, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    await taken(answer.get())
    rows.error = RuntimeError("gone")
    clock.now += 1.5
    assert isinstance(answer.get(), Encoded)
    await settle()
    assert "a hot answer" in caplog.text

    clock.now += 3.0
    with pytest.raises(RuntimeError):
        await taken(answer.get())
    rows.error = None
    assert await taken(answer.get()) == b'{"value":1,"key":[]}'


async def test_who_gives_up_waiting_does_not_end_the_reading_of_others(answer: HotAnswer, rows: Rows) -> None:
    rows.open.clear()
    impatient = asyncio.ensure_future(taken(answer.get()))
    patient = asyncio.ensure_future(taken(answer.get()))
    await settle()
    impatient.cancel()
    await settle()
    rows.open.set()

    assert await patient == b'{"value":1,"key":[]}'
    assert rows.readings == 1


async def test_nudges_of_any_process_are_heard(answer: HotAnswer, rows: Rows) -> None:
    async with NudgeListener("test") as listener:
        hot.listen(listener)
        heard = listener.event("session")
        await taken(answer.get())
        rows.value = 2
        nudge("session", session=1)

        assert await heard.within(30)
        assert await taken(answer.get()) == b'{"value":2,"key":[]}'
