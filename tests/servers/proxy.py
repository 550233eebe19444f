"""A TCP proxy with switches, to put a bad network between two real parts.

Invariant: bytes that are passed on are passed on in order and unchanged; a switch takes effect at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

from tests.servers.hosting import Hosted

BLOCK = 64 * 1024
CONNECT_SECONDS = 5.0


class TcpProxy(Hosted):
    """Listens on `port` of 127.0.0.1 (0: a free one) and connects each client to the target.

    `await proxy.start()` on a loop, or `with proxy.running():` on a thread of its own.
    """

    def __init__(self, target_port: int, *, target_host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__()
        self.target_host = target_host
        self.target_port = target_port
        self.host = "127.0.0.1"
        self.port = port
        self.bytes_up = 0
        self.bytes_down = 0
        self.accepted = 0
        self._delay = 0.0
        self._flow = asyncio.Event()
        self._flow.set()
        self._listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def connections(self) -> int:
        """Clients connected now."""
        return self.on_loop(lambda: len(self._tasks))

    @property
    def is_refusing(self) -> bool:
        return self._listener is None

    def pause(self) -> None:
        """Pass nothing on in either direction; connections stay open (a half-open link)."""
        self.on_loop(self._flow.clear)

    def resume(self) -> None:
        self.on_loop(self._flow.set)

    def cut(self) -> None:
        """Reset every connection open now."""
        self.on_loop(self._cut)

    def delay(self, seconds: float) -> None:
        """Hold each block back for so long, in both directions; 0 is no delay."""
        self.on_loop(lambda: setattr(self, "_delay", seconds))

    def refuse(self, refused: bool = True) -> None:
        """Close the door and cut everything, or open it again on the same port."""
        self.on_loop(self._shut if refused else self._reopen)

    async def _open(self) -> None:
        self._listener = await asyncio.start_server(self._accept, self.host, self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._shut()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _shut(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self._cut()

    def _reopen(self) -> None:
        if self._listener is None:
            task = asyncio.get_running_loop().create_task(self._open())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _cut(self) -> None:
        for writer in tuple(self._writers):
            reset(writer)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        self.accepted += 1
        try:
            await self._serve(reader, writer)
        except (OSError, TimeoutError, asyncio.CancelledError):
            reset(writer)  # nobody waits for this task, so that a cancelled one need not say so
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(CONNECT_SECONDS):
            far_reader, far_writer = await asyncio.open_connection(self.target_host, self.target_port)
        self._writers.add(far_writer)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(reader, far_writer, up=True))
                group.create_task(self._pass(far_reader, writer, up=False))
        except* OSError:
            reset(writer)
        finally:
            self._writers.discard(far_writer)
            far_writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        """Copy one direction until its end, which is passed on as an end of writing."""
        while data := await reader.read(BLOCK):
            if self._delay:
                await asyncio.sleep(self._delay)
            await self._flow.wait()
            self.bytes_up += len(data) if up else 0
            self.bytes_down += 0 if up else len(data)
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with a TCP reset, as a network that fails does, and not with an orderly end."""
    connection = writer.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
