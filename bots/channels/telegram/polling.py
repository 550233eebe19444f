"""The getUpdates loop: raw updates, handed out in batches, confirmed only by asking for the next one.

Invariants: an update is confirmed only after the consumer came back for more, that is, after it stored the batch; the
loop ends when it is closed and never because of what the platform answers; nothing is kept but the last batch.

The offset is not stored and is used for one request only, the one that confirms. After a week without updates the
platform numbers them anew, at random, and an old larger offset would throw the new ones away.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bots.channels.base import ChannelError, Unparsed
from bots.channels.telegram.updates import ALLOWED_UPDATES, get_update_id
from clawsite.core.jitter import jitter

if TYPE_CHECKING:
    from bots.channels.telegram.calls import BotApi

logger = logging.getLogger(__name__)

BATCH = 100
READ_MARGIN_SECONDS = 10.0
# So long after its last limit the loop has still not moved: whatever it waits for does not come.
STUCK_SECONDS = 60.0
NEVER = float("inf")
FIRST_PAUSE = 1.0
AGAIN_SECONDS = 1
LONGEST_PAUSE = 23.0  # at most 30 with jitter
# A refused token is first taken for a hiccup of a proxy; from the third time on it is asked once a minute.
TOKEN_HICCUPS = 2


class Polling:
    """One account's loop. `last_poll_at` (time.time()) is the last answer, `last_error` why there is none now."""

    def __init__(self, *, name: str, poll_seconds: int, pause: float = FIRST_PAUSE) -> None:
        self.name = name
        self.poll_seconds = poll_seconds
        self.first_pause = pause
        self.last_poll_at = 0.0
        self.last_error = ""
        self.failures = 0
        # Until when the loop must have moved (time.monotonic()); never, while it is the consumer's turn.
        self.due_at = NEVER
        self._closed = asyncio.Event()
        self._asking: asyncio.Task[object] | None = None

    async def close(self) -> None:
        """Let the loop end, and return when its request is off the line."""
        self._closed.set()
        if self._asking is not None and not self._asking.done():
            self._asking.cancel()
            await asyncio.wait({self._asking})

    async def run(self, api: BotApi) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        """Yield batches until closed."""
        offset = 0
        while not self._closed.is_set():
            try:
                batch = _known(await self._ask(api, offset))
            except ChannelError as error:
                await self._recover(api, error)
                # After a wait the consumer checks that it still may poll, as before every request.
                self.due_at = NEVER
                yield []
                continue
            except asyncio.CancelledError:
                if self._is_cancelled_by_close():
                    return
                raise
            self._note_success()
            # An empty answer has confirmed what was before the offset, so the next request needs none.
            offset = max((update["update_id"] for update in batch), default=-1) + 1
            self.due_at = NEVER
            # An empty batch too: before each request the consumer checks that it still may poll.
            yield batch

    @property
    def is_stuck(self) -> bool:
        """Tell whether the loop waits for something that should have come or failed long ago."""
        return time.monotonic() > self.due_at + STUCK_SECONDS

    async def _ask(self, api: BotApi, offset: int) -> object:
        # After a failure a short request shows soon whether the next one fails, too.
        seconds = min(AGAIN_SECONDS, self.poll_seconds) if self.failures else self.poll_seconds
        params: dict[str, Any] = {
            "timeout": seconds, "limit": BATCH, "allowed_updates": list(ALLOWED_UPDATES)
        }  # fmt: skip
        if offset:
            params["offset"] = offset
        self.due_at = time.monotonic() + seconds + READ_MARGIN_SECONDS
        call = api.call("getUpdates", params, read_seconds=seconds + READ_MARGIN_SECONDS)
        self._asking = asyncio.create_task(call)
        return await self._asking

    def _is_cancelled_by_close(self) -> bool:
        """Tell a request that `close` ended from a consumer that is cancelled itself."""
        consumer = asyncio.current_task()
        return self._closed.is_set() and (consumer is None or not consumer.cancelling())

    async def _recover(self, api: BotApi, error: ChannelError) -> None:
        """Note the failure and wait; a webhook in the way is removed."""
        self.failures += 1
        self._report(error)
        pause = self._pause(error)
        self.due_at = time.monotonic() + pause
        if "webhook is active" in error.message:
            try:
                await api.call("deleteWebhook", {"drop_pending_updates": False})
            except ChannelError as failed:
                self._report(failed)
        await self._sleep(pause)

    def _pause(self, error: ChannelError) -> float:
        """Return the seconds to wait: what the platform says, else doubling, with jitter."""
        own = min(self.first_pause * 2.0 ** min(self.failures - 1, 16), LONGEST_PAUSE)
        told = error.retry_after
        if told is None or (_is_token(error) and self.failures <= TOKEN_HICCUPS):
            return jitter(own)
        return max(told, own) + jitter(self.first_pause)

    def _report(self, error: ChannelError) -> None:
        """Log a failure when it is new or concerns the token, and every 20th time of a row."""
        level = logging.ERROR if _is_token(error) else logging.WARNING
        if error.message != self.last_error or level == logging.ERROR or self.failures % 20 == 0:
            logger.log(level, "channel %s: polling failed %s times: %s", self.name, self.failures, error.message)
        self.last_error = error.message

    def _note_success(self) -> None:
        if self.failures:
            logger.info("channel %s: polling works again after %s failures", self.name, self.failures)
        self.last_poll_at, self.last_error, self.failures = time.time(), "", 0

    async def _sleep(self, seconds: float) -> None:
        """Wait, or less when closed."""
        try:
            await asyncio.wait_for(self._closed.wait(), timeout=seconds)
        except TimeoutError:
            return


def _is_token(error: ChannelError) -> bool:
    return error.whole_bot and "token" in error.message


def _known(answer: object) -> list[Mapping[str, Any]]:
    """Return the updates that have a number, in its order; ChannelError when there are only others.

    What has no number can be neither stored once nor confirmed; it goes away with the others of its batch.
    """
    items = answer if isinstance(answer, list) else [answer]
    batch: list[Mapping[str, Any]] = [item for item in items if isinstance(item, dict) and _has_number(item)]
    if len(batch) < len(items):
        logger.warning("dropped %s updates without a number", len(items) - len(batch))
    if items and not batch:
        raise ChannelError("Telegram: The answer holds no updates.")
    return sorted(batch, key=lambda update: int(update["update_id"]))


def _has_number(item: Mapping[str, Any]) -> bool:
    try:
        return get_update_id(item) >= 0
    except Unparsed:
        return False
