"""What happens by the clock, for all connections of the process together: one task instead of timers for each.

Ticks, handshakes that take too long, clients that do not read, rights that ended without a nudge, presence, metrics.
The task lives while there are sockets.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

from clawsite.core.db import run_db
from clawsite.core.errors import log_unknown
from clawsite.gateway import counts
from clawsite.gateway.auth import find_dead_tokens, grants, note_use
from clawsite.gateway.connection import Connection
from clawsite.gateway.hub import hub
from clawsite.gateway.limits import doors
from clawsite.gateway.paired import find_blocked
from clawsite.gateway.presence import own_entries, presence, presence_entries
from clawsite.gateway.replies import encode
from clawsite.rpc import codes
from clawsite.rpc.frames import HANDSHAKE_SECONDS, TICK_SECONDS

LOOK_SECONDS = 1.0
RIGHTS_SECONDS = 30.0
NOTE_SECONDS = 60.0
# With more connections than this nobody is told who comes and goes: the list, sent to each, would be most of the work.
MOST_TOLD = 100
# Connections that are told in one go before the event loop gets its turn again.
SLICE = 250


class Keeper:
    """The clockwork of this process."""

    def __init__(self) -> None:
        self._sockets = 0
        self._task: asyncio.Task[None] | None = None
        self._rights: asyncio.Task[None] | None = None
        self._ticked_at = self._checked_at = time.monotonic()
        self._noted: dict[int, float] = {}

    def arrive(self) -> None:
        """Count a socket; the first one starts the clock."""
        self._sockets += 1
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="gateway clock")

    def depart(self) -> None:
        """Count a socket that has ended."""
        self._sockets -= 1

    async def _run(self) -> None:
        going = True
        while going:
            await asyncio.sleep(LOOK_SECONDS)
            going = self._sockets > 0
            try:
                await self._look(time.monotonic())
            except Exception as error:
                log_unknown(error, where="the gateway's clock")

    async def _look(self, now: float) -> None:
        self._end_late(now)
        await self._look_at_all(now)
        counts.write()
        if presence.take_changes() and len(hub.connections) <= MOST_TOLD:
            _tell_presence()
        if now - self._ticked_at >= TICK_SECONDS:
            self._ticked_at = now
            await self._tell("tick", {"ts": round(time.time() * 1000)})
        if self._rights is None or self._rights.done():
            self._rights = asyncio.get_running_loop().create_task(self._look_at_rights(now), name="gateway rights")

    async def _look_at_rights(self, now: float) -> None:
        """Check rights beside the clock, which goes on while the database does not answer."""
        try:
            await self._check_rights(now)
        except Exception as error:
            log_unknown(error, where="a look at the gateway's rights")

    def _end_late(self, now: float) -> None:
        """Close sockets that have not said in time who they are."""
        for socket in doors.unknown():
            if not isinstance(socket, Connection) or now - socket.opened_at < HANDSHAKE_SECONDS:
                return
            socket.close(codes.CLOSE_POLICY, "handshake timeout")

    async def _look_at_all(self, now: float) -> None:
        for number, connection in enumerate(connections()):
            connection.look(now)
            if number % SLICE == SLICE - 1:
                await asyncio.sleep(0)

    async def _tell(self, event: str, payload: Any) -> None:
        """Tell everybody, a slice at a time."""
        encoded = encode(payload)
        for number, connection in enumerate(list(hub.connections.values())):
            connection.push(event, encoded, droppable=True)
            if number % SLICE == SLICE - 1:
                await asyncio.sleep(0)

    async def _check_rights(self, now: float) -> None:
        """Close connections whose token or device has ended, and write down which tokens were used."""
        tokens = {each.token_id for each in connections() if each.token_id is not None}
        await self._note_use(tokens | grants.take_used(), now)
        if now - self._checked_at >= RIGHTS_SECONDS:
            self._checked_at = now
            await end_dead_tokens(tokens)
            await end_blocked_devices({each.device_id for each in connections() if each.device_id})

    async def _note_use(self, used: set[int], now: float) -> None:
        """Write down which tokens were used, each at most once a minute."""
        self._noted = {token: at for token, at in self._noted.items() if now - at < NOTE_SECONDS}
        fresh = used - self._noted.keys()
        if fresh:
            self._noted |= dict.fromkeys(fresh, now)
            await run_db(note_use, fresh)


def _tell_presence() -> None:
    """Tell who is here: everybody to those who see all, to others their own."""
    state, all_of_them = encode(presence.versions()), encode({"presence": presence_entries()})
    own = {owner: encode({"presence": entries}) for owner, entries in own_entries().items()}
    for connection in connections():
        payload = all_of_them if connection.principal.sees_all else own.get(connection.principal.owner)
        if payload is not None:
            connection.push("presence", payload, droppable=True, state=state)


def connections() -> Iterator[Connection]:
    """Return the connections of this process."""
    return (each for each in list(hub.connections.values()) if isinstance(each, Connection))


async def end_dead_tokens(tokens: set[int]) -> None:
    """Close the connections of those tokens that open nothing any more."""
    dead = await run_db(find_dead_tokens, tokens) if tokens else set()
    for connection in connections() if dead else ():
        if connection.token_id in dead:
            connection.close(codes.CLOSE_AUTH_CHANGED, "gateway auth changed")


async def end_blocked_devices(devices: set[str]) -> None:
    """Close the connections of those devices that are let in no more."""
    blocked = await run_db(find_blocked, devices) if devices else set()
    for connection in connections() if blocked else ():
        if connection.device_id in blocked:
            connection.close(codes.CLOSE_AUTH_CHANGED, "device access changed")


keeper = Keeper()
