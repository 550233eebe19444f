"""An installation that programs call, with the product's own client and with one that shares no code with it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
from websockets.asyncio.client import connect

from clawsite.rpc import GatewayClient, GatewayTarget
from clawsite.rpc.backoff import Backoff
from tests.clawsite.gateway.seat import Client, Refused
from tests.faults.stack import Stack

TOKEN = "token-of-the-fault-tests-0123456789"


class Gate(Stack):
    """An installation without channels, and a token that opens everything."""

    def __init__(self, home: Path, environment: Mapping[str, str] | None = None) -> None:
        super().__init__(home, {"CLAW_GATEWAY_TOKEN": TOKEN} | dict(environment or {}))

    @property
    def web(self) -> psutil.Process:
        """The web process that answers now."""
        return self.role("web")

    def memory(self) -> int:
        """Return how much the web process has for itself and its share of what it shares, in bytes."""
        return int(self.web.memory_full_info().pss)

    def target(self, *, port: int = 0) -> GatewayTarget:
        """Return where clients connect to: this, or a proxy before it."""
        return GatewayTarget(id="gate", ws_url=f"ws://127.0.0.1:{port or self.port}", token_ref=lambda: TOKEN)

    def client(self, *, port: int = 0, **options: Any) -> GatewayClient:
        """Return the product's own client, which comes back fast so that a test is short."""
        return GatewayClient(self.target(port=port), backoff=Backoff(first=0.05, most=1.0), **options)

    @contextlib.asynccontextmanager
    async def socket(self, **options: Any) -> AsyncIterator[Client]:
        """Open a socket that shares no code with the product, without connecting."""
        async with connect(f"ws://127.0.0.1:{self.port}/", max_size=None, compression=None, **options) as opened:
            yield Client(opened)

    @contextlib.asynccontextmanager
    async def caller(self, token: str = TOKEN, **options: Any) -> AsyncIterator[Client]:
        """Open a socket and connect; Refused when that is refused."""
        async with self.socket(**options) as client:
            answer = await client.connect(token)
            if not answer["ok"]:
                raise Refused(answer["error"])
            yield client


@contextlib.contextmanager
def running_gate(home: Path, **environment: str) -> Iterator[Gate]:
    """Start an installation, wait until it is ready, and stop it at the end."""
    gate = Gate(home, environment)
    gate.start()
    try:
        gate.wait_ready()
        yield gate
    finally:
        gate.stop()
