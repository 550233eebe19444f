"""Running an emulator as a process of its own until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from typing import Protocol


class Servable(Protocol):
    """What can be served."""

    @property
    def url(self) -> str: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


def serve_forever(server: Servable, title: str) -> None:
    """Serve until SIGTERM or SIGINT; the first line printed is `<title> on <url>`."""
    asyncio.run(_serve(server, title))


async def _serve(server: Servable, title: str) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await server.start()
    print(f"{title} on {server.url}", flush=True)
    await stopped.wait()
    await server.stop()
