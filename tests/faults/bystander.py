"""Somebody who uses the gateway while others misuse it, and notes how long each answer takes."""

from __future__ import annotations

import itertools
import json
import threading
import time
from types import TracebackType
from typing import Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.clawsite.gateway.seat import connect_params
from tests.faults.gate import TOKEN
from tests.faults.stack import Stack

PAUSE_SECONDS = 0.02
MOST_SECONDS = 20.0


class Bystander:
    """A connection on a thread of its own that calls a method again and again: `with Bystander(gate) as somebody`.

    The installation must take TOKEN.
    """

    def __init__(self, gate: Stack, method: str = "ping", **params: object) -> None:
        self.url = f"ws://127.0.0.1:{gate.port}/"
        self.method, self.params = method, params
        self.seconds: list[float] = []
        self.failure = ""
        self._over = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bystander", daemon=True)

    def __enter__(self) -> Self:
        """Connect, and call from here on."""
        self._thread.start()
        assert self._ready.wait(MOST_SECONDS), self.failure or "the bystander did not get in"
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Stop."""
        self._over.set()
        self._thread.join(MOST_SECONDS)

    def p99(self) -> float:
        """Return within how many seconds 99 of 100 answers came; fails when one did not come at all."""
        assert not self.failure, self.failure
        assert len(self.seconds) >= 50, "too few answers to tell"
        return sorted(self.seconds)[int(len(self.seconds) * 0.99)]

    def _run(self) -> None:
        try:
            self._call_for_long()
        except (TimeoutError, ConnectionClosed, OSError, AssertionError) as error:
            self.failure = f"the bystander lost its connection: {error!r}"
            self._ready.set()

    def _call_for_long(self) -> None:
        with connect(self.url, compression=None, max_size=None) as socket:
            socket.recv(MOST_SECONDS)
            socket.send(json.dumps({"type": "req", "id": "0", "method": "connect", "params": connect_params(TOKEN)}))
            assert '"ok":true' in str(socket.recv(MOST_SECONDS))
            self._ready.set()
            for number in itertools.count(1):
                if self._over.wait(PAUSE_SECONDS):
                    return
                begun = time.monotonic()
                socket.send(
                    json.dumps({"type": "req", "id": str(number), "method": self.method, "params": self.params})
                )
                while f'"id":"{number}"' not in str(socket.recv(MOST_SECONDS))[:64]:
                    pass
                self.seconds.append(time.monotonic() - begun)
