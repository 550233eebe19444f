"""The TCP proxy's switches, between a client and an echo."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import pytest

from tests.servers.proxy import TcpProxy


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1000):
        writer.write(data)
        await writer.drain()
    writer.close()


@pytest.fixture
async def proxy() -> AsyncIterator[TcpProxy]:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with TcpProxy(server.sockets[0].getsockname()[1]) as made:
        yield made
    server.close()


class Client:
    """One connection through the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, proxy: TcpProxy) -> Client:
        return cls(*await asyncio.open_connection(proxy.host, proxy.port))

    async def say(self, data: bytes, *, within: float = 20.0) -> bytes:
        self.writer.write(data)
        async with asyncio.timeout(within):
            return await self.reader.read(1000)


@pytest.fixture
async def client(proxy: TcpProxy) -> AsyncIterator[Client]:
    made = await Client.connect(proxy)
    yield made
    made.writer.close()


async def test_it_passes_on_and_counts(proxy: TcpProxy, client: Client) -> None:
    assert await client.say(b"hello") == b"hello"
    assert (proxy.bytes_up, proxy.bytes_down, proxy.accepted, proxy.connections) == (5, 5, 1, 1)


async def test_pause_and_resume(proxy: TcpProxy, client: Client) -> None:
    proxy.pause()
    with pytest.raises(TimeoutError):
        await client.say(b"held", within=0.1)
    proxy.resume()
    assert await client.say(b"") == b"held"


async def test_cut_resets_and_new_connections_work(proxy: TcpProxy, client: Client) -> None:
    await client.say(b"x")
    proxy.cut()
    with pytest.raises(ConnectionResetError):
        await client.say(b"y")
    again = await Client.connect(proxy)
    assert await again.say(b"z") == b"z"
    again.writer.close()


async def test_delay(proxy: TcpProxy, client: Client) -> None:
    proxy.delay(0.1)
    began = time.monotonic()
    await client.say(b"x")
    assert time.monotonic() - began >= 0.2


async def test_refuse_and_accept(proxy: TcpProxy, client: Client) -> None:
    await client.say(b"x")
    proxy.refuse()
    with pytest.raises(ConnectionResetError):
        await client.say(b"y")
    with pytest.raises(ConnectionRefusedError):
        await Client.connect(proxy)
    port = proxy.port
    proxy.refuse(False)
    async with asyncio.timeout(20):
        while proxy.is_refusing:  # noqa: ASYNC110  (it opens on its own loop, in the background)
            await asyncio.sleep(0.01)
    assert proxy.port == port
    again = await Client.connect(proxy)
    assert await again.say(b"z") == b"z"
    again.writer.close()


async def test_the_end_of_one_side_reaches_the_other(proxy: TcpProxy, client: Client) -> None:
    await client.say(b"x")
    client.writer.write_eof()
    async with asyncio.timeout(20):
        assert await client.reader.read() == b""


async def test_a_missing_target_closes_the_connection() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with TcpProxy(unused.getsockname()[1]) as proxy:
            client = await Client.connect(proxy)
            try:
                with pytest.raises(ConnectionResetError):
                    await client.say(b"x")
            finally:
                client.writer.close()


def test_on_a_thread_of_its_own() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as target,
        TcpProxy(target.getsockname()[1]).running() as proxy,
        socket.create_connection((proxy.host, proxy.port), timeout=20) as client,
    ):
        far, _ = target.accept()
        with far:
            client.sendall(b"ping")
            assert far.recv(10) == b"ping"
            assert proxy.connections == 1
