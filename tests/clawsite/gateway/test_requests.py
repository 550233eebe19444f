"""Requests that take time: side by side, queued, refused; and a server that tells the application less."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import pytest
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.db import OperationalError
from psycopg.errors import DiskFull

from clawsite.core.db import run_db
from clawsite.gateway import registry
from clawsite.gateway.connection import MOST_FOLLOWED
from clawsite.gateway.hub import hub
from clawsite.gateway.principal import Scope
from clawsite.gateway.registry import Call, Later, Params, all_methods, method
from clawsite.gateway.tokens import create_token
from clawsite.gateway.work import AT_ONCE, MOST_WAITING
from clawsite.web.entry import application
from tests.clawsite.gateway.seat import ENV_TOKEN, connect_params

pytestmark = pytest.mark.usefixtures("token")
gates: dict[str, asyncio.Event] = {}


@pytest.fixture
def token(settings: Any) -> None:
    """The environment's token."""
    settings.CLAW_GATEWAY_TOKEN = ENV_TOKEN


class Wait(Params):
    gate: str = "g"
    text: str = ""


def add_failing_methods() -> None:
    @method("test.broken", scope=Scope.READ, summary="Fails.")
    async def broken(call: Call, params: Params) -> None:
        raise RuntimeError("the secret reason")

    @method("test.away", scope=Scope.READ, summary="Has no database.")
    async def away(call: Call, params: Params) -> None:
        raise OperationalError("database is locked" if settings.CLAW_ON_SQLITE else "the connection is lost")

    @method("test.full", scope=Scope.READ, summary="Has no room in its database.")
    async def full(call: Call, params: Params) -> None:
        raise OperationalError("database or disk is full") from DiskFull()


@pytest.fixture(autouse=True)
def slow_methods() -> Iterator[None]:
    """Methods that wait, answer twice, fail or take too long."""
    known = set(all_methods())
    add_failing_methods()

    @method("test.wait", scope=Scope.READ, summary="Waits.", params=Wait)
    async def wait(call: Call, params: Wait) -> dict[str, str]:
        await gates.setdefault(params.gate, asyncio.Event()).wait()
        return {"text": params.text}

    method("test.last", scope=Scope.READ, summary="Waits for others.", params=Wait, waits=True)(wait)

    @method("test.twice", scope=Scope.READ, summary="Answers twice.")
    async def twice(call: Call, params: Params) -> dict[str, str]:
        call.respond({"status": "accepted"})
        return {"status": "ok"}

    @method("test.late", scope=Scope.READ, summary="Takes too long.", seconds=0.05)
    async def late(call: Call, params: Params) -> None:
        await asyncio.Event().wait()

    @method("test.unspeakable", scope=Scope.READ, summary="Returns what is no JSON.")
    def unspeakable(call: Call, params: Params) -> Any:
        return object()

    @method("test.follow", scope=Scope.READ, summary="Follows many sessions.")
    def follow(call: Call, params: Params) -> list[bool]:
        for number in range(MOST_FOLLOWED + 1):
            call.connection.follow(number)
        followed = cast(Any, call.connection).followed
        call.connection.unfollow(1)
        return [number in followed for number in (0, 1, 2, MOST_FOLLOWED)]

    yield
    for name in set(all_methods()) - known:
        del registry._methods[name]
    gates.clear()


@pytest.fixture
def readings() -> Iterator[list[str]]:
    """The requests of a method whose answer must be read, as they are read."""
    begun: list[str] = []

    @method("test.read", scope=Scope.READ, summary="Is read when its turn comes.")
    def read(call: Call, params: Params) -> Later:
        async def begin() -> str:
            begun.append(call.request_id)
            return "read"

        return Later(begin)

    yield begun
    del registry._methods["test.read"]


class Plain:
    """A client of the application itself, as a server without our extension would run it."""

    def __init__(self) -> None:
        self.socket = WebsocketCommunicator(cast(Any, application), "/", headers=[(b"host", b"localhost")])
        self.socket.scope |= {"client": ("127.0.0.1", 40000), "scheme": "ws"}

    async def open(self, token: str = ENV_TOKEN) -> None:
        accepted, _ = await self.socket.connect(timeout=10)
        assert accepted
        assert (await self.read())["event"] == "connect.challenge"
        await self.say("connect", "connect", **connect_params(token))
        assert (await self.read())["ok"]

    async def say(self, request_id: str, method: str, **params: Any) -> None:
        await self.socket.send_to(json.dumps({"type": "req", "id": request_id, "method": method, "params": params}))

    async def read(self) -> dict[str, Any]:
        """Return the next frame."""
        frame: dict[str, Any] = json.loads(await self.socket.receive_from(timeout=10))
        return frame

    async def answer(self, request_id: str) -> dict[str, Any]:
        """Return the next response to a request, reading past others."""
        while True:
            frame = await self.read()
            if frame.get("id") == request_id:
                return frame


@pytest.fixture
async def alice() -> AsyncIterator[Plain]:
    """Alice, connected."""
    client = Plain()
    await client.open()
    yield client
    await client.socket.disconnect()


async def test_a_slow_method_does_not_hold_up_a_ping(alice: Plain) -> None:
    await alice.say("slow", "test.wait", text="done")
    await alice.say("ping", "ping")
    assert (await alice.read())["id"] == "ping"
    gates["g"].set()
    assert (await alice.read())["payload"] == {"text": "done"}


async def test_over_the_bound_requests_are_refused_and_pings_are_answered(alice: Plain) -> None:
    for number in range(AT_ONCE + MOST_WAITING + 3):
        await alice.say(f"w{number}", "test.wait", text=str(number))
    for _ in range(3):
        error = (await alice.read())["error"]
        assert (error["code"], error["retryable"], error["retryAfterMs"]) == ("UNAVAILABLE", True, 500)
        assert error["message"] == "The server is busy. Please try again in a moment."
    await alice.say("ping", "ping")
    assert (await alice.read())["id"] == "ping"
    gates["g"].set()
    answered = {(await alice.read())["payload"]["text"] for _ in range(AT_ONCE + MOST_WAITING)}
    assert len(answered) == AT_ONCE + MOST_WAITING


async def test_who_waits_for_the_end_of_many_things_can_still_ask_and_stop_them(alice: Plain) -> None:
    most = AT_ONCE + MOST_WAITING
    for number in range(most + 1):
        await alice.say(f"l{number}", "test.last", text=str(number))
    assert (await alice.answer(f"l{most}"))["error"]["retryable"]
    for number in range(AT_ONCE + MOST_WAITING):
        await alice.say(f"w{number}", "test.wait", gate="other")
    gates.setdefault("other", asyncio.Event()).set()
    for number in range(AT_ONCE + MOST_WAITING):
        assert (await alice.answer(f"w{number}"))["ok"]
    gates["g"].set()
    assert {(await alice.read())["payload"]["text"] for _ in range(most)} == set(map(str, range(most)))
    await alice.say("again", "test.last")
    assert (await alice.answer("again"))["ok"]


def test_methods_that_wait_take_nobodys_place() -> None:
    waiting = {name for name, found in all_methods().items() if found.waits and not name.startswith("test.")}
    assert waiting == {"agent", "agent.wait", "jobs.result"}


async def test_what_must_be_read_waits_its_turn_and_is_not_read_when_refused(alice: Plain, readings: list[str]) -> None:
    await alice.say("first", "test.read")
    assert (await alice.answer("first"))["payload"] == "read"
    for number in range(AT_ONCE):
        await alice.say(f"w{number}", "test.wait")
    for number in range(MOST_WAITING):
        await alice.say(f"r{number}", "test.read")
    await alice.say("last", "test.read")
    assert (await alice.answer("last"))["error"]["code"] == "UNAVAILABLE"
    assert readings == ["first"]
    gates["g"].set()
    assert (await alice.answer(f"r{MOST_WAITING - 1}"))["payload"] == "read"
    assert "last" not in readings


async def test_what_waits_is_bounded_in_bytes(alice: Plain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clawsite.gateway.work.MAX_BUFFERED_BYTES", 1000)
    text = "x" * 600
    await alice.say("1", "test.wait", text=text)
    await alice.say("2", "test.wait", text=text)
    assert (await alice.answer("2"))["error"] | {"message": ""} == {
        "code": "UNAVAILABLE", "message": "", "retryable": True, "retryAfterMs": 500,
    }  # fmt: skip
    await alice.say("p", "ping")
    assert (await alice.answer("p"))["ok"]
    gates["g"].set()
    assert (await alice.answer("1"))["payload"] == {"text": text}
    await alice.say("3", "test.wait", text=text)
    assert (await alice.answer("3"))["payload"] == {"text": text}


async def test_a_method_may_answer_twice(alice: Plain) -> None:
    await alice.say("t", "test.twice")
    assert [(await alice.answer("t"))["payload"]["status"] for _ in range(2)] == ["accepted", "ok"]


async def test_a_method_that_takes_too_long_is_ended(alice: Plain) -> None:
    await alice.say("l", "test.late")
    error = (await alice.answer("l"))["error"]
    assert (error["code"], error["retryable"]) == ("UNAVAILABLE", True)
    assert error["details"] == {"code": "TIMEOUT"}


async def test_without_its_database_the_gateway_asks_to_try_again(alice: Plain) -> None:
    """It may come back in a moment, and then it is known whether the work was done."""
    await alice.say("a", "test.away")
    error = (await alice.answer("a"))["error"]
    assert (error["code"], error["retryable"], error["retryAfterMs"]) == ("UNAVAILABLE", True, 1000)
    assert error["message"] == "The database does not answer. Please try again."
    assert error["details"] == {"code": "TIMEOUT"}


@pytest.mark.parametrize("name", ["test.broken", "test.unspeakable", "test.full"])
async def test_an_error_nobody_expected_is_an_id_on_the_wire(alice: Plain, name: str) -> None:
    await alice.say("b", name)
    error = (await alice.answer("b"))["error"]
    assert error["code"] == "UNAVAILABLE"
    assert error["details"]["code"] == "INTERNAL"
    assert "secret" not in json.dumps(error)
    await alice.say("p", "ping")
    assert (await alice.answer("p"))["ok"]


async def test_what_a_connection_follows_is_bounded(alice: Plain) -> None:
    await alice.say("f", "test.follow")
    assert (await alice.answer("f"))["payload"] == [False, False, True, True]


async def test_tasks_end_with_the_socket() -> None:
    client = Plain()
    await client.open()
    before = len(asyncio.all_tasks())
    for number in range(5):
        await client.say(str(number), "test.wait")
    await client.say("p", "ping")
    await client.answer("p")
    assert len(asyncio.all_tasks()) >= before + 5
    await client.socket.disconnect()
    assert hub.connections == {}
    async with asyncio.timeout(30):
        while any("Work._run" in repr(task.get_coro()) for task in asyncio.all_tasks()):  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_events_are_numbered_and_scoped(alice: Plain) -> None:
    for text in ("one", "two"):
        assert hub.broadcast("chat", {"text": text}, scope=Scope.READ) == 1
    assert hub.broadcast("chat", {}, to=lambda listener: 7 in listener.followed) == 0
    frames = [frame for frame in [await alice.read(), await alice.read()] if frame["event"] == "chat"]
    assert [(frame["payload"]["text"], frame["seq"]) for frame in frames] == [("one", 1), ("two", 2)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.sqlite  # elsewhere the database has several threads
async def test_the_clock_goes_on_while_the_database_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TICK_SECONDS", "LOOK_SECONDS", "RIGHTS_SECONDS"):
        monkeypatch.setattr(f"clawsite.gateway.keeper.{name}", 0.0)
    client, free = Plain(), threading.Event()
    await client.open((await run_db(lambda: create_token("bob", scopes=["read"], actor="test")))[1])
    waiting = asyncio.create_task(run_db(free.wait, 60))
    try:
        events = [await client.read() for _ in range(500)]
    finally:
        free.set()
    assert await waiting
    assert sum(frame["event"] == "tick" for frame in events) > 400
    await client.socket.disconnect()
