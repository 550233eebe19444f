"""The outbox sender: one per channel account, under a lease, in order chat by chat.

A chat has one call on its way at a time and one budget that every call spends. Whatever fails waits in its row; a row
is given up after eight failures of its own or when the platform says that repeating cannot help. How a call went is
written down however long the database needs, because what is not written down is sent again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from bots.channels.base import Address, ChannelError, OutboundMessage, Part
from bots.channels.budget import ChatBudget
from bots.moving import follow_chat
from bots.preview import Preview
from bots.receipts import Receipts
from bots.resent import mark_resent
from bots.sent_files import size_of
from bots.standing import OPEN_SECONDS, Standing
from bots.work import OpenChannel
from clawsite.core.db import run_db, run_tx, run_tx_first
from clawsite.core.errors import LeaseLost, log_unknown
from clawsite.core.jitter import jitter
from clawsite.core.leases import Held, check_lease
from clawsite.core.metrics import CHANNEL_CALLS, DELIVERY_SECONDS, MESSAGES
from clawsite.core.nudge import Wake
from clawsite.core.tracing import span, trace
from sessions_app import outbox
from sessions_app.channels import note_block
from sessions_app.models import Outbox, Turn

logger = logging.getLogger(__name__)

# Calls on their way at once: all that one crash can leave unknown, and still 30 a second where a call takes 100 ms.
AT_ONCE = 3
CALL_SECONDS = 90.0
# The slowest line, in bytes a second, on which a file still gets through: time for it comes on top of the above.
SLOWEST_LINE = 128 * 1024
BACKOFF_SECONDS = (1, 2, 5, 15, 60, 120, 300)
UNKNOWN_SECONDS = 180.0


class Sender:
    """Sends the rows of one channel while its process holds the channel's sender lease.

    A process that was frozen cannot know that another leads now. So a check of the lease is trusted for half the time
    after which others may take it; then nothing is sent before the next check.
    """

    def __init__(self, channel: OpenChannel) -> None:
        self.channel = channel
        self._held: Held | None = None
        self._sure_until = 0.0
        self._leads = False
        self.budget = ChatBudget()
        self.standing = Standing(channel)
        self.wake = Wake()
        self._busy: dict[str, int] = {}
        # Chats whose budget is spent, and until when they are passed over.
        self._paced: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._previews: dict[int, Preview] = {}
        self._receipts = Receipts(channel.row.pk)

    # --- the lease ------------------------------------------------------------------------------------------------
    @property
    def leading(self) -> bool:
        """Whether new rows may be sent by this process now."""
        return self._leads and time.monotonic() < self._sure_until

    async def lead(self, held: Held) -> None:
        """Begin under a lease. Before this nothing is born `sending` here, so what is so was left by somebody."""
        self._held = held
        await self.check()
        self._leads = True

    async def check(self) -> None:
        """Make sure that the lease is still ours; LeaseLost otherwise."""
        if self._held is None:
            raise LeaseLost(f"Nobody here sends for {self.channel.row.name}.")
        began = time.monotonic()
        await run_db(check_lease, self._held)
        self._sure_until = began + settings.CLAW_LEASE_SECONDS / 2

    def rest(self) -> None:
        """Take no new rows; what is on its way may finish."""
        self._leads = False

    def resign(self) -> None:
        """Send nothing more: another leads."""
        self._leads, self._held, self._sure_until = False, None, 0.0

    async def _ensure_sure(self) -> None:
        if time.monotonic() >= self._sure_until:
            await self.check()

    # --- rows -----------------------------------------------------------------------------------------------------
    async def run_once(self) -> bool:
        """Start sending what may be sent now; True when there may be more at once. LeaseLost when overtaken."""
        free, held = AT_ONCE - len(self._busy), self._held
        if free <= 0 or held is None or not self._may_try():
            return False
        heads = await run_db(outbox.find_heads, self.channel.row.pk, busy=self._passed(), limit=free)
        may_go = [row for row in heads if row.chat_id not in self._busy and not self._must_wait(row)]
        ready = self.standing.admit(may_go)
        if not ready:
            # Behind chats that must wait there may be others that need not.
            return len(heads) == free and not may_go
        for row in ready:
            self._busy[row.chat_id] = row.pk
        won: dict[int, dict[str, Any]] = {}
        claim = asyncio.ensure_future(run_tx(outbox.mark_sending, [row.pk for row in ready], held=held))
        try:
            won = await asyncio.shield(claim)
        except asyncio.CancelledError:
            await self._unclaim(claim)
            raise
        finally:
            for row in ready:
                if row.pk not in won:
                    self._busy.pop(row.chat_id, None)
        for row in ready:
            if row.pk in won:
                row.attempts, row.payload = row.attempts + 1, won[row.pk]
                self._start(row)
        return len(heads) == free

    async def _unclaim(self, claim: asyncio.Future[dict[int, dict[str, Any]]]) -> None:
        """Let rows wait that were claimed by a sender that is told to stop: nothing of them is on its way."""
        try:
            for pk in await claim:
                await run_db(outbox.mark_waiting, pk, seconds=0, error="", counted=False)
        except Exception as error:
            log_unknown(error, where=f"handing back the outbox of {self.channel.row.name}")

    def send_now(self, rows: Iterable[Outbox]) -> None:
        """Send rows that were born `sending` by this process."""
        for row in rows:
            self._busy[row.chat_id] = row.pk
            self._start(row)

    def may_be_born_sending(self, chat_id: str, *, group: bool) -> bool:
        """Tell whether a new row of this chat could be sent at once."""
        free = self.leading and self.standing.is_good and chat_id not in self._busy and len(self._busy) < AT_ONCE
        return free and self.budget.wait(chat_id, group=group) <= 0

    def on_their_way(self) -> list[int]:
        """Return the rows that this process is sending now."""
        return list(self._busy.values())

    def _passed(self) -> set[str]:
        """Return the chats that get nothing now: one call is on its way there, or must wait for the chat's budget."""
        now = time.monotonic()
        self._paced = {chat_id: until for chat_id, until in self._paced.items() if until > now}
        return {*self._busy, *self._paced}

    def _may_try(self) -> bool:
        """Tell whether the platform may be called now, and see to it that we look again when it may not."""
        seconds = min(max(self.standing.wait, self.budget.wait_of_bot()), 5.0)
        if seconds > 0:
            asyncio.get_running_loop().call_later(seconds, self.wake.set)
        return seconds <= 0

    def _must_wait(self, row: Outbox) -> bool:
        """Tell whether the chat's budget is spent, and see to it that we look again when it is not."""
        seconds = min(self.budget.wait(row.chat_id, group=_is_group(row)), 5.0)
        if seconds > 0:
            self._paced[row.chat_id] = time.monotonic() + seconds
            asyncio.get_running_loop().call_later(seconds, self.wake.set)
        return seconds > 0

    def _start(self, row: Outbox) -> None:
        task = asyncio.create_task(self._send_row(row))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_row(self, row: Outbox) -> None:
        """Send one row and record how it went; never raises."""
        try:
            with trace("delivery", trace_id=row.trace_id, channel=self.channel.row.kind):
                await self._send_and_record(row)
            self._receipts.forget(row.pk)
        except LeaseLost:
            logger.warning("outbox %s is left to the process that sends now", row.pk)
        except Exception as error:
            # The row stays `sending` and is taken up as unknown after a while.
            log_unknown(error, where=f"recording outbox {row.pk}")
        finally:
            self._busy.pop(row.chat_id, None)
            self.wake.set()

    async def _send_and_record(self, row: Outbox) -> None:
        kind, seconds = self.channel.row.kind, CALL_SECONDS
        try:
            seconds = _seconds_for(row)
            async with asyncio.timeout(seconds):
                await self._ensure_sure()
                with span("channel", channel=kind):
                    remote_ids = await self._deliver(row)
        except ChannelError as error:
            CHANNEL_CALLS.labels(kind, error.outcome).inc()
            await self._after_error(row, error)
        except LeaseLost:
            raise
        except TimeoutError:
            CHANNEL_CALLS.labels(kind, "timeout").inc()
            await self._after_error(row, ChannelError(f"No answer within {seconds:.0f} s.", unsent=False))
        except Exception as error:
            CHANNEL_CALLS.labels(kind, "error").inc()
            error_id = log_unknown(error, where=f"delivery of outbox {row.pk}")
            await self._give_up_or_wait(row, f"error {error_id}")
        else:
            self.standing.succeed()
            self._previews.pop(row.payload.get("turn", 0), None)
            message_id = row.payload.get("message")
            await self._record(outbox.mark_sent, row.pk, remote_ids=remote_ids, message_id=message_id)
            MESSAGES.labels(kind, "out").inc()
            CHANNEL_CALLS.labels(kind, "ok").inc()
            DELIVERY_SECONDS.labels(kind).observe(max(0.0, (timezone.now() - row.created_at).total_seconds()))

    async def _record(self, work: Callable[..., object], /, *args: object, **kwargs: object) -> None:
        """Write down how a call went, trying until the database takes it. Meanwhile the chat waits."""
        delay = 0.5
        while True:
            try:
                await run_tx_first(work, *args, **kwargs)
                return
            except (OperationalError, InterfaceError) as error:
                logger.warning("the database does not take the record of a call: %s", error)
            await asyncio.sleep(jitter(delay))
            delay = min(delay * 2, 5.0)

    async def _after_error(self, row: Outbox, error: ChannelError) -> None:
        self.standing.fail(error)
        if error.moved_to:
            await self._record(follow_chat, row, new=error.moved_to, told=error.message)
        elif error.retry_after is not None:
            chat = None if error.whole_bot else row.chat_id
            self.budget.cool(chat, error.retry_after)
            if error.whole_bot:
                await self._record(note_block, self.channel.row.pk, seconds=error.retry_after)
            seconds = error.retry_after + 1
            await self._record(outbox.mark_waiting, row.pk, seconds=seconds, error=error.message, counted=False)
        elif error.permanent:
            logger.warning("outbox %s was refused for good: %s", row.pk, error.message)
            await self._record(outbox.mark_dead, row.pk, error=error.message)
        else:
            row.payload["outages"] = int(row.payload.get("outages", 0)) + 1
            await self._record(self._wait_outage, row, error)

    def _wait_outage(self, row: Outbox, error: ChannelError) -> None:
        """The platform is out of reach: wait as long as it takes, no failure of the row.

        While nothing gets through, the breaker keeps the pace, so that all is sent soon after the end of an outage.
        When the call may have been accepted all the same, the row is marked: the next attempt may be a repetition.
        """
        tries = int(row.payload["outages"])
        change = {"payload": row.payload} | ({} if error.unsent else {"resent": True})
        Outbox.objects.filter(pk=row.pk).update(**change)
        seconds = _backoff(tries) if self.standing.is_good else min(_backoff(tries), OPEN_SECONDS)
        outbox.mark_waiting(row.pk, seconds=seconds, error=error.message, counted=False)

    async def _give_up_or_wait(self, row: Outbox, reason: str) -> None:
        if row.attempts >= outbox.MAX_ATTEMPTS:
            await self._record(outbox.mark_dead, row.pk, error=reason)
        else:
            await self._record(outbox.mark_waiting, row.pk, seconds=_backoff(row.attempts), error=reason)

    # --- one message ----------------------------------------------------------------------------------------------
    async def _deliver(self, row: Outbox) -> list[str]:
        """Bring the message of a row to the platform: edit what is shown, send what is missing, delete the rest."""
        message = OutboundMessage.from_json(row.payload)
        address = Address(chat_id=row.chat_id, thread_id=row.thread_id)
        group = _is_group(row)
        if message.reaction:
            self.budget.spend(row.chat_id, group)
            await self.channel.adapter.react(address, message.reply_to_id, message.reaction)
            return []
        shown = await self._shown_before(row, message)
        stale, shown = (shown, []) if row.payload.get("fresh") else ([], shown)
        parts = self.channel.adapter.render(mark_resent(message, row))
        done = list(row.remote_ids)
        for number, part in enumerate(parts[len(done) :], start=len(done)):
            await self._pace(row, group, first=number == len(row.remote_ids))
            await self._ensure_sure()
            self.budget.spend(row.chat_id, group)
            done.append(await self._put(address, part, shown[number] if number < len(shown) else ""))
            self._note(row, done, whole=len(done) == len(parts) and not (stale or shown[len(parts) :]))
            if len(parts) > 1:
                await self._record(outbox.keep_part, row.pk, remote_ids=list(done))
        for remote_id in stale or shown[len(parts) :]:
            await self._take_away(address, remote_id, group=group)
        return done

    def _note(self, row: Outbox, remote_ids: list[str], *, whole: bool) -> None:
        """Keep what the platform has just taken, should this process die before it is recorded."""
        token = self._held.token if self._held is not None else 0
        self._receipts.note(row, remote_ids, whole=whole, token=token)

    async def _take_away(self, address: Address, remote_id: str, *, group: bool) -> None:
        """Delete what the message replaces. It is out by now, so a failure here must not send it again."""
        self.budget.spend(address.chat_id, group)
        try:
            await self.channel.adapter.delete(address, remote_id)
        except ChannelError as error:
            logger.info("a message that was replaced stays: %s", error.message)
            if error.retry_after is not None:
                self.budget.cool(None if error.whole_bot else address.chat_id, error.retry_after)

    async def _pace(self, row: Outbox, group: bool, *, first: bool) -> None:
        """Keep the chat's budget between the parts of one message; the first part was paced by the queue."""
        if first:
            return
        seconds = self.budget.wait(row.chat_id, group=group)
        if seconds > 0:
            await asyncio.sleep(min(seconds, 60.0))

    async def _shown_before(self, row: Outbox, message: OutboundMessage) -> list[str]:
        """Ids of what is already in the chat for this message: of the row, and of this process's preview."""
        preview = self._previews.get(row.payload.get("turn", 0))  # kept: this attempt may not be the last one
        ids = list(message.edit_ids)
        if preview is not None:
            remote_id = await preview.finish()
            if remote_id and remote_id not in ids:
                ids.append(remote_id)
        return ids

    async def _put(self, address: Address, part: Part, shown: str) -> str:
        """Edit or send one part; formatting that the platform refuses goes out as plain text."""
        adapter = self.channel.adapter
        plain = False
        while True:
            try:
                if shown:
                    await adapter.edit(address, shown, part, plain=plain)
                    return shown
                return await adapter.send(address, part, plain=plain)
            except ChannelError as error:
                if error.gone and shown:
                    shown = ""
                elif error.bad_markup and not plain:
                    plain = True
                else:
                    raise

    # --- previews -------------------------------------------------------------------------------------------------
    def preview(self, turn: Turn, address: Address, direct: bool, text: str) -> None:
        """Show an unfinished answer, newest text only, when the chat's budget has room for it."""
        if not self.leading or self._busy.get(address.chat_id):
            return
        preview = self._previews.get(turn.pk)
        if preview is None:
            if len(self._previews) > 500:
                self._previews.pop(next(iter(self._previews)))
            preview = self._previews[turn.pk] = Preview(self.channel.adapter, self.budget, turn, address, direct=direct)
        preview.show(text)

    def has_preview(self, turn_id: int) -> bool:
        """Tell whether something of an unfinished answer is in the chat, or on its way there."""
        preview = self._previews.get(turn_id)
        return preview is not None and preview.has_begun

    def rest_preview(self, turn_id: int) -> None:
        """Let an unfinished answer stand while its turn waits for a person."""
        preview = self._previews.get(turn_id)
        if preview is not None:
            task = asyncio.create_task(preview.rest())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def drain(self, seconds: float) -> None:
        """Wait for the calls on their way, at most so long."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)

    def close(self) -> None:
        """Keep no receipts any more; the sender is over."""
        self._receipts.close()


def _seconds_for(row: Outbox) -> float:
    """Return how long the calls of a row may take, its files included."""
    return CALL_SECONDS + sum(map(size_of, OutboundMessage.from_json(row.payload).files)) / SLOWEST_LINE


def _is_group(row: Outbox) -> bool:
    """Tell whether a row goes to a group, whose budget is smaller."""
    return bool(row.payload.get("group"))


def _backoff(attempts: int) -> float:
    return jitter(BACKOFF_SECONDS[min(attempts, len(BACKOFF_SECONDS)) - 1])
