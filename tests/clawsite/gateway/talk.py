"""Conversations over the gateway for tests: the real bots role, the model's emulator, and connections that hear.

`Talk` runs bots and the gateway's feeds in the test's own event loop; `line()` is a connection without a socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from django.test import override_settings

from bots.agent import keys
from bots.agent.targets import breakers
from bots.main import Bots
from clawsite.core.db import close_pool, run_db
from clawsite.core.nudge import NudgeListener
from clawsite.gateway import cronfeed, hot
from clawsite.gateway.cached import answers
from clawsite.gateway.feeds import feeds
from clawsite.gateway.principal import Principal, Scope
from guardrails.limits import reset_limits
from sessions_app.channels import GATEWAY
from sessions_app.models import Channel, Session
from tests.bots.flow import FAST, nothing_open, running_bots, until_db
from tests.clawsite.gateway.seat import Line, principal
from tests.servers.messages.server import MessagesServer

WAIT_SECONDS = 30.0
_numbers = itertools.count(1)


def new_run() -> str:
    """Return an idempotency key."""
    return f"run-{next(_numbers)}"


class Talker(Line):
    """A connection that waits for events."""

    def of_run(self, run_id: str, event: str = "chat") -> list[dict[str, Any]]:
        """Return the payloads of a run's events so far."""
        return [payload for name, payload in self.events if name == event and payload.get("runId") == run_id]

    async def until(self, event: str, *, timeout: float = WAIT_SECONDS, **fields: Any) -> dict[str, Any]:
        """Return the first event of a name whose payload has these fields; wait for it."""
        deadline = time.monotonic() + timeout
        while True:
            for name, payload in self.events:
                if name == event and all(payload.get(key) == value for key, value in fields.items()):
                    return dict(payload)
            assert time.monotonic() < deadline, f"no {event} with {fields} in {self.events}"
            await asyncio.sleep(0.005)

    async def says(self, text: str, *, key: str = "main", run_id: str = "", **params: Any) -> str:
        """Send a message; return its run's id."""
        run_id = run_id or new_run()
        answer = await self.call("chat.send", sessionKey=key, message=text, idempotencyKey=run_id, **params)
        assert answer == {"runId": run_id, "status": "started"}
        return run_id

    async def end(self, run_id: str, *, timeout: float = WAIT_SECONDS) -> dict[str, Any]:
        """Return the event that ended a run."""
        deadline = time.monotonic() + timeout
        while True:
            for payload in self.of_run(run_id):
                if payload["state"] in ("final", "aborted", "error"):
                    return payload
            assert time.monotonic() < deadline, f"no end of {run_id} in {self.events}"
            await asyncio.sleep(0.005)

    async def asks(self, text: str, *, key: str = "main") -> str:
        """Send a message and return the text of its answer."""
        return text_of(await self.end(await self.says(text, key=key)))


def text_of(payload: dict[str, Any]) -> str:
    """Return the text of an event's message, "" without one."""
    message = payload.get("message") or {"content": [{"text": ""}]}
    return str(message["content"][0]["text"])


class Talk:
    """The parts of one test."""

    def __init__(self, model: MessagesServer) -> None:
        self.model = model
        self.channel: Channel
        self.bots: Bots

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Bots]:
        """Run the bots role for the length of the block, as a process of its own would."""
        async with running_bots() as self.bots:
            yield self.bots

    @contextlib.contextmanager
    def line(self, who: Principal | None = None) -> Iterator[Talker]:
        """Open a connection."""
        with Talker(who) as line:
            assert isinstance(line, Talker)
            yield line

    def asked(self) -> list[str]:
        """The conversations that were sent to the model for turns."""
        return [str(request["body"]["messages"]) for request in self.model.requests() if request["body"].get("tools")]

    async def session(self, owner: str, name: str = "main") -> Session:
        """Return a session's row."""
        return await run_db(Session.objects.select_related("channel").get, chat_id=f"{owner}/{name}")

    async def quiet(self) -> None:
        """Wait until nothing is worked on."""
        await until_db(nothing_open)


ALICE = principal("alice")
BOB = principal("bob", Scope.WRITE)
CHARLIE = principal("charlie", Scope.WRITE)
READER = principal("reader", Scope.READ)


@contextlib.asynccontextmanager
async def open_talk(**overrides: Any) -> AsyncIterator[Talk]:
    """Start the model's emulator and the gateway's part of a web process."""
    keys.forget_keys()
    breakers.clear()
    reset_limits()
    hot.drop_all()
    answers.drop()
    async with MessagesServer() as model:
        wanted = FAST | {
            "ANTHROPIC_API_KEY": "sk-ant-test-0000000000000000",
            "ANTHROPIC_BASE_URL": model.url,
            "CLAW_MODELS": ["claude-sonnet-5-5"],
        }
        with override_settings(**wanted | overrides):
            talk = Talk(model)
            talk.channel = await run_db(Channel.objects.create, kind=GATEWAY, name=GATEWAY)
            async with NudgeListener("web") as listener:
                feeds.listen(listener)
                hot.listen(listener)
                cronfeed.listen(listener)
                try:
                    yield talk
                finally:
                    await feeds.close()
                    await asyncio.to_thread(close_pool)
