"""Several gateways: one client for each, the choice among them, their health, and what to do when one fails.

Invariant: a call that changes something is sent on to another gateway only when it is sure that the first did not
act on it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from clawsite.rpc.breaker import Breaker, State
from clawsite.rpc.calls import is_read
from clawsite.rpc.client import GatewayClient
from clawsite.rpc.errors import (
    ClientError,
    ConnectionLost,
    HandshakeRefused,
    NoTarget,
    RequestTimeout,
    RpcError,
    Unreachable,
    has_surely_not_acted,
    may_have_acted,
)
from clawsite.rpc.selection import ANYTHING, Wanted, rank
from clawsite.rpc.target import GatewayTarget

HEALTH_SECONDS, CHECK_SECONDS = 30.0, 10.0


@dataclass(slots=True)
class Entry:
    """A gateway of the registry. `seconds`: what its last health check took, None when it failed or never was."""

    target: GatewayTarget
    client: GatewayClient
    breaker: Breaker = field(default_factory=Breaker)
    seconds: float | None = None


class GatewayRegistry:
    """Holds a client for each target. Belongs to one event loop, as its clients do."""

    def __init__(
        self,
        targets: Iterable[GatewayTarget] = (),
        *,
        make_client: Callable[[GatewayTarget], GatewayClient] = GatewayClient,
        make_breaker: Callable[[], Breaker] = Breaker,
    ) -> None:
        self._make_client = make_client
        self._make_breaker = make_breaker
        self._entries: dict[str, Entry] = {}
        self._load: Counter[str] = Counter()
        self._checking: asyncio.Task[None] | None = None
        for target in targets:
            self._add(target)

    @property
    def targets(self) -> tuple[GatewayTarget, ...]:
        """All targets."""
        return tuple(entry.target for entry in self._entries.values())

    async def update(self, targets: Iterable[GatewayTarget]) -> None:
        """Take over a new list: what did not change keeps its connection, what is gone loses it."""
        wanted = {target.id: target for target in targets}
        for target_id, entry in tuple(self._entries.items()):
            if wanted.get(target_id) == entry.target:
                del wanted[target_id]
            else:
                del self._entries[target_id]
                await entry.client.close()
        for target in wanted.values():
            self._add(target)

    def client(self, target_id: str) -> GatewayClient:
        """Return the one client of a gateway."""
        return self._get(target_id).client

    def state(self, target_id: str) -> State:
        """Return whether a gateway is used now."""
        return self._get(target_id).breaker.state

    def seconds(self, target_id: str) -> float | None:
        """Return how long the last health check took; None when it failed, or before the first."""
        return self._get(target_id).seconds

    @contextlib.contextmanager
    def job_at(self, target_id: str) -> Iterator[None]:
        """Count a job as in flight at a gateway for the length of a block."""
        self._load[target_id] += 1
        try:
            yield
        finally:
            self._load[target_id] -= 1

    def set_load(self, target_id: str, jobs: int) -> None:
        """Say how many jobs are in flight at a gateway, when that is known from elsewhere."""
        self._load[target_id] = jobs

    def candidates(self, wanted: Wanted = ANYTHING) -> list[GatewayTarget]:
        """Return the gateways for a piece of work, best first, without those that are full or left alone."""
        ranked = rank(self.targets, wanted, load=self._load.__getitem__)
        return [target for target in ranked if self.state(target.id) is not State.OPEN]

    def select(self, wanted: Wanted = ANYTHING) -> GatewayTarget:
        """Return the best gateway for a piece of work; NoTarget when there is none now."""
        found = self.candidates(wanted)
        if not found:
            raise NoTarget(f"No gateway is there for {wanted}.")
        return found[0]

    async def request(
        self, method: str, params: Mapping[str, Any] | None = None, *, wanted: Wanted = ANYTHING, **options: Any
    ) -> tuple[GatewayTarget, Any]:
        """Call a method at the best gateway, at the next one when it is away; return which one and the payload.

        Raises the last failure, or NoTarget when there was nobody to ask.
        """
        failure: ClientError = NoTarget(f"No gateway is there for {wanted}.")
        for target in self.candidates(wanted):
            try:
                return target, await self.request_at(target.id, method, params, **options)
            except ClientError as error:
                if not _may_fail_over(method, error):
                    raise
                failure = error
        raise failure

    async def request_at(
        self, target_id: str, method: str, params: Mapping[str, Any] | None = None, **options: Any
    ) -> Any:
        """Call a method at one gateway, unless it is left alone now; how it goes counts for its breaker."""
        entry = self._get(target_id)
        if not entry.breaker.allow():
            raise Unreachable(f"{target_id} has failed too often; it will be tried again soon.")
        try:
            payload = await entry.client.request(method, params, **options)
        except ClientError as error:
            _count(entry.breaker, error)
            raise
        entry.breaker.succeeded()
        return payload

    async def check(self) -> None:
        """Ask every gateway that may be asked now how it is."""
        await asyncio.gather(*(self._check(entry) for entry in tuple(self._entries.values())))

    def start_checks(self, *, every: float = HEALTH_SECONDS) -> None:
        """Check now and from here on, until the registry is closed."""
        if self._checking is None:
            self._checking = asyncio.get_running_loop().create_task(self._check_for_ever(every))

    async def close(self) -> None:
        """End all connections."""
        if self._checking is not None:
            self._checking.cancel()
            await asyncio.gather(self._checking, return_exceptions=True)
        await self.update(())

    async def __aenter__(self) -> Self:
        """Use for the length of a block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()

    def _add(self, target: GatewayTarget) -> None:
        if target.id in self._entries:
            raise NoTarget(f"There are several targets with the id {target.id}.")
        self._entries[target.id] = Entry(target, self._make_client(target), self._make_breaker())

    def _get(self, target_id: str) -> Entry:
        entry = self._entries.get(target_id)
        if entry is None:
            raise NoTarget(f"There is no gateway {target_id}.")
        return entry

    async def _check(self, entry: Entry) -> None:
        if entry.breaker.state is not State.OPEN:
            with contextlib.suppress(ClientError):  # which the request says, too
                await entry.client.connect(timeout=CHECK_SECONDS)  # what refused us for good may have been put right
        began = asyncio.get_running_loop().time()
        try:
            await self.request_at(entry.target.id, "health", tries=1, timeout=CHECK_SECONDS)
        except ClientError:
            entry.seconds = None
        else:
            entry.seconds = asyncio.get_running_loop().time() - began

    async def _check_for_ever(self, every: float) -> None:
        while True:
            await self.check()
            await asyncio.sleep(every)


def _count(breaker: Breaker, error: ClientError) -> None:
    """Count what the gateway is to blame for; an answer, even a no, shows that it works."""
    if isinstance(error, RpcError) and not error.retryable:
        breaker.succeeded()
    elif isinstance(error, RpcError | Unreachable | HandshakeRefused | ConnectionLost | RequestTimeout):
        breaker.failed()


def _may_fail_over(method: str, error: ClientError) -> bool:
    """Tell whether another gateway may be asked: the first said that it did not act, or there is nothing to act on."""
    return has_surely_not_acted(error) or (may_have_acted(error) and is_read(method))
