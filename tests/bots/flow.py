"""The whole bots role against the two emulators, in the test's own event loop. Nothing of ours is replaced."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from django.test import override_settings

from bots.agent import budget, keys
from bots.agent.targets import breakers
from bots.main import Bots
from clawsite.core.db import close_pool, run_db
from clawsite.core.nudge import NudgeListener
from clawsite.core.process import end_process, register_process
from guardrails.limits import reset_limits
from sessions_app.models import Channel, Contact, Inbox, Outbox
from tests.servers.messages.server import MessagesServer
from tests.servers.telegram.server import TelegramServer

# It ends what hangs; a machine with much else to do may take its time.
WAIT_SECONDS = 30.0
FAST = {"CLAW_CHAT_RATE": 1000.0, "CLAW_GROUP_RATE": 60_000.0, "CLAW_BOT_RATE": 10_000.0, "CLAW_USER_RATE": 10_000}


@contextlib.asynccontextmanager
async def running_bots() -> AsyncIterator[Bots]:
    """Run the bots role for the length of the block, as a process of its own would."""
    process = await run_db(register_process, "bots")
    stop = asyncio.Event()
    async with NudgeListener("bots") as listener:
        bots = Bots(process.pk)
        task = asyncio.create_task(bots.run(stop, listener))
        try:
            yield bots
        finally:
            stop.set()
            await asyncio.wait_for(task, timeout=30)
            await run_db(end_process, process.pk)


class Flow:
    """One running bots process with a Telegram and a model, and Alice (admin), Bob (operator), Charlie (stranger)."""

    def __init__(self, telegram: TelegramServer, model: MessagesServer) -> None:
        self.telegram, self.model = telegram, model
        self.channel: Channel
        self.bots: Bots
        self.alice = telegram.add_user("Alice")["id"]
        self.bob = telegram.add_user("Bob")["id"]
        self.charlie = telegram.add_user("Charlie")["id"]

    async def prepare(self) -> None:
        """Make the channel and the people who are known from the start."""
        await run_db(self._rows)

    def _rows(self) -> None:
        self.channel = Channel.objects.create(
            kind="telegram", name="telegram", token=self.telegram.token, config={"api_url": self.telegram.url}
        )
        for external_id, name, role in ((self.alice, "Alice", "admin"), (self.bob, "Bob", "operator")):
            Contact.objects.create(
                channel=self.channel, external_id=str(external_id), name=name, role=role, state="approved"
            )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Bots]:
        """Run the role for the length of the block, as a process of its own would."""
        async with running_bots() as self.bots:
            yield self.bots

    async def says(self, who: int, text: str, *, count: int = 1, timeout: float = WAIT_SECONDS) -> list[str]:
        """Let a person write in their direct chat and return the texts of the bot's next messages there."""
        before = len(self.telegram.bot_messages(who))
        self.telegram.user_sends(who, text)
        return await self.answers(who, before, count, timeout=timeout)

    async def answers(self, chat: int, before: int, count: int, *, timeout: float = WAIT_SECONDS) -> list[str]:
        """Wait until the bot wrote `count` messages more and everything is recorded; return their texts."""
        await until(lambda: len(self.telegram.bot_messages(chat)) >= before + count, timeout=timeout)
        await self.quiet(timeout=timeout)
        return [message.get("text", "") for message in self.telegram.bot_messages(chat)[before:]]

    async def quiet(self, *, timeout: float = WAIT_SECONDS) -> None:
        """Wait until no row is open any more."""
        await until_db(nothing_open, timeout=timeout)

    def asked(self) -> list[str]:
        """The conversations that were sent to the model for turns (work after answers has no tools)."""
        return [str(request["body"]["messages"]) for request in self.model.requests() if request["body"].get("tools")]

    def texts(self, chat: int) -> list[str]:
        """Everything the bot said in a chat."""
        return [message.get("text", "") for message in self.telegram.bot_messages(chat)]


def nothing_open() -> bool:
    waiting = Inbox.objects.filter(state=Inbox.State.NEW).exists()
    return not waiting and not Outbox.objects.filter(state__in=["new", "sending"]).exists()


async def until(check: Callable[[], Any], *, timeout: float = WAIT_SECONDS) -> Any:
    """Poll a condition on the loop; fail when it does not come true in time."""
    deadline = time.monotonic() + timeout
    while not (value := check()):
        assert time.monotonic() < deadline, f"not within {timeout} s"
        await asyncio.sleep(0.01)
    return value


async def until_db(check: Callable[[], Any], *, timeout: float = WAIT_SECONDS) -> Any:
    """Poll a condition that reads rows."""
    deadline = time.monotonic() + timeout
    while not (value := await run_db(check)):
        assert time.monotonic() < deadline, f"not within {timeout} s"
        await asyncio.sleep(0.02)
    return value


def forget_process() -> None:
    """Forget what a process that asks models remembers, as a restart would: the next test begins with another one."""
    breakers.clear()
    keys.forget_keys()
    budget.forget_costs()
    reset_limits()


@contextlib.asynccontextmanager
async def open_flow(**overrides: Any) -> AsyncIterator[Flow]:
    """Start the emulators and prepare the rows; rates are raised unless `overrides` say otherwise."""
    forget_process()
    async with TelegramServer() as telegram, MessagesServer() as model:
        wanted = FAST | {
            "ANTHROPIC_API_KEY": "sk-ant-test-0000000000000000",
            "ANTHROPIC_BASE_URL": model.url,
            "CLAW_MODELS": ["claude-sonnet-5-5"],
            "TELEGRAM_API_URL": telegram.url,
        }
        with override_settings(**wanted | overrides):
            flow = Flow(telegram, model)
            await flow.prepare()
            try:
                yield flow
            finally:
                await asyncio.to_thread(close_pool)
                forget_process()
