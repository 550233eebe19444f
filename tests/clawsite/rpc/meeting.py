"""A client and the scripted gateway, brought together for a test."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from clawsite.rpc import GatewayClient, GatewayTarget
from tests.servers.gateway import GatewayEmulator

TOKEN = "claw_right_token"


def target_of(gateway: Any, **options: Any) -> GatewayTarget:
    """Return a target for an emulator or a proxy before it."""
    url = gateway.url.replace("http://", "ws://")
    return GatewayTarget(**{"id": "here", "ws_url": url, "token_ref": lambda: TOKEN, **options})


@contextlib.asynccontextmanager
async def meeting(
    *, client: dict[str, Any] | None = None, target: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[tuple[GatewayClient, GatewayEmulator]]:
    """Give a connected client and its gateway."""
    async with (
        GatewayEmulator(**options) as gateway,
        GatewayClient(target_of(gateway, **(target or {})), **(client or {})) as connected,
    ):
        yield connected, gateway


async def until(check: Callable[[], Any], *, seconds: float = 30.0) -> Any:
    """Poll until `check()` is true and return that."""
    deadline = time.monotonic() + seconds
    while not (value := check()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s")
        await asyncio.sleep(0.005)
    return value
