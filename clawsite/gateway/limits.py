"""Who may come in how often: sockets that have not said who they are, connections, and wrong tokens, by address.

An address of IPv6 is counted by its first 64 bits (`counted_as`): whoever has one has all that begin so.
State is bounded and of one process. No pile of silent sockets and no flood of wrong tokens keeps the owner out: the
oldest silent socket makes room for a new one, and a right token is never asked to wait.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict, defaultdict
from dataclasses import dataclass, field
from typing import Protocol

from django.conf import settings

from clawsite.web.address import counted_as

FIRST_DELAY, LONGEST_DELAY = 0.25, 5.0
WINDOW_SECONDS = 60.0
BLOCK_SECONDS = 300.0
MOST_FAILURES = 10
MOST_ADDRESSES = 10_000
# This machine has one address for everybody who comes from it.
LOCAL_FACTOR = 100
MOST_UNKNOWN = 2048
# An environment's token of fewer characters is taken for one that can be guessed.
TOKEN_CHARS = 24


class Opening(Protocol):
    """A socket that has not said who it is."""

    address: str
    local: bool

    def drop(self) -> None:
        """End it without a word."""


class Doors:
    """Counts sockets by address."""

    def __init__(self) -> None:
        self._unknown: OrderedDict[Opening, None] = OrderedDict()
        self._unknown_of: defaultdict[str, OrderedDict[Opening, None]] = defaultdict(OrderedDict)
        self._known: Counter[str] = Counter()

    def open(self, socket: Opening) -> None:
        """Count a socket whose owner is unknown yet; the oldest such one goes when there are too many."""
        own = self._unknown_of[counted_as(socket.address)]
        own[socket] = self._unknown[socket] = None
        most = settings.CLAW_GATEWAY_OPENING * (LOCAL_FACTOR if socket.local else 1)
        if len(own) > most or len(self._unknown) > MOST_UNKNOWN:
            oldest = next(iter(own if len(own) > most else self._unknown))
            self.settle(oldest)
            oldest.drop()

    def settle(self, socket: Opening) -> None:
        """Count a socket no longer among the unknown; safe to call twice."""
        self._unknown.pop(socket, None)
        address = counted_as(socket.address)
        own = self._unknown_of.get(address)
        if own is not None:
            own.pop(socket, None)
            if not own:
                del self._unknown_of[address]

    def unknown(self) -> list[Opening]:
        """Return the sockets whose owner is unknown, oldest first."""
        return list(self._unknown)

    def enter(self, socket: Opening) -> bool:
        """Count a connection; False when its address has too many."""
        most = settings.CLAW_GATEWAY_CONNECTIONS * (LOCAL_FACTOR if socket.local else 1)
        address = counted_as(socket.address)
        if self._known[address] >= most:
            return False
        self._known[address] += 1
        return True

    def leave(self, socket: Opening) -> None:
        """Forget a connection that had entered."""
        address = counted_as(socket.address)
        self._known[address] -= 1
        if self._known[address] <= 0:
            del self._known[address]


@dataclass(slots=True)
class _Record:
    """The wrong tokens of one address."""

    times: list[float] = field(default_factory=list)
    blocked_until: float = 0.0


class Attempts:
    """Wrong tokens by address. The address that was quiet longest is forgotten when there are too many."""

    def __init__(self) -> None:
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def fail(self, address: str, *, local: bool) -> tuple[float, float]:
        """Count a wrong token; return the seconds to wait before saying so, and those it is refused for (0: not)."""
        now, address = time.monotonic(), counted_as(address)
        record = self._records.setdefault(address, _Record())
        self._records.move_to_end(address)
        if len(self._records) > MOST_ADDRESSES:
            self._records.popitem(last=False)
        record.times = [at for at in record.times if now - at < WINDOW_SECONDS][-MOST_FAILURES:]
        record.times.append(now)
        if not local and len(record.times) > MOST_FAILURES and record.blocked_until <= now:
            record.blocked_until = now + BLOCK_SECONDS
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** (len(record.times) - 1))
        return delay, max(0.0, record.blocked_until - now)

    def is_blocked(self, address: str) -> bool:
        """Tell whether the address is refused now."""
        record = self._records.get(counted_as(address))
        return record is not None and record.blocked_until > time.monotonic()


def is_guessable() -> bool:
    """Tell whether trying on would pay: the environment's token may be a word. Those that are rows never are."""
    return len(settings.CLAW_GATEWAY_TOKEN) < TOKEN_CHARS


doors = Doors()
attempts = Attempts()
