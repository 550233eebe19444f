"""A network that loses clients without a word: no end of a connection ever arrives, and yet nothing is kept of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import urllib.request
from pathlib import Path

import psutil
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from tests.clawsite.gateway.seat import Client, Gateway, standing_gateway
from tests.faults.stack import wait_for
from tests.fixtures.reached import Figure, Reached
from tests.servers.proxy import TcpProxy

SOCKETS = 10
FOUND_SECONDS = 60.0
# Who is asked takes 50 of those 60 seconds, so what lies between two looks counts; more often would cost more.
LOOK_SECONDS = 1.0
MOST_MORE_FILES = 10


def count_sockets(gateway: Gateway) -> int:
    """Return how many sockets the web process holds for open."""
    with urllib.request.urlopen(f"http://127.0.0.1:{gateway.port}/health", timeout=10) as answer:
        return int(json.load(answer)["sockets"])


async def open_program(gateway: Gateway, port: int, job: str) -> ClientConnection:
    """Connect as a program that watches a job and all sessions."""
    opened = await connect(f"ws://127.0.0.1:{port}/", compression=None, ping_interval=None)
    client = Client(opened)
    assert (await client.connect(gateway.env_token))["ok"]
    await client.call("sessions.subscribe")
    await client.call("jobs.subscribe", id=job)
    return opened


async def open_page(gateway: Gateway, port: int) -> ClientConnection:
    """Connect as the page of the web chat does."""
    address = f"http://127.0.0.1:{gateway.port}/chat/"
    with await asyncio.to_thread(urllib.request.urlopen, address, timeout=10) as page:
        cookies = "; ".join(value.split(";")[0] for value in page.headers.get_all("Set-Cookie"))
    return await connect(
        f"ws://127.0.0.1:{port}/chat/socket",
        origin=Origin(f"http://127.0.0.1:{port}"),
        additional_headers={"Cookie": cookies},
        ping_interval=None,
    )


async def open_many(stack: contextlib.AsyncExitStack, gateway: Gateway, port: int, job: str) -> None:
    """Connect so many programs and pages, which end with the stack."""
    for _ in range(SOCKETS):
        program = await open_program(gateway, port, job)
        stack.callback(program.transport.abort)
        page = await open_page(gateway, port)
        stack.callback(page.transport.abort)


async def wait_for_sockets(gateway: Gateway, count: int) -> None:
    """Wait until no more than so many are open."""
    deadline = time.monotonic() + FOUND_SECONDS
    while (still := await asyncio.to_thread(count_sockets, gateway)) > count:
        assert time.monotonic() < deadline, f"{still - count} of {2 * SOCKETS} are still held for open"
        await asyncio.sleep(LOOK_SECONDS)


@pytest.mark.faults
async def test_clients_that_a_network_swallowed_are_found_and_forgotten(tmp_path: Path, reached: Reached) -> None:
    with standing_gateway(tmp_path) as gateway, TcpProxy(gateway.port).running() as proxy:
        web = psutil.Process(gateway.process.pid)
        async with gateway.client() as alice, contextlib.AsyncExitStack() as stack:
            made = await alice.call("jobs.create", kind="selftest", start=False, idempotencyKey="watched")
            present, before = len(await alice.call("system-presence")), count_sockets(gateway)
            # Some come and go first: what the gateway opens for so many and keeps, such as connections to a server of
            # the database, is there when its descriptors are counted.
            async with contextlib.AsyncExitStack() as first:
                await open_many(first, gateway, proxy.port, made["job"]["id"])
            await asyncio.to_thread(
                wait_for, lambda: count_sockets(gateway) == before, timeout=FOUND_SECONDS, what="the first have gone"
            )
            files = web.num_fds()
            await open_many(stack, gateway, proxy.port, made["job"]["id"])
            # What /health tells may be a moment old.
            await asyncio.to_thread(
                wait_for, lambda: count_sockets(gateway) == before + 2 * SOCKETS, timeout=60, what="all are counted"
            )

            proxy.pause()
            begun = time.monotonic()
            try:
                await wait_for_sockets(gateway, before)
                found = time.monotonic() - begun
            finally:
                proxy.resume()
            assert len(await alice.call("system-presence")) == present
            more = web.num_fds() - files
            assert more <= MOST_MORE_FILES
            reached(
                12,
                f"the network swallows {2 * SOCKETS} clients",
                Figure("all found after", found, "s", FOUND_SECONDS),
                Figure("still watching anything", 0),
                Figure("more descriptors", more, most=MOST_MORE_FILES),
            )
        assert "Traceback" not in gateway.tail()
