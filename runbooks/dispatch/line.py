"""The one connection to a gateway, shared by all its jobs: whether it is up, since when it is not, and why."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from clawsite.core.db import run_tx
from clawsite.core.leases import Held
from clawsite.rpc.backoff import Backoff, spread
from clawsite.rpc.client import GatewayClient
from clawsite.rpc.errors import ClientError
from clawsite.rpc.registry import GatewayRegistry
from clawsite.rpc.target import GatewayTarget as Target
from clawsite.rpc.tokens import hide
from runbooks.dispatch import places
from runbooks.targets.rows import token_of

# How often a gateway is asked whether it is there, and how soon again when it is not.
UP_SECONDS, FIRST_AWAY_SECONDS, MOST_AWAY_SECONDS = 10.0, 0.5, 30.0
# How often a look is taken whether there is a connection, which asks nobody.
GLANCE_SECONDS = 0.5
# A connection that comes back within so long was not away.
PATIENCE_SECONDS = 3.0
PING_SECONDS = 10.0
# How often it is written down that a gateway is still there.
SEEN_SECONDS = 30.0


class Line:
    """Belongs to one target as it is now; a changed one gets another line."""

    def __init__(
        self,
        row_id: int,
        target: Target,
        registry: GatewayRegistry,
        held: Held,
        *,
        on_change: Callable[[], None],
    ) -> None:
        self.name = target.id
        self.target = target
        self.up = asyncio.Event()
        self.away_text = ""
        self.news = asyncio.Event()
        self._row_id = row_id
        self._registry = registry
        self._held = held
        self._on_change = on_change
        self._token = ""  # nosec B105  # not connected yet
        self._seen_at = float("-inf")
        self._backoff = Backoff(first=FIRST_AWAY_SECONDS, most=MOST_AWAY_SECONDS)

    @property
    def client(self) -> GatewayClient:
        """The client of this gateway."""
        return self._registry.client(self.name)

    async def keep(self) -> None:
        """See for ever whether the gateway is there; ends by cancellation, or with the lease."""
        while True:
            self.news.clear()
            until = time.monotonic() + await self._look()
            while not self.news.is_set() and (left := until - time.monotonic()) > 0 and not self._has_just_gone():
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left, GLANCE_SECONDS)):
                        await self.news.wait()

    def _has_just_gone(self) -> bool:
        return self.up.is_set() and self.client.hello is None

    async def _look(self) -> float:
        """Look once; return how long it lasts."""
        self._token = token_of(self.target)
        try:
            await self.client.connect(patience=PATIENCE_SECONDS)
            await self.call("ping", {}, timeout=PING_SECONDS)
        except ClientError as error:
            await self._missed(self.hide(str(error)))
            return self._backoff.next() + FIRST_AWAY_SECONDS
        self._backoff.reset()
        await self._seen()
        return spread(UP_SECONDS)

    async def _seen(self) -> None:
        if not self.up.is_set() or time.monotonic() - self._seen_at > SEEN_SECONDS:
            await run_tx(places.note_seen, self._held, self._row_id)
            self._seen_at = time.monotonic()
        if not self.up.is_set():
            self.away_text = ""
            self.up.set()
            self._on_change()

    def heard(self) -> None:
        """Note that events come, maybe before the next look finds it there: nobody is told any more that it is away."""
        self.away_text = ""

    async def _missed(self, text: str) -> None:
        self.up.clear()
        since = await run_tx(places.note_missed, self._held, self._row_id, text)
        self.away_text = f"{self.name} is out of reach since {since:%Y-%m-%d %H:%M:%S} UTC."
        self._on_change()

    async def call(self, method: str, params: dict[str, object], *, key: str | None = None, timeout: float) -> object:
        """Call a method once, over the connection there is or can be made at once; raises a ClientError.

        Only pings tell whether a gateway is there: one that takes no more jobs for now still has those that it took.
        """
        await self.client.connect(patience=PATIENCE_SECONDS)
        return await self.client.request(method, params, timeout=timeout, tries=1, idempotency_key=key)

    def hide(self, text: str) -> str:
        """Return a text without the token."""
        return hide(text, self._token)
