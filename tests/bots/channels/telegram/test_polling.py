"""The polling loop: confirmation, and going on whatever the platform does."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from bots.channels.base import ChannelError
from bots.channels.telegram.adapter import TelegramAdapter
from bots.channels.telegram.polling import Polling
from bots.channels.telegram.updates import ALLOWED_UPDATES
from tests.bots.channels.telegram.platform import TelegramPlatform
from tests.servers.telegram.server import TelegramServer

pytestmark = pytest.mark.faults


@dataclass
class Consumer:
    """Takes batches as intake does: keeps what is new, then asks for more."""

    adapter: TelegramAdapter
    texts: list[str] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    repeats: int = 0

    async def run(self) -> None:
        async for batch in self.adapter.updates():
            for raw in batch:
                self.repeats += raw["update_id"] in self.seen
                if raw["update_id"] not in self.seen:
                    self.seen.add(raw["update_id"])
                    body = raw.get("message")
                    self.texts.append(str(body.get("text")) if isinstance(body, dict) else "")

    async def wait_for(self, count: int, *, timeout: float = 30.0) -> None:
        deadline = time.monotonic() + timeout
        while len(self.texts) < count:
            assert time.monotonic() < deadline, f"only {self.texts}"
            await asyncio.sleep(0.01)


@pytest.fixture
async def consumer(platform: TelegramPlatform) -> AsyncIterator[Consumer]:
    """A consumer at work on an adapter with short pauses."""
    adapter = TelegramAdapter(platform.account())
    adapter.polling = Polling(name="tg", poll_seconds=1, pause=0.02)
    await adapter.open()
    consumer = Consumer(adapter)
    task = asyncio.create_task(consumer.run())
    yield consumer
    await adapter.close()
    await asyncio.wait_for(task, timeout=20)


def offsets(server: TelegramServer) -> list[int]:
    return [int(call["params"].get("offset", 0)) for call in server.calls(method="getUpdates")]


async def test_updates_arrive_in_order_and_only_once(
    consumer: Consumer, platform: TelegramPlatform, server: TelegramServer
) -> None:
    for number in range(250):
        platform.say(f"m{number}")
    await consumer.wait_for(250)
    assert consumer.texts == [f"m{number}" for number in range(250)]
    assert consumer.repeats == 0
    await server.await_for(lambda: not server.pending_updates())


async def test_batch_is_confirmed_by_the_next_request_only(
    adapter: TelegramAdapter, platform: TelegramPlatform, server: TelegramServer
) -> None:
    platform.say("one")
    updates = adapter.updates()
    await anext(updates)
    assert len(server.pending_updates()) == 1
    platform.say("two")
    await anext(updates)
    assert [update["message"]["text"] for update in server.pending_updates()] == ["two"]
    await updates.aclose()  # type: ignore[attr-defined]
    assert [update["message"]["text"] for update in server.pending_updates()] == ["two"]


async def test_offset_is_used_once_so_that_new_numbering_is_seen(
    consumer: Consumer, platform: TelegramPlatform, server: TelegramServer
) -> None:
    server.set_options(next_update_id=900_000)
    consumer.adapter.polling.poll_seconds = 0
    platform.say("before")
    await consumer.wait_for(1)
    await server.await_for(lambda: offsets(server)[-1] == 0 and 900_001 in offsets(server))
    # After a week of silence the numbers start again, lower than before.
    server.inject({"update_id": 17, "message": platform.raw_message("after")["message"]})
    await consumer.wait_for(2)
    assert consumer.texts == ["before", "after"]


async def test_request_asks_for_every_kind_and_waits(
    adapter: TelegramAdapter, platform: TelegramPlatform, server: TelegramServer
) -> None:
    platform.say("x")
    updates = adapter.updates()
    await anext(updates)
    await updates.aclose()  # type: ignore[attr-defined]
    (call,) = server.calls(method="getUpdates")
    assert call["params"]["timeout"] == "25"
    assert all(kind in call["params"]["allowed_updates"] for kind in ALLOWED_UPDATES)
    assert "message_reaction" in ALLOWED_UPDATES


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("status", {"status": 502, "times": 6}),
        ("status", {"status": 500, "times": 1}),
        ("status", {"status": 404}),
        ("status", {"status": 401}),
        ("status", {"status": 409, "description": "Conflict: terminated by other getUpdates request"}),
        ("status", {"status": 400, "description": "Bad Request: something new"}),
        ("status", {"status": 429, "retry_after": 1}),
        ("status", {"status": 418}),
        ("cut_before", {"times": 3}),
        ("cut_after", {"times": 3}),
        ("garbage", {"times": 3}),
    ],
)
async def test_polling_goes_on_and_nothing_is_skipped(
    consumer: Consumer, platform: TelegramPlatform, server: TelegramServer, kind: str, options: dict[str, Any]
) -> None:
    platform.say("first")
    await consumer.wait_for(1)
    server.fault(kind, method="getUpdates", **options)
    for number in range(20):
        platform.say(f"m{number}")
    await server.await_for(lambda: all(fault.hits == fault.times for fault in server.plan.faults))
    platform.say("last")
    await consumer.wait_for(22)
    assert consumer.texts == ["first", *(f"m{number}" for number in range(20)), "last"]
    await server.await_for(lambda: not server.pending_updates())
    assert (consumer.adapter.last_error, consumer.adapter.polling.failures) == ("", 0)


async def test_server_that_is_away_and_comes_back(
    consumer: Consumer, platform: TelegramPlatform, server: TelegramServer
) -> None:
    server.refuse_connections(for_seconds=0.5)
    platform.say("meanwhile")
    await consumer.wait_for(1)
    assert consumer.texts == ["meanwhile"]


async def test_hour_of_flood_control_is_waited_out(
    consumer: Consumer, platform: TelegramPlatform, server: TelegramServer
) -> None:
    server.fault("status", method="getUpdates", status=429, retry_after=3600, times=5)
    platform.say("ends the poll that waits")
    await server.await_for(lambda: "3600" in consumer.adapter.last_error or "1:00:00" in consumer.adapter.last_error)
    asked = len(offsets(server))
    await asyncio.sleep(0.3)
    assert len(offsets(server)) == asked


async def test_webhook_in_the_way_is_removed(
    consumer: Consumer, platform: TelegramPlatform, server: TelegramServer
) -> None:
    await consumer.adapter.ensure_webhook("http://127.0.0.1:9/hook", "s" * 20)
    server.cut_connections()
    platform.say("for the webhook")
    await consumer.wait_for(1)
    assert server.webhook() is None


@pytest.mark.parametrize(
    "poison",
    [
        {"message": "not an object"},
        {"message": {"message_id": "x"}},
        {"message": {"text": "\ud800", "entities": 7}},
        {"unheard_of": [1]},
    ],
)
async def test_poison_update_does_not_block(
    consumer: Consumer, platform: TelegramPlatform, server: TelegramServer, poison: dict[str, Any]
) -> None:
    platform.say("before")
    server.inject(poison)
    platform.say("after")
    await server.await_for(lambda: "after" in consumer.texts)
    assert [text for text in consumer.texts if text in ("before", "after")] == ["before", "after"]
    await server.await_for(lambda: not server.pending_updates())


@pytest.mark.parametrize("poison", [None, 7, "x", [], {}, {"update_id": "7"}, {"update_id": 10**30}])
async def test_what_has_no_number_is_dropped_with_a_word(
    consumer: Consumer,
    platform: TelegramPlatform,
    server: TelegramServer,
    poison: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.inject(poison, force=True)
    platform.say("after")
    await consumer.wait_for(1)
    assert consumer.texts[-1] == "after"
    assert "without a number" in caplog.text


async def test_repeats_do_not_confuse_the_offset(
    consumer: Consumer, platform: TelegramPlatform, server: TelegramServer
) -> None:
    server.set_options(repeat_every=3)
    for number in range(30):
        platform.say(f"m{number}")
    await consumer.wait_for(30)
    assert sorted(consumer.texts) == sorted(f"m{number}" for number in range(30))
    await server.await_for(lambda: consumer.repeats > 0)
    assert len(consumer.texts) == 30


async def test_refused_token_is_asked_about_once_a_minute_and_loudly(
    consumer: Consumer, platform: TelegramPlatform, server: TelegramServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    server.fault("status", method="getUpdates", status=401, times=50)
    platform.say("ends the poll that waits")
    await server.await_for(lambda: consumer.adapter.polling.failures >= 3)
    assert "does not accept the bot token" in consumer.adapter.last_error
    asked = len(offsets(server))
    await asyncio.sleep(0.3)
    assert len(offsets(server)) == asked
    loud = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(loud) >= 3
    assert server.token not in caplog.text


async def test_failures_in_a_row_are_reported_once(
    consumer: Consumer, platform: TelegramPlatform, server: TelegramServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.fault("status", method="getUpdates", status=502, times=6)
    platform.say("ends the poll that waits")
    await server.await_for(lambda: consumer.adapter.polling.failures == 6)
    platform.say("after")
    await consumer.wait_for(2)
    assert len([record for record in caplog.records if "Bad Gateway" in record.getMessage()]) == 1


async def test_health_says_when_it_last_worked(
    consumer: Consumer, platform: TelegramPlatform, server: TelegramServer
) -> None:
    before = time.time()
    consumer.adapter.polling.poll_seconds = 0
    platform.say("x")
    await consumer.wait_for(1)
    await server.await_for(lambda: consumer.adapter.last_poll_at >= before)


async def test_only_what_waits_for_the_platform_can_be_stuck(
    platform: TelegramPlatform, server: TelegramServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = TelegramAdapter(platform.account())
    adapter.polling = Polling(name="tg", poll_seconds=1, pause=0.02)
    await adapter.open()
    monkeypatch.setattr("bots.channels.telegram.polling.STUCK_SECONDS", -30.0)  # whatever waits is stuck at once
    looks = [adapter.is_stuck]
    updates = adapter.updates()
    asking = asyncio.ensure_future(anext(updates))
    await server.await_for(lambda: adapter.is_stuck)
    platform.say("x")
    await asking
    looks.append(adapter.is_stuck)  # the consumer's turn, however long it takes
    server.fault("status", method="getUpdates", status=429, retry_after=5)
    asking = asyncio.ensure_future(anext(updates))
    await server.await_for(lambda: adapter.polling.failures)
    looks.append(adapter.is_stuck)
    assert looks == [False, False, True]
    await adapter.close()
    with contextlib.suppress(StopAsyncIteration):
        await asking


def updates_in_memory() -> int:
    """Count what looks like an update in this process, in which other tests may have left some."""
    gc.collect()
    return sum(1 for thing in gc.get_objects() if type(thing) is dict and "update_id" in thing)


async def test_nothing_is_kept_but_the_last_batch(
    consumer: Consumer, platform: TelegramPlatform, server: TelegramServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.servers.telegram.updates.KEPT_RECENT", 0)
    queue = server.world.bots[server.token].updates
    before = updates_in_memory()
    for batch in range(1, 11):
        for _ in range(100):
            server.inject({"update_id": queue.next_id, "message": {"text": "x" * 1000}})
        await consumer.wait_for(100 * batch)
        await server.await_for(lambda: not server.pending_updates())
    assert updates_in_memory() - before < 250


async def test_closing_ends_a_poll_that_waits(platform: TelegramPlatform, server: TelegramServer) -> None:
    adapter = TelegramAdapter(platform.account())
    await adapter.open()
    consumer = Consumer(adapter)
    task = asyncio.create_task(consumer.run())
    await server.await_for(lambda: server.calls(method="getUpdates"))
    await adapter.close()
    await asyncio.wait_for(task, timeout=15)


async def test_cancelling_ends_a_poll_that_waits(adapter: TelegramAdapter, server: TelegramServer) -> None:
    consumer = Consumer(adapter)
    task = asyncio.create_task(consumer.run())
    await server.await_for(lambda: server.calls(method="getUpdates"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, timeout=15)


async def test_pauses_grow_with_jitter_up_to_half_a_minute() -> None:
    polling = Polling(name="tg", poll_seconds=1)
    longest = 0.0
    for failures in range(1, 30):
        polling.failures = failures
        pauses = {polling._pause(ChannelError("away")) for _ in range(20)}
        assert len(pauses) > 1
        longest = max(longest, *pauses)
        assert min(pauses) >= 0.7
    assert 15 < longest <= 30
