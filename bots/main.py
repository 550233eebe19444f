"""The bots role: pollers, inbox worker, agent turns and senders of every channel, in one event loop.

Channels are rows: an account that an admin adds, changes or switches off is taken over within seconds.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.utils import timezone

from bots.account import prepare_account
from bots.agent.after import AfterAnswers
from bots.agent.anthropic import close_provider, warm
from bots.agent.targets import is_configured, recall_breakers
from bots.cards.keeper import keep_cards
from bots.channels.base import ChannelError
from bots.channels.registry import get_adapter
from bots.commits import Runtime
from bots.delivery import UNKNOWN_SECONDS, Sender
from bots.intake import Intake
from bots.pipeline import Pipeline
from bots.polling import Poller
from bots.receipts import settle
from bots.streaming import Watchers
from bots.work import OpenChannel, Work, account_of
from clawsite.core.db import close_pool, run_db
from clawsite.core.errors import ClawError, LeaseLost, log_unknown
from clawsite.core.jitter import jitter
from clawsite.core.leases import Held, release_lease, take_lease
from clawsite.core.nudge import NudgeListener, Wake
from clawsite.core.process import drain_seconds
from clawsite.core.services import keep_probing
from sessions_app import outbox
from sessions_app.models import Channel

logger = logging.getLogger(__name__)

# The event loop gets the interpreter back from a database thread after this, not after the usual 5 ms.
SWITCH_SECONDS = 0.001
CHANNELS_SECONDS = 10.0
OPEN_AGAIN_SECONDS = 30.0
SENDER_POLL_SECONDS = 0.5
LEASE_SECONDS = 2.0
CHECK_SECONDS = 15.0


@dataclass
class _Account:
    """One channel in this process and the tasks that serve it."""

    channel: OpenChannel
    sender: Sender
    stamp: str
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def find_fault(self) -> str:
        """Return why what serves this account must begin anew, or "": nothing may end, and nothing wait for ever."""
        connecting, *serving = self.tasks
        ended = [task.get_name() for task in serving if task.done()]
        if ended or (connecting.done() and not serving):
            return f"{(ended or [connecting.get_name()])[0]} has ended"
        return "its poller is stuck" if getattr(self.channel.adapter, "is_stuck", False) else ""


class Bots:
    """What one bots process runs."""

    def __init__(self, process_id: int) -> None:
        self._process_id = process_id
        self._accounts: dict[int, _Account] = {}
        self._retry_at: dict[int, float] = {}
        self.channels_changed = Wake()
        self.cards_changed = Wake()
        self.watchers = Watchers()
        self.after = AfterAnswers(is_busy=lambda: self.pipeline.is_busy)
        self.pipeline = Pipeline(
            runtime=Runtime(process_id=process_id, sender_here=self._sends),
            started_at=timezone.now().timestamp(),
            watchers=self.watchers,
            find_sender=self._find_sender,
            afterwards=self.after.add,
        )
        self.intake = Intake(self.pipeline, self._find_channel)

    def _find_channel(self, channel_id: int) -> OpenChannel | None:
        account = self._accounts.get(channel_id)
        return account.channel if account else None

    def _find_sender(self, channel_id: int) -> Sender | None:
        account = self._accounts.get(channel_id)
        return account.sender if account else None

    def _sends(self, work: Work) -> bool:
        sender = self._find_sender(work.channel.row.pk)
        return sender is not None and sender.may_be_born_sending(
            work.message.address.chat_id, group=not work.message.direct
        )

    # --- accounts -------------------------------------------------------------------------------------------------
    async def keep_channels(self, stop: asyncio.Event) -> None:
        """Follow the channel rows: open new ones, reopen changed ones, close those switched off."""
        while not stop.is_set():
            try:
                await self._follow(await run_db(lambda: list(Channel.objects.filter(enabled=True))))
            except Exception as error:
                log_unknown(error, where="following channels")
            await self.channels_changed.within(CHANNELS_SECONDS)

    async def _follow(self, rows: list[Channel]) -> None:
        wanted = {row.pk: row for row in rows}
        for pk, account in list(self._accounts.items()):
            row, fault = wanted.get(pk), account.find_fault()
            if fault:
                logger.error("channel %s: %s; opening it anew", account.channel.row.name, fault)
            if row is None or fault or _stamp(row) != account.stamp:
                await self._close(pk)
        for pk, row in wanted.items():
            if pk not in self._accounts and time.monotonic() >= self._retry_at.get(pk, 0.0):
                await self._open(row)

    async def _open(self, row: Channel) -> None:
        try:
            adapter = get_adapter(row.kind)(account_of(row))
        except ClawError as error:
            logger.error("channel %s cannot be used: %s", row.name, error.message)
            self._retry_at[row.pk] = time.monotonic() + OPEN_AGAIN_SECONDS
            return
        channel = OpenChannel(row=row, adapter=adapter)
        account = _Account(channel=channel, sender=Sender(channel), stamp=_stamp(row))
        self._accounts[row.pk] = account
        account.tasks = [asyncio.create_task(self._serve(account), name=f"channel {row.name}")]
        self.intake.channels_changed()

    async def _serve(self, account: _Account) -> None:
        """Connect the account, for as long as that takes, and run its poller and its sender."""
        channel = account.channel
        standing = account.sender.standing
        delay = 1.0
        while True:
            try:
                await prepare_account(channel)
                standing.succeed()
                break
            except ChannelError as error:
                standing.fail(error)
                logger.warning("channel %s does not answer: %s", channel.row.name, error.message)
            except Exception as error:
                log_unknown(error, where=f"opening channel {channel.row.name}")
            await asyncio.sleep(jitter(delay))
            delay = min(delay * 2, OPEN_AGAIN_SECONDS)
        account.tasks.append(asyncio.create_task(self._keep_sending(account), name=f"send {channel.row.name}"))
        if channel.adapter.polls:
            poller = Poller(channel, process_id=self._process_id)
            account.tasks.append(asyncio.create_task(poller.run(), name=f"poll {channel.row.name}"))

    async def _close(self, pk: int) -> None:
        account = self._accounts.pop(pk)
        account.sender.rest()
        await _cancel(account.tasks)
        await account.sender.drain(5.0)
        account.sender.close()
        await account.channel.adapter.close()

    # --- sending --------------------------------------------------------------------------------------------------
    async def _keep_sending(self, account: _Account) -> None:
        """Send while this process holds the account's sender lease; wait for it otherwise."""
        name = f"send:{account.channel.row.pk}"
        while True:
            held = None
            try:
                held = await run_db(take_lease, name, process_id=self._process_id)
                if held is not None:
                    await self._lead(account, held)
            except asyncio.CancelledError:
                account.sender.rest()
                if held is not None:
                    await account.sender.drain(5.0)
                    account.sender.close()
                    await asyncio.shield(run_db(release_lease, held))
                raise
            except ClawError as error:
                logger.warning("sending for %s ended: %s", account.channel.row.name, error.message)
                account.sender.resign()
            except Exception as error:
                log_unknown(error, where=f"sending for {account.channel.row.name}")
                account.sender.rest()
            await asyncio.sleep(jitter(LEASE_SECONDS))

    async def _lead(self, account: _Account, held: Held) -> None:
        """The sender's loop. The lease is checked every 15 s, and sooner when leases are short; LeaseLost ends it."""
        sender, channel_id = account.sender, account.channel.row.pk
        known = await run_db(settle, channel_id, held=held, except_for=sender.on_their_way())
        if known:
            logger.info("%d messages of %s were taken before their sender died", known, account.channel.row.name)
        unknown = await run_db(outbox.recover_unknown, channel_id, except_for=sender.on_their_way())
        if unknown:
            logger.warning("%d messages of %s may be sent twice", unknown, account.channel.row.name)
        await sender.lead(held)
        checked = time.monotonic()
        while True:
            if time.monotonic() - checked > min(CHECK_SECONDS, settings.CLAW_LEASE_SECONDS / 4):
                checked = time.monotonic()
                await sender.check()
                await run_db(
                    outbox.recover_unknown, channel_id, older_than=UNKNOWN_SECONDS, except_for=sender.on_their_way()
                )
            try:
                more = await sender.run_once()
            except LeaseLost:
                raise
            except Exception as error:
                log_unknown(error, where=f"outbox of {account.channel.row.name}")
                more = False
            if not more:
                await sender.wake.within(SENDER_POLL_SECONDS)

    # --- life -----------------------------------------------------------------------------------------------------
    def listen(self, listener: NudgeListener) -> None:
        """Let nudges wake what they are for."""
        listener.on("inbox", lambda _: self.intake.wake.set())
        listener.on("outbox", self._wake_senders)
        listener.on("channel", lambda _: self.channels_changed.set())
        listener.on("card", lambda _: self.cards_changed.set())
        listener.on("watch", lambda data: self.watchers.look(int(data.get("session", 0))))
        listener.on("cancel", lambda data: self.pipeline.cancel(int(data.get("turn", 0))))

    def _wake_senders(self, data: dict[str, Any]) -> None:
        for account in self._accounts.values():
            if data.get("channel") in (None, account.channel.row.pk):
                account.sender.wake.set()

    async def run(self, stop: asyncio.Event, listener: NudgeListener) -> None:
        """Serve until `stop`, then finish what runs within the drain time and hand back the rest."""
        self.listen(listener)
        tasks = [
            asyncio.create_task(self.keep_channels(stop), name="channels"),
            asyncio.create_task(self.intake.run(stop), name="intake"),
            asyncio.create_task(self.after.run(), name="after answers"),
            asyncio.create_task(keep_cards(self.cards_changed), name="cards"),
            asyncio.create_task(self._warm(), name="warm model"),
            asyncio.create_task(keep_probing(self._process_id, role="bots"), name="asking services"),
        ]
        await stop.wait()
        await self._stop(tasks)

    async def _warm(self) -> None:
        await _warm_model()
        self.intake.become_warm()

    async def _stop(self, tasks: list[asyncio.Task[None]]) -> None:
        self.intake.wake.set()
        for account in self._accounts.values():
            # From here on answers are queued, not born `sending`: whoever is cancelled could not send them any more.
            account.sender.rest()
            await _cancel([task for task in account.tasks if task.get_name().startswith("poll")])
        await self.intake.drain(drain_seconds() * 0.6)
        await _cancel(tasks)
        for pk in list(self._accounts):
            await self._close(pk)
        await close_provider()


async def _warm_model() -> None:
    """Learn which models are left alone, and import their SDK in a thread, if somebody may need it."""
    try:
        await run_db(recall_breakers)
        if await is_configured():
            await warm()
    except Exception as error:
        log_unknown(error, where="warming the model")


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=10.0)


def _stamp(row: Channel) -> str:
    """What an adapter depends on; when it changes, the account is opened anew."""
    return repr((row.kind, row.name, str(row.token), str(row.webhook_secret), sorted(row.config.items()), row.access))


async def run(process_id: int, stop: asyncio.Event, listener: NudgeListener) -> None:
    """Run the bots role of this process until `stop` is set."""
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        await Bots(process_id).run(stop, listener)
    finally:
        await asyncio.to_thread(close_pool)
