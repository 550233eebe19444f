"""The client of one gateway: one connection, shared by every request and every watched job of the program.

    async with GatewayClient(target) as client:
        print(await client.request("health"))

Connections are made when they are needed and made again when they break; see keeper.py. A client belongs to the
event loop it is used on; for programs without one there is blocking.py.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Self

from clawsite.rpc.backoff import Backoff, spread
from clawsite.rpc.calls import add_key, find_rule, is_read
from clawsite.rpc.dial import PING_SECONDS, dial, hang_up
from clawsite.rpc.errors import (
    ClientError,
    ConnectionLost,
    HandshakeRefused,
    has_surely_not_acted,
    may_have_acted,
)
from clawsite.rpc.events import EventStream, Gap
from clawsite.rpc.frames import HANDSHAKE_SECONDS, Event
from clawsite.rpc.handshake import shake_hands
from clawsite.rpc.hello import Hello, Identity
from clawsite.rpc.keeper import Keeper
from clawsite.rpc.link import Link
from clawsite.rpc.target import GatewayTarget
from clawsite.rpc.tokens import hide, read_token
from clawsite.rpc.watch import JobWatch
from clawsite.rpc.watches import Watches

logger = logging.getLogger(__name__)


class GatewayClient:
    """Speaks to one gateway.

    on_hello: called after each handshake (where a program subscribes again to events it wants). on_gap: called when
    events did not arrive. on_frame: sees each frame that comes, as bytes. The callbacks must not block.
    handshake_seconds, ping_seconds, backoff: for links that are slower, or tests that are faster, than usual.
    """

    def __init__(
        self,
        target: GatewayTarget,
        *,
        identity: Identity | None = None,
        on_hello: Callable[[Hello], None] | None = None,
        on_gap: Callable[[Gap], None] | None = None,
        on_frame: Callable[[bytes], None] | None = None,
        handshake_seconds: float = HANDSHAKE_SECONDS,
        ping_seconds: float = PING_SECONDS,
        backoff: Backoff | None = None,
    ) -> None:
        self.target = target
        self._identity = identity or Identity()
        self._on_hello = on_hello
        self._on_gap = on_gap
        self._on_frame = on_frame
        self._handshake_seconds = handshake_seconds
        self._ping_seconds = ping_seconds
        self._keeper = Keeper(
            target.id,
            self._open,
            on_up=self._came_up,
            on_down=self._pause,
            on_end=self._ended,
            backoff=backoff or Backoff(),
        )
        self._watches = Watches(self._keeper.get)
        self._streams: weakref.WeakSet[EventStream] = weakref.WeakSet()
        self._seq: int | None = None

    @property
    def hello(self) -> Hello | None:
        """What the gateway said of itself, while there is a connection."""
        return self._keeper.link.hello if self._keeper.link is not None else None

    @property
    def in_flight(self) -> int:
        """How many requests wait for their answer."""
        return self._keeper.link.in_flight if self._keeper.link is not None else 0

    async def connect(self, *, patience: float = 0.0, timeout: float | None = None) -> Hello:
        """Make the connection now and return the gateway's hello.

        patience: for how many seconds to go on when the gateway is not there (0: one attempt). timeout: when to give
        up in any case. Raises Unreachable, HandshakeRefused or BadTarget. Requests connect by themselves; this is for
        who wants to know first.
        """
        self._keeper.restart()
        until = None if timeout is None else asyncio.get_running_loop().time() + timeout
        return (await self._keeper.get(until=until, patience=patience)).hello

    async def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        idempotency_key: str | None = None,
        expect_final: bool = False,
        on_accepted: Callable[[Any], None] | None = None,
        tries: int | None = None,
    ) -> Any:
        """Call a method and return the payload of its answer; raises a ClientError.

        timeout: seconds for each try, waiting for a connection included; tries: how many; see calls.py for the
        defaults. expect_final: wait for the second answer of a method that first says "accepted". When an earlier try
        may have been acted on, the error says so, whatever became of the last.
        """
        accepted = None if on_accepted is None else functools.partial(_tell, on_accepted)
        rule = find_rule(method, params, expect_final=expect_final)
        full = add_key(method, params, idempotency_key)
        backoff = Backoff()
        seconds = timeout or rule.seconds
        left = tries or rule.tries
        unsure: ClientError | None = None
        while True:
            left -= 1
            try:
                return await self._try(method, full, seconds, expect_final, accepted)
            except ClientError as error:
                if may_have_acted(error) and not is_read(method):
                    unsure = error
                if not left or not error.retryable or (error.retry_after or 0.0) > seconds:
                    if unsure is not None and has_surely_not_acted(error):
                        raise unsure from error
                    raise
                wait = backoff.next() if error.retry_after is None else spread(error.retry_after)
            await asyncio.sleep(wait)

    def subscribe(self, job_id: str, after_seq: int = 0) -> JobWatch:
        """Return the events of a job after a sequence number, as an async iterator; see watch.py."""
        return JobWatch(self._watches, job_id, after_seq=after_seq)

    def events(self, *names: str) -> EventStream:
        """Return events of these names (none: all) from now on, as an async iterator; see events.py."""
        stream = EventStream(frozenset(names))
        self._streams.add(stream)
        if self._keeper.closed is not None:
            stream.fail(self._keeper.closed)
        return stream

    async def ping(self) -> float:
        """Return how many seconds the gateway takes to answer."""
        began = time.monotonic()
        await self.request("ping")
        return time.monotonic() - began

    async def close(self) -> None:
        """End the connection and everything that waits on it."""
        await self._keeper.close()

    async def __aenter__(self) -> Self:
        """Connect for the length of a block."""
        try:
            await self.connect()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()

    def __repr__(self) -> str:
        """Name the target, and nothing that is secret."""
        return f"<GatewayClient of {self.target.id} at {self.target.ws_url}>"

    async def _try(self, method: str, params: Any, seconds: float, expect_final: bool, on_accepted: Any) -> Any:
        """Call once. What never left this machine, because the connection was just lost, goes over the next one."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while True:
            link = await self._keeper.get(until=until)
            try:
                return await link.call(
                    method, params, seconds=seconds, until=until, expect_final=expect_final, on_accepted=on_accepted
                )
            except ConnectionLost as error:
                if error.was_sent:
                    raise

    async def _open(self) -> Link:
        """Make a connection. A token that was refused while a new one took its place is tried again at once."""
        token = read_token(self.target.token_ref)
        try:
            return await self._open_with(token)
        except HandshakeRefused as refused:
            if not refused.is_terminal or read_token(self.target.token_ref) == token:
                raise
        return await self._open_with(read_token(self.target.token_ref))

    async def _open_with(self, token: str) -> Link:
        socket = await dial(self.target, ping_seconds=self._ping_seconds)
        try:
            hello = await shake_hands(socket, self._identity, token, seconds=self._handshake_seconds)
        except BaseException:
            await hang_up(socket)
            raise
        on_frame = None if self._on_frame is None else functools.partial(_tell, self._on_frame)
        without_token = functools.partial(hide, token=token)
        return Link(socket, hello, on_event=self._heard, on_frame=on_frame, hide=without_token)

    def _came_up(self, link: Link) -> None:
        self._seq = None
        _tell(self._on_hello, link.hello)

    def _pause(self) -> None:
        self._watches.pause_all()

    def _ended(self, error: ClientError) -> None:
        """Nothing will come any more: those who wait for events have to know."""
        for stream in tuple(self._streams):
            stream.fail(error)
        self._pause()

    def _heard(self, event: Event, size: int) -> None:
        if event.seq is not None:
            self._count(event.seq)
        if event.event == "job":
            self._watches.offer(event, size)
        elif event.event == "shutdown":
            self._keeper.expect_restart(event.payload)
        for stream in tuple(self._streams):
            stream.offer(event)

    def _count(self, seq: int) -> None:
        """Tell of events that did not arrive."""
        if self._seq is not None and seq > self._seq + 1:
            _tell(self._on_gap, Gap(self._seq + 1, seq))
        self._seq = seq


def _tell(callback: Callable[[Any], None] | None, value: Any) -> None:
    """Call back into the program. Its errors are its own, and must not cost the connection."""
    if callback is not None:
        try:
            callback(value)
        except Exception:
            logger.exception("a callback of the program failed")
