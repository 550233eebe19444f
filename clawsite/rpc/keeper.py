"""Keeps one connection to a gateway: makes it, notices its end, makes it again, stops when that makes no sense."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from clawsite.rpc import codes
from clawsite.rpc.backoff import MOST, Backoff, spread
from clawsite.rpc.errors import ClientClosed, ClientError, HandshakeRefused, Unreachable
from clawsite.rpc.link import Link

logger = logging.getLogger(__name__)

# A connection that lived for so long, or was of use, was a good one: the next wait is short again.
GOOD_SECONDS = 10.0
_SOON = (codes.CLOSE_RESTART, codes.CLOSE_TRY_LATER, codes.CLOSE_AUTH_CHANGED)


class Keeper:
    """Owns the link. `get` waits for it; whoever waits hears of every failed attempt that matters to them."""

    def __init__(
        self, name: str, dial: Callable[[], Awaitable[Link]], *, on_up: Callable[[Link], None],
        on_down: Callable[[], None], on_end: Callable[[ClientError], None], backoff: Backoff,
    ) -> None:  # fmt: skip
        self.link: Link | None = None
        self._restart_seconds: float | None = None
        self._name = name
        self._dial = dial
        self._on_up = on_up
        self._on_down = on_down
        self._on_end = on_end
        self._backoff = backoff
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._failure: ClientError | None = None
        self._retry_at = 0.0
        self._is_closed = False

    async def get(self, *, until: float | None = None, patience: float | None = None) -> Link:
        """Return the open link.

        until: the loop's time at which waiting ends. patience: seconds after which no further attempt is waited for;
        0 is content with the one that is being made. Raises the failure of the last attempt, a final one at once.
        """
        give_up_at = until if patience is None else asyncio.get_running_loop().time() + patience
        self._start()
        while self.link is None or not self.link.is_open:
            self._check(give_up_at)
            try:
                async with asyncio.timeout_at(until):
                    await self._changed.wait()
            except TimeoutError:
                raise self._latest() from None
        return self.link

    @property
    def closed(self) -> ClientError | None:
        """What is said of a closed client; None while it is in use."""
        return self._failure if self._is_closed else None

    def expect_restart(self, notice: Any) -> None:
        """Take note of a shutdown notice, which may say how long the gateway will be away."""
        expected = notice.get("restartExpectedMs") if isinstance(notice, dict) else None
        if isinstance(expected, int) and expected > 0:
            self._restart_seconds = min(expected / 1000, MOST)

    def restart(self) -> None:
        """Forget a final failure: what caused it may have been put right. That of a closed client stays."""
        if self._task is not None and self._task.done() and not self._is_closed:
            self._task = None
            self._failure = None

    async def close(self) -> None:
        """End the link and stop."""
        self._is_closed = True
        self._failure = ClientClosed("The client was closed.")
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._tell()
        self._on_end(self._failure)

    def _start(self) -> None:
        if self._task is None and not self._is_closed:
            self._failure = None
            self._task = asyncio.get_running_loop().create_task(self._keep(), name=f"keep {self._name}")

    def _check(self, give_up_at: float | None) -> None:
        if self._failure is None:
            return
        is_over = self._is_closed or self._task is None or self._task.done()
        if is_over or (give_up_at is not None and self._retry_at > give_up_at):
            raise self._latest()

    def _latest(self) -> ClientError:
        """Return why there is no link. Several may raise it, so it must not collect their tracebacks."""
        error = self._failure or Unreachable(f"{self._name} did not answer in time.")
        return error.with_traceback(None)

    def _tell(self) -> None:
        """Wake everybody who waits, to look at what there is now."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def _keep(self) -> None:
        while True:
            try:
                await self._live(await self._dial())
            except ClientError as error:
                if not error.retryable:
                    self._give_up(error)
                    return
                await self._pause(error, error.retry_after)
            except Exception:
                logger.exception("the connection to %s failed in a way nobody expected", self._name)
                self._on_down()
                await self._pause(Unreachable(f"An error in this program ended the connection to {self._name}."), None)

    async def _live(self, link: Link) -> None:
        """Use a link until it ends; raises how it ended, and how long to stay away."""
        loop = asyncio.get_running_loop()
        since = loop.time()
        self.link, self._failure, self._restart_seconds = link, None, None
        try:
            self._tell()
            self._on_up(link)
            lost = await link.run()
        finally:
            self.link = None
            await link.close()
        if link.was_useful or loop.time() - since > GOOD_SECONDS or lost.close_code in _SOON:
            self._backoff.reset()
        self._on_down()
        away = Unreachable(str(lost))
        away.retry_after = self._restart_seconds
        raise away

    async def _pause(self, error: ClientError, asked: float | None) -> None:
        wait = self._backoff.next()
        if asked is not None:
            wait = max(wait, spread(asked))
        logger.info("%s: %s Trying again in %.1f s.", self._name, error, wait)
        self._failure = error
        self._retry_at = asyncio.get_running_loop().time() + wait
        self._tell()
        await asyncio.sleep(wait)

    def _give_up(self, error: ClientError) -> None:
        level = logging.WARNING if isinstance(error, HandshakeRefused) else logging.INFO
        logger.log(level, "%s: %s Not trying again.", self._name, error)
        self._failure = error
        self._tell()
        self._on_end(error)
