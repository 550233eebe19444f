"""Delivery of updates by POST.

In order within a chat, several chats at once, repeated until the answer is 2xx.

Invariant: an update leaves the queue after a 2xx only.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from tests.servers.telegram.updates import UpdateQueue

POST_SECONDS = 10.0
MAX_ANSWER = 1024 * 1024
Reply = Callable[[dict[str, Any]], object]


@dataclass(slots=True, kw_only=True)
class Webhook:
    """Where and how updates are delivered, and how it went."""

    url: str
    secret_token: str = ""
    max_connections: int = 40
    last_error_date: int | None = None
    last_error_message: str | None = None
    delivered: int = 0
    attempts: int = 0
    first_wait: float = 0.2
    longest_wait: float = 5.0

    def describe(self, queue: UpdateQueue) -> dict[str, Any]:
        """The answer of getWebhookInfo."""
        info: dict[str, Any] = {
            "url": self.url,
            "has_custom_certificate": False,
            "pending_update_count": len(queue.pending),
            "max_connections": self.max_connections,
        }
        if self.last_error_date is not None:
            info |= {"last_error_date": self.last_error_date, "last_error_message": self.last_error_message}
        return info | ({"allowed_updates": queue.allowed} if queue.allowed else {})

    def fail(self, text: str) -> None:
        self.last_error_date = int(time.time())
        self.last_error_message = text


@dataclass(slots=True)
class Sender:
    """The task that delivers the queue of one bot to its webhook."""

    webhook: Webhook
    queue: UpdateQueue
    reply: Reply
    busy: set[str] = field(default_factory=set)
    in_flight: set[int] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)

    async def run(self) -> None:
        """Deliver until cancelled."""
        try:
            while True:
                self.queue.changed.clear()
                self._start_deliveries()
                await self.queue.changed.wait()
        finally:
            for task in self.tasks:
                task.cancel()
            for _, writer in self.idle:
                writer.close()

    def _start_deliveries(self) -> None:
        while self.queue.forced and len(self.tasks) < self.webhook.max_connections:
            self._start(self.queue.forced.popleft(), key="forced", update_id=None)
        waiting: set[str] = set()
        for update_id in self.queue.pending[:1000]:
            if len(self.tasks) >= self.webhook.max_connections:
                return
            update = self.queue.bodies[update_id][1]
            key = order_key(update)
            if update_id not in self.in_flight and key not in self.busy and key not in waiting:
                self._start(update, key=key, update_id=update_id)
            waiting.add(key)

    def _start(self, update: Any, *, key: str, update_id: int | None) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(update, update_id))
        self.tasks.add(task)
        self.busy.add(key)
        if update_id is not None:
            self.in_flight.add(update_id)

        def done(finished: asyncio.Task[None]) -> None:
            self.tasks.discard(finished)
            self.busy.discard(key)
            self.in_flight.discard(update_id or 0)
            self.queue.wake()

        task.add_done_callback(done)

    async def _deliver(self, update: Any, update_id: int | None) -> None:
        """Repeat with growing pauses until it is accepted or no longer in the queue."""
        body = json.dumps(update, separators=(",", ":")).encode()
        wait = self.webhook.first_wait
        while update_id is None or update_id in self.queue.bodies:
            if await self._attempt(body):
                self.webhook.delivered += 1
                if update_id is not None and update_id in self.queue.bodies:
                    self.queue.plan_repeats([update_id])
                    self.queue.drop(update_id)
                return
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))
            wait = min(wait * 2, self.webhook.longest_wait)

    async def _attempt(self, body: bytes) -> bool:
        self.webhook.attempts += 1
        try:
            status, answer = await asyncio.wait_for(self._post(body), POST_SECONDS)
        except TimeoutError:
            self.webhook.fail("Read timeout expired")
        except (OSError, EOFError, ValueError):
            self.webhook.fail("Connection refused")
        else:
            if 200 <= status < 300:
                self._take_reply(answer)
                return True
            phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
            self.webhook.fail(f"Wrong response from the webhook: {status} {phrase}".strip())
        return False

    def _take_reply(self, answer: bytes) -> None:
        """A webhook may answer with a method call in its body."""
        try:
            value = json.loads(answer) if answer.strip().startswith(b"{") else None
        except ValueError:
            return
        if isinstance(value, dict) and value.get("method"):
            self.reply(value)

    async def _post(self, body: bytes) -> tuple[int, bytes]:
        """POST over a kept connection, over a new one when the kept one is gone."""
        while self.idle:
            kept = self.idle.pop()
            try:
                return await self._exchange(*kept, body)
            except (OSError, EOFError):
                kept[1].close()
        parts = urlsplit(self.webhook.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80, limit=MAX_ANSWER)
        return await self._exchange(reader, writer, body)

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes
    ) -> tuple[int, bytes]:
        keep = False
        try:
            writer.write(self._head(len(body)) + body)
            await writer.drain()
            status, answer, keep = await read_answer(reader)
        finally:
            if keep and len(self.idle) < self.webhook.max_connections:
                self.idle.append((reader, writer))
            else:
                writer.close()
        return status, answer

    def _head(self, length: int) -> bytes:
        parts = urlsplit(self.webhook.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [f"POST {target} HTTP/1.1", f"Host: {parts.netloc}", "Content-Type: application/json"]
        if self.webhook.secret_token:
            lines.append(f"X-Telegram-Bot-Api-Secret-Token: {self.webhook.secret_token}")
        lines += [f"Content-Length: {length}", "", ""]
        return "\r\n".join(lines).encode()


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    """Status, body and whether the connection may be kept."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(head[0].split(" ")[1])
    headers = {name.strip().lower(): value.strip() for name, _, value in (x.partition(":") for x in head[1:] if x)}
    keep = headers.get("connection", "").lower() != "close"
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return status, await _read_chunks(reader), keep
    if "content-length" in headers:
        return status, await reader.readexactly(min(int(headers["content-length"]), MAX_ANSWER)), keep
    return status, b"" if status == 204 else await reader.read(MAX_ANSWER), keep and status == 204


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readline()
    return body


def order_key(update: Any) -> str:
    """What must stay in order: the chat an update is about, or the user."""
    if isinstance(update, dict):
        for value in update.values():
            if isinstance(value, dict):
                holder = value.get("message") if isinstance(value.get("message"), dict) else value
                chat = holder.get("chat") if isinstance(holder, dict) else None
                return str((chat or value.get("from") or {}).get("id", ""))
    return ""
