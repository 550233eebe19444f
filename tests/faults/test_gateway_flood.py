"""Floods of connections, of half a handshake and of wrong tokens: the owner gets in, and nobody else waits."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clawsite.gateway.limits import FIRST_DELAY
from tests.faults.bystander import Bystander
from tests.faults.gate import TOKEN, Gate, running_gate
from tests.faults.rawsocket import raw_socket
from tests.faults.stack import wait_for
from tests.fixtures.reached import Figure, Reached

OPENS, OPEN_SECONDS, STEPS = 2000, 10.0, 100
HALF_OPEN = 500
LOGINS = 8
MOST_P99 = 0.5
MOST_LOGIN_SECONDS = MOST_OPEN_P99 = 2.0
MOST_MORE_FILES = 10
ATTACKER, OTHER = "198.51.100.7", "203.0.113.9"
WRONG_TOKENS = 14
MOST_FAILURES = 10


async def open_and_leave(gate: Gate, number: int, opened: list[float]) -> None:
    """Open a socket; every other one says who it is, and all leave without a word. How long it took is noted."""
    begun = time.monotonic()
    async with raw_socket(gate.port) as opening:
        if number % 2:
            await opening.connect(TOKEN)
        else:
            await opening.read_until(b"connect.challenge")
        assert opening.code is None
        opened.append(time.monotonic() - begun)


@contextlib.asynccontextmanager
async def half_open(gate: Gate) -> AsyncIterator[None]:
    """Hold connections that say nothing, half a header, or nothing behind the upgrade."""
    async with contextlib.AsyncExitStack() as stack:
        for number in range(HALF_OPEN):
            if number % 3 == 0:
                await stack.enter_async_context(raw_socket(gate.port))
                continue
            silent = stack.enter_context(socket.create_connection(("127.0.0.1", gate.port)))
            if number % 3 == 1:
                silent.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgra")
        yield


async def log_in(gate: Gate, token: str) -> float:
    """Connect and ask something; return how long that took."""
    begun = time.monotonic()
    async with gate.caller(token) as owner:
        assert (await owner.call("health"))["ok"]
    return time.monotonic() - begun


@pytest.mark.faults
@pytest.mark.alone
async def test_a_flood_of_connections_keeps_nobody_waiting_and_nobody_out(tmp_path: Path, reached: Reached) -> None:
    opened: list[float] = []
    logins: list[asyncio.Task[float]] = []
    with running_gate(tmp_path / "home") as gate:
        made = gate.manage("token", "create", "owner", "--scope", "operator.admin")
        assert made.returncode == 0, made.stderr
        token = next(word for word in made.stdout.split() if word.startswith("claw_"))
        await log_in(gate, TOKEN)
        base = gate.web.num_fds()
        with Bystander(gate, "health") as bystander:
            async with half_open(gate), asyncio.TaskGroup() as group:
                begun = time.monotonic()
                for step in range(STEPS):
                    for number in range(OPENS // STEPS):
                        group.create_task(open_and_leave(gate, number, opened))
                    if step % (STEPS // LOGINS) == 0:
                        logins.append(group.create_task(log_in(gate, TOKEN if len(logins) % 2 else token)))
                    await asyncio.sleep(max(0.0, begun + (step + 1) * OPEN_SECONDS / STEPS - time.monotonic()))
            took = time.monotonic() - begun
        assert len(opened) == OPENS
        assert took < OPEN_SECONDS * 1.5
        p99 = sorted(opened)[int(OPENS * 0.99)]
        assert p99 < MOST_OPEN_P99
        assert bystander.p99() < MOST_P99
        assert max(login.result() for login in logins) < MOST_LOGIN_SECONDS
        wait_for(lambda: gate.web.num_fds() <= base + MOST_MORE_FILES, timeout=10, what="the descriptors are back")
        reached(
            11,
            f"{OPENS} opens in {OPEN_SECONDS:.0f} s beside {HALF_OPEN} half-open ones",
            Figure("99 % in within", p99, "s", MOST_OPEN_P99),
            Figure("99 % of a bystander's answers within", bystander.p99(), "s", MOST_P99),
            Figure("more descriptors afterwards", gate.web.num_fds() - base, most=MOST_MORE_FILES),
        )


async def guess(gate: Gate, token: str, address: str) -> tuple[float, list[bytes]]:
    """Connect from an address that a proxy names; return how long the answer took, and it."""
    async with raw_socket(gate.port, more=f"X-Forwarded-For: {address}\r\n") as guessing:
        begun = time.monotonic()
        answer = await guessing.connect(token)
        return time.monotonic() - begun, answer


@pytest.mark.faults
async def test_wrong_tokens_wait_ever_longer_and_are_refused_and_the_right_one_never_is(tmp_path: Path) -> None:
    with running_gate(tmp_path / "home", CLAW_BEHIND_PROXY="yes", CLAW_PUBLIC_URL="https://claw.example") as gate:
        waits = [(await guess(gate, "wrong", ATTACKER))[0] for _ in range(4)]
        assert waits[0] < waits[3]
        assert all(wait >= FIRST_DELAY * 2**number for number, wait in enumerate(waits))
        wrong = [asyncio.create_task(guess(gate, "wrong", ATTACKER)) for _ in range(WRONG_TOKENS - 4)]
        right = [await guess(gate, TOKEN, address) for address in (ATTACKER, OTHER) for _ in range(10)]
        told = await asyncio.gather(*wrong)
        refused = [b"AUTH_RATE_LIMITED" in b"".join(answer) for _, answer in told]
        afterwards = await guess(gate, TOKEN, ATTACKER)
        assert all(b'"hello-ok"' in answer[-1] for _, answer in [*right, afterwards])
        # At once, as a rule; and whatever else the machine does, sooner than any wrong one that came before.
        seconds = sorted(took for took, _ in [*right, afterwards])
        assert seconds[len(seconds) // 2] < MOST_P99
        assert seconds[-1] < min(took for took, _ in told)
        assert refused.count(True) == WRONG_TOKENS - MOST_FAILURES
