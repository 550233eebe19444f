"""The socket of the dashboard: for staff alone, also while it is open; Bob without rights and Charlie get nothing."""

from __future__ import annotations

import json
import time
from typing import Any, cast

import pytest
from channels.testing import WebsocketCommunicator

from clawsite.core.db import run_db
from clawsite.core.models import User
from clawsite.web import sockets
from clawsite.web.board import consumer
from clawsite.web.board.history import read_history
from clawsite.web.entry import application
from sessions_app.models import Channel
from tests.bots.flow import until
from tests.clawsite.web.chat.seat import HOST, Seat, make_staff

pytestmark = pytest.mark.usefixtures("web")
WAIT_SECONDS = 20.0


class Board:
    """One open page."""

    def __init__(self, headers: list[tuple[bytes, bytes]]) -> None:
        self.socket = WebsocketCommunicator(cast(Any, application), "/board/socket", headers=headers)
        self.socket.scope |= {"client": ("127.0.0.1", 40000), "scheme": "ws"}

    async def next(self) -> dict[str, Any]:
        """Return the next frame; a close is a frame called `closed` here."""
        event = await self.socket.receive_output(WAIT_SECONDS)
        if event["type"] == "websocket.close":
            return {"t": "closed", "code": event.get("code")}
        frame: dict[str, Any] = json.loads(event["text"])
        return frame

    async def until(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Return the next frame of a kind with these fields."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            frame = await self.next()
            if frame["t"] == kind and frame.items() >= fields.items():
                return frame
        raise AssertionError(f"no {kind} within {WAIT_SECONDS} s")

    async def say(self, text: str) -> None:
        await self.socket.send_input({"type": "websocket.receive", "text": text})


async def seat(name: str = "", *, admin: bool = False) -> Seat:
    """Sit down as nobody, or as an account."""
    user = await run_db(lambda: make_staff(name, admin=admin)) if name else None
    return await Seat(user=user).sit_down()


async def opened(headers: list[tuple[bytes, bytes]]) -> Board:
    board = Board(headers)
    accepted, _ = await board.socket.connect(timeout=WAIT_SECONDS)
    assert accepted
    return board


async def test_alice_is_told_figures_and_history() -> None:
    await run_db(lambda: Channel.objects.create(kind="telegram", name="main <b>"))
    board = await opened((await seat("alice", admin=True)).headers())
    history = await board.until("history")
    assert (history["hours"], history["step"], len(history["at"])) == (6, 2, 180)
    assert {len(line) for line in history["lines"].values()} == {180}
    figures = await board.until("figures")
    assert "main &lt;b&gt;" in figures["html"]
    await board.say('{"hours": 24}')
    assert len((await board.until("history", hours=24))["at"]) == 144
    await board.socket.disconnect()


async def test_charlie_and_visitors_are_told_nothing() -> None:
    for headers in ((await seat()).headers(), [(b"host", HOST.encode()), (b"origin", f"http://{HOST}".encode())]):
        board = await opened(headers)
        assert await board.next() == {"t": "closed", "code": 4401}


async def test_whoever_is_not_known_takes_no_room_from_staff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer, "MOST", 0)
    board = await opened((await seat()).headers())
    assert (await board.next())["code"] == 4401, "and is not told how many there are"


async def test_an_account_without_staff_is_told_nothing() -> None:
    user = await run_db(lambda: User.objects.create_user("bob", password="correct horse battery"))
    board = await opened((await Seat(user=user).sit_down()).headers())
    assert await board.next() == {"t": "closed", "code": 4401}


async def test_an_error_costs_one_telling(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the error is: a page that is told nothing more would look as if nothing had happened since."""
    monkeypatch.setattr(consumer, "EVERY_SECONDS", 0.05)
    wrong = [ValueError("a number that is none")]

    def read(hours: int) -> dict[str, Any]:
        if wrong:
            raise wrong.pop()
        return read_history(hours)

    monkeypatch.setattr(consumer, "read_history", read)
    board = await opened((await seat("alice", admin=True)).headers())
    await board.until("history")
    assert "the dashboard" in caplog.text
    await board.socket.disconnect()


async def test_who_is_staff_no_more_is_told_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer, "EVERY_SECONDS", 0.05)
    board = await opened((await seat("alice", admin=True)).headers())
    await board.until("figures")
    await run_db(lambda: User.objects.update(is_staff=False))
    assert (await board.until("closed"))["code"] == 4401


async def test_who_logs_out_is_told_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer, "EVERY_SECONDS", 0.05)
    alice = await seat("alice", admin=True)
    board = await opened(alice.headers())
    await board.until("figures")
    await run_db(alice.client.logout)
    assert (await board.until("closed"))["code"] == 4401


@pytest.mark.parametrize("origin", [None, "http://evil.example", f"http://{HOST}:81"])
async def test_a_foreign_page_is_turned_away(origin: str | None) -> None:
    board = Board((await seat("alice", admin=True)).headers(origin=origin))
    accepted, _ = await board.socket.connect(timeout=WAIT_SECONDS)
    assert not accepted or (await board.next())["code"] == 4403


@pytest.mark.parametrize(
    "text", ["", "x", "[]", '{"hours": 5}', '{"hours": true}', '{"hours": [6]}', '{"hours":' * 999, "[" * 5000]
)
async def test_whoever_talks_nonsense_is_shut_out(text: str) -> None:
    board = await opened((await seat("alice", admin=True)).headers())
    await board.say(text)
    assert (await board.until("closed"))["code"] == 4429


async def test_whoever_asks_without_end_is_shut_out() -> None:
    board = await opened((await seat("alice", admin=True)).headers())
    for _ in range(30):
        await board.say('{"hours": 6}')
    assert (await board.until("closed"))["code"] == 4429


async def test_a_restart_tells_when_to_come_back() -> None:
    board = await opened((await seat("alice", admin=True)).headers())
    await board.until("figures")
    await sockets.close_all(seconds=5)
    assert (await board.until("restart"))["retry"] > 0
    assert (await board.until("closed"))["code"] == 1012


async def test_no_more_pages_than_one_process_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer, "MOST", 1)
    alice = await seat("alice", admin=True)
    first = await opened(alice.headers())
    await first.until("figures")
    assert await (await opened(alice.headers())).next() == {"t": "closed", "code": 4429}
    await first.socket.disconnect()
    await until(lambda: not consumer._open)
    await (await opened(alice.headers())).until("figures")
