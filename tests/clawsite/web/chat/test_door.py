"""Who may open a socket, how many, and how it is shut on those who misbehave. Charlie tries everything."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from channels.testing import WebsocketCommunicator
from django.test import override_settings

from clawsite.core.db import run_db
from clawsite.core.nudge import nudge
from clawsite.web.chat import feed as feed_module
from clawsite.web.chat import flow as flow_module
from clawsite.web.chat.consumer import ChatConsumer
from clawsite.web.chat.hub import PER_VISITOR, Hub
from sessions_app.models import Inbox, Message, Turn
from tests.clawsite.web.chat.seat import HOST, Page, Seat, closed_code, new_id

pytestmark = pytest.mark.usefixtures("web")


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "http://evil.example",
        f"https://{HOST}",
        f"http://{HOST}:81",
        f"http://{HOST}.evil.example",
        f"http://evil.example/{HOST}",
        f"ftp://{HOST}",
    ],
)
async def test_a_foreign_page_is_turned_away(origin: str | None) -> None:
    bob = await Seat().sit_down()
    await bob.approve()
    assert await closed_code(Page(bob.headers(origin=origin))) in (1008, 4403)


@pytest.mark.parametrize("origin", [None, "http://evil.example", f"http://{HOST}:81"])
async def test_the_socket_itself_checks_where_it_comes_from(origin: str | None) -> None:
    bob = await Seat().sit_down()
    assert await closed_code(Bare(bob.headers(origin=origin))) == 4403


class Bare(Page):
    """A socket to the consumer without the application in front of it."""

    def __init__(self, headers: list[tuple[bytes, bytes]]) -> None:
        super().__init__(headers)
        self.socket = WebsocketCommunicator(ChatConsumer.as_asgi(), "/chat/socket", headers=headers)
        self.socket.scope |= {"client": ("127.0.0.1", 40000), "scheme": "ws"}


async def test_a_host_that_is_not_ours_is_turned_away_whatever_its_origin() -> None:
    bob = await Seat().sit_down()
    headers = bob.headers(origin="http://rebound.example", host="rebound.example")
    assert await closed_code(Page(headers)) == 1008
    assert await closed_code(Bare(headers)) == 4403


async def test_the_public_address_is_ours_too() -> None:
    bob = await Seat().sit_down()
    with override_settings(CLAW_PUBLIC_URL="https://claw.example.org"):
        page = Page(bob.headers(origin="https://claw.example.org"))
        accepted, _ = await page.socket.connect(timeout=10)
        assert accepted
        await page.hello()
        await page.until("access")
        await page.leave()


async def test_a_browser_without_a_session_is_nobody() -> None:
    headers = [(b"host", HOST.encode()), (b"origin", f"http://{HOST}".encode())]
    assert await closed_code(Page(headers)) == 4401
    forged = [*headers, (b"cookie", b"sessionid=" + b"a" * 32)]
    assert await closed_code(Page(forged)) == 4401


async def test_one_visitor_has_at_most_five_sockets() -> None:
    bob = await Seat().sit_down()
    pages = [await bob.open() for _ in range(PER_VISITOR)]
    for page in pages:
        await page.until("access")  # a socket is accepted first, and has its place a moment later
    assert await closed_code(Page(bob.headers())) == 4429
    await pages.pop().leave()
    pages.append(await bob.open())
    for page in pages:
        await page.leave()


def test_one_address_has_so_many_sockets() -> None:
    hub = Hub()
    sitters = [_Sitter(f"visitor:{number}") for number in range(201)]
    assert [hub.admit(sitter) for sitter in sitters] == [True] * 200 + [False]
    hub.leave(sitters[0])
    assert hub.admit(sitters[200])


def test_strangers_of_one_network_of_ipv6_share_what_they_may_write() -> None:
    hub = Hub()
    written = [hub.may_stranger_write(f"2001:db8::{number:x}") for number in range(500)]
    assert written[:10] == [True] * 10
    assert not all(written)
    assert hub.may_stranger_write("2001:db8:0:1::1")


class _Sitter:
    """What the hub needs to know of a socket."""

    def __init__(self, visitor_id: str) -> None:
        self.address, self.visitor_id = "192.0.2.1", visitor_id
        self.session_id: int | None = None
        self.contact_id: int | None = None
        self.wrote_at = 0.0

    def look(self) -> None: ...

    def check(self) -> None: ...

    def show(self, data: dict[str, Any]) -> None: ...

    def show_typing(self) -> None: ...


async def test_charlie_gets_nothing_of_bobs() -> None:
    bob, charlie = await Seat().sit_down(), await Seat().sit_down()
    contact = await bob.approve()
    await charlie.approve()

    def talk() -> tuple[int, int]:
        session = contact.channel.sessions.create(chat_id=contact.external_id, last_seq=1)
        buttons = {"buttons": [[["Yes", "ok:abc", ""]]]}
        Message.objects.create(session=session, seq=1, role="assistant", text="Bob's secret", data=buttons)
        row = Inbox.objects.create(channel=contact.channel, external_id="1", lane="x", raw="{}", state="done")
        return session.pk, Turn.objects.create(inbox=row, session=session, epoch=1).pk

    session_id, turn_id = await run_db(talk)
    page = await charlie.open()
    await page.until("access")
    assert await page.is_quiet()
    nudge("session", session=session_id)
    nudge("delta", session=session_id, turn=turn_id, attempt=1, text="Bob's secret")
    nudge("typing", session=session_id)
    assert await page.is_quiet()
    await page.say(t="older", before=100, session=session_id)
    assert (await page.until("older"))["messages"] == []
    await page.say(t="callback", id=new_id(), seq=1, data="ok:abc", session=session_id)
    await page.until("error", code="bad_input")
    await page.say(t="send", id=new_id(), text="hi", session=session_id, visitor=contact.external_id)
    await page.until("ack")
    raw = json.loads(await run_db(lambda: Inbox.objects.get(state="new").raw))
    assert raw["visitor"] == await charlie.own_id()
    assert not [frame for frame in page.frames if "secret" in json.dumps(frame)]
    await page.leave()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "[" * 30_000,
        '"hello"',
        "{}",
        '{"t":"drop"}',
        '{"t":"hello"}',
        '{"t":"hello","last_seq":-1}',
        '{"t":"hello","last_seq":true}',
        '{"t":"hello","last_seq":1e99}',
        '{"t":"hello","last_seq":0,"sent":"x"}',
        '{"t":"hello","last_seq":0,"sent":["x"]}',
        '{"t":"older","before":99999999999999999999}',
        '{"t":"send","id":"x","text":"hi"}',
        '{"t":"send","id":"00000000000000000000000000000000","text":5}',
        '{"t":"send","id":"00000000000000000000000000000000","text":"","files":[]}',
        '{"t":"send","id":"00000000000000000000000000000000","text":"a","files":["x"]}',
        '{"t":"send","id":"00000000000000000000000000000000","text":"a","files":"x"}',
        '{"t":"callback","id":"00000000000000000000000000000000","seq":1,"data":"ok:x"}',
        '{"t":"send","id":"00000000000000000000000000000000","text":"' + "a" * 70_000 + '"}',
    ],
)
async def test_a_frame_that_cannot_be_used_is_answered_and_the_socket_lives(text: str) -> None:
    bob = await Seat().sit_down()
    await bob.approve()
    page = await bob.open()
    await page.until("access")
    await page.socket.send_input({"type": "websocket.receive", "text": text})
    assert (await page.until("error"))["code"] == "bad_input"
    await page.say(t="ping")
    await page.until("pong")
    assert not await run_db(Inbox.objects.exists)
    await page.leave()


async def test_binary_frames_are_answered_too() -> None:
    page = await (await Seat().sit_down()).open()
    await page.socket.send_input({"type": "websocket.receive", "bytes": b"\x00\x01"})
    await page.until("error", code="bad_input")
    await page.leave()


async def test_a_flood_is_stopped() -> None:
    begun = time.monotonic()
    page = await (await Seat().sit_down()).open(greet=False)
    for _ in range(600):
        await page.say(t="ping")
    assert (await page.until("closed"))["code"] == 4429
    passed = time.monotonic() - begun
    assert len([frame for frame in page.frames if frame["t"] == "pong"]) <= 40 + 20 * passed


async def test_strangers_of_one_address_write_slowly() -> None:
    address = "198.51.100.7"
    pages = [await (await Seat(address=address).sit_down()).open() for _ in range(3)]
    for page in pages:
        for _ in range(6):
            await page.say(t="send", id=new_id(), text="let me in")
    answers = [await page.receive() for page in pages for _ in range(7)]
    assert len([frame for frame in answers if frame["t"] == "ack"]) < 14
    assert [frame for frame in answers if frame["t"] == "error"]
    assert await run_db(Inbox.objects.count) < 14
    for page in pages:
        await page.leave()


async def test_a_page_that_stops_reading_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_module, "SILENT_SECONDS", 0.3)
    monkeypatch.setattr(feed_module, "POLL_SECONDS", 0.2)
    page = await (await Seat().sit_down()).open()
    assert (await page.until("closed"))["code"] == 4408


async def test_a_page_that_acknowledges_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_module, "SILENT_SECONDS", 4.0)
    monkeypatch.setattr(feed_module, "POLL_SECONDS", 0.2)
    page = await (await Seat().sit_down()).open()
    await page.say(t="ack", n=(await page.until("access"))["n"])
    assert await page.is_quiet(5.0)
    await page.leave()


async def test_an_address_that_opens_socket_after_socket_is_told_to_come_later() -> None:
    bob = await Seat().sit_down()
    with override_settings(CLAW_RATES=["page.socket=1/h"]):
        page = Page(bob.headers(), address="203.0.113.9")
        assert (await page.socket.connect(timeout=10))[0]
        await page.leave()
        assert not (await Page(bob.headers(), address="203.0.113.9").socket.connect(timeout=10))[0]
        assert not (await Page(bob.headers(), address="203.0.113.9", path="/board/socket").socket.connect(timeout=10))[
            0
        ]
        other = Page(bob.headers(), address="203.0.113.10")
        assert (await other.socket.connect(timeout=10))[0]
        await other.leave()
