"""A browser at the chat page, without the browser: its cookies come from the real page, its socket from the real
application, so hosts, origins and sessions are checked as they are in production.
"""

from __future__ import annotations

import json
import secrets
import time
from ipaddress import IPv4Network
from typing import Any, cast

from channels.testing import WebsocketCommunicator
from django.test import Client

from clawsite.core.db import run_db
from clawsite.core.models import User
from clawsite.web.chat.identity import SESSION_KEY, get_channel
from clawsite.web.entry import application
from guardrails.types import Actor, Role
from sessions_app.contacts import approve_pairing
from sessions_app.models import Contact, Pairing

HOST = "testserver"
ORIGIN = f"http://{HOST}"
WAIT_SECONDS = 30.0
# Every browser has its own, because strangers are limited by address.
_addresses = IPv4Network("10.0.0.0/8").hosts()
ADMIN = Actor(subject="user:1", role=Role.ADMIN, name="Alice")


def new_id() -> str:
    """Return an id as the page makes them."""
    return secrets.token_hex(16)


def make_staff(name: str, *, admin: bool) -> User:
    """Make an account that may log in to the admin."""
    return User.objects.create_user(name, password="correct horse battery", is_staff=True, is_superuser=admin)


class Seat:
    """One browser. `open()` opens a socket; `client` makes its other requests."""

    def __init__(self, *, user: User | None = None, address: str = "") -> None:
        self.address = address or str(next(_addresses))
        self.client = Client(HTTP_HOST=HOST, REMOTE_ADDR=self.address, enforce_csrf_checks=True)
        self.user = user

    async def sit_down(self) -> Seat:
        """Open the page, which gives the browser its session."""
        await run_db(self._sit_down)
        return self

    def _sit_down(self) -> None:
        if self.user is not None:
            self.client.force_login(self.user)
        assert self.client.get("/chat/").status_code == 200

    @property
    def visitor_id(self) -> str:
        """The external id of this browser's contact."""
        return f"user:{self.user.pk}" if self.user else f"visitor:{self.client.session[SESSION_KEY]}"

    async def own_id(self) -> str:
        """Return the external id; reads the session row."""
        return await run_db(lambda: self.visitor_id)

    def headers(self, *, origin: str | None = ORIGIN, host: str = HOST) -> list[tuple[bytes, bytes]]:
        """Return what the browser sends when it opens a socket."""
        cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in self.client.cookies.items())
        pairs = {"host": host, "cookie": cookie, "accept-language": "en"} | ({"origin": origin} if origin else {})
        return [(name.encode(), value.encode()) for name, value in pairs.items()]

    async def open(self, *, last_seq: int = 0, greet: bool = True) -> Page:
        """Open a socket, expect it to be accepted, and greet."""
        page = Page(self.headers(), address=self.address)
        accepted, _ = await page.socket.connect(timeout=WAIT_SECONDS)
        assert accepted
        if greet:
            await page.hello(last_seq)
        return page

    async def pair(self, role: str = "viewer") -> None:
        """Be approved by the admin with the code that was shown."""
        code = await run_db(
            Pairing.objects.values_list("code", flat=True).get, contact__external_id=await self.own_id()
        )
        await run_db(approve_pairing, code, actor=ADMIN, role=role)

    async def approve(self, role: str = "viewer") -> Contact:
        """Be known and approved without having written."""
        return await run_db(self._approve, role)

    def _approve(self, role: str) -> Contact:
        return Contact.objects.create(
            channel=get_channel(), external_id=self.visitor_id, name="Bob", state=Contact.State.APPROVED, role=role
        )


class Page:
    """One open socket and everything that came over it."""

    def __init__(
        self, headers: list[tuple[bytes, bytes]], *, address: str = "127.0.0.1", path: str = "/chat/socket"
    ) -> None:
        self.socket = WebsocketCommunicator(cast(Any, application), path, headers=headers)
        self.socket.scope |= {"client": (address, 40000), "scheme": "ws"}
        self.frames: list[dict[str, Any]] = []
        self.closed: int | None = None

    async def hello(self, last_seq: int = 0) -> None:
        """Say what the page has."""
        await self.say(t="hello", last_seq=last_seq)

    async def say(self, **frame: Any) -> None:
        """Send one frame."""
        await self.socket.send_input({"type": "websocket.receive", "text": json.dumps(frame)})

    async def send(self, text: str, *, id: str | None = None, files: tuple[str, ...] = ()) -> str:
        """Send a message and wait until the server has it; return its id."""
        name = id or new_id()
        await self.say(t="send", id=name, text=text, files=list(files))
        await self.until("ack", id=name)
        return name

    async def receive(self, *, timeout: float = WAIT_SECONDS) -> dict[str, Any]:
        """Return the next frame; a close is a frame called `closed` here."""
        event = await self.socket.receive_output(timeout)
        if event["type"] == "websocket.close":
            self.closed = event.get("code", 1000)
            frame: dict[str, Any] = {"t": "closed", "code": self.closed}
        else:
            frame = json.loads(event["text"])
        self.frames.append(frame)
        return frame

    async def until(self, kind: str, *, timeout: float = WAIT_SECONDS, **fields: Any) -> dict[str, Any]:
        """Return the next frame of a kind with these fields, reading past others."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            frame = await self.receive(timeout=deadline - time.monotonic())
            if frame["t"] == kind and all(frame.get(name) == value for name, value in fields.items()):
                return frame
        raise AssertionError(f"no {kind} within {timeout} s; there were {[frame['t'] for frame in self.frames]}")

    async def message(self, role: str, *, timeout: float = WAIT_SECONDS) -> dict[str, Any]:
        """Return the next message of a role, reading past other frames."""
        while True:
            frame = await self.until("messages", timeout=timeout)
            for message in frame["messages"]:
                if message["role"] == role:
                    found: dict[str, Any] = message
                    return found

    def messages(self) -> list[dict[str, Any]]:
        """Return every message that was shown so far."""
        return [message for frame in self.frames if frame["t"] == "messages" for message in frame["messages"]]

    async def is_quiet(self, seconds: float = 0.3) -> bool:
        """Tell whether nothing comes for a while."""
        return await self.socket.receive_nothing(timeout=seconds, interval=0.02)

    async def leave(self) -> None:
        """Close the page."""
        await self.socket.send_input({"type": "websocket.disconnect", "code": 1001})
        await self.socket.wait(timeout=WAIT_SECONDS)


async def closed_code(page: Page) -> int:
    """Connect where we expect to be turned away; return the code."""
    accepted, code = await page.socket.connect(timeout=WAIT_SECONDS)
    if not accepted:
        return int(code or 0)
    return int((await page.until("closed"))["code"])
