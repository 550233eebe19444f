"""Answers in memory: for a second, dropped with their session, made once however many ask."""

from __future__ import annotations

import asyncio

import pytest

from clawsite.core.errors import BadInput
from clawsite.gateway.cached import AnswerCache, Kept
from tests.bots.flow import until


class Maker:
    """Makes answers and counts them; `gate` holds them back."""

    def __init__(self, session_id: int = 1) -> None:
        self.made, self.session_id = 0, session_id
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> Kept:
        self.made += 1
        body = str(self.made).encode()
        await self.gate.wait()
        return Kept(body=body, session_id=self.session_id)


async def test_an_answer_lasts_a_second() -> None:
    now = 0.0
    cache, make = AnswerCache(clock=lambda: now), Maker()
    assert (await cache.get("k", make)).body == b"1"
    now = 0.9
    assert (await cache.get("k", make)).body == b"1"
    now = 1.1
    assert (await cache.get("k", make)).body == b"2"


async def test_a_change_drops_its_session_and_no_other() -> None:
    cache, one, two, absent = AnswerCache(), Maker(1), Maker(2), Maker(0)
    for key, make in (("one", one), ("two", two), ("absent", absent)):
        await cache.get(key, make)
    cache.forget(1)
    assert cache.find("one") is None
    assert cache.find("absent") is None
    assert cache.find("two") is not None


async def test_many_who_ask_cost_one_and_an_old_one_is_not_kept() -> None:
    cache, make = AnswerCache(), Maker()
    make.gate.clear()
    asking = [asyncio.create_task(cache.get("k", make)) for _ in range(50)]
    await until(lambda: make.made == 1)
    asking[0].cancel()
    cache.forget(1)
    late = asyncio.create_task(cache.get("k", make))
    await until(lambda: make.made == 2)
    make.gate.set()
    assert [(await each).body for each in asking[1:]] == [b"1"] * 49
    assert (await late).body == b"2"
    assert (cache.find("k") or Kept(body=b"")).body == b"2"


async def test_an_error_is_everybodys_and_is_not_kept() -> None:
    cache = AnswerCache()

    async def fail() -> Kept:
        await asyncio.sleep(0)
        raise BadInput("no")

    results = await asyncio.gather(*(cache.get("k", fail) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(each, BadInput) for each in results)
    assert (await cache.get("k", Maker())).body == b"1"


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clawsite.gateway.cached.MAX_BYTES", 3000)
    cache = AnswerCache()

    async def big() -> Kept:
        return Kept(body=b"x" * 400, session_id=1)

    for number in range(10):
        await cache.get(number, big)
    assert [number for number in range(10) if cache.find(number)] == [8, 9]


async def test_answers_whose_time_is_over_take_no_memory() -> None:
    now = 0.0
    cache, make = AnswerCache(clock=lambda: now), Maker()
    for number in range(10):
        await cache.get(number, make)
    now = 1.1
    await cache.get("k", make)
    assert list(cache._entries) == ["k"]
