"""Fixtures of the web chat: the bots role and the emulators beside a web process that hears nudges."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from django.core.cache import cache

from clawsite.core.db import close_pool, run_db
from clawsite.core.nudge import NudgeListener
from clawsite.web.chat.identity import get_channel
from clawsite.web.entry import on_nudges
from tests.bots.flow import Flow, open_flow


@pytest.fixture(autouse=True)
def limits() -> None:
    """Let every test begin with nothing counted."""
    cache.clear()


@pytest.fixture
async def web(transactional_db: None) -> AsyncIterator[None]:
    """What the web process has beside its application: a listener to nudges."""
    await run_db(get_channel)
    async with NudgeListener("web") as listener:
        on_nudges(listener)
        yield
    await asyncio.to_thread(close_pool)


@pytest.fixture
async def flow(web: None) -> AsyncIterator[Flow]:
    """The emulators and the rows; `async with flow.running():` starts the bots role."""
    async with open_flow() as opened:
        yield opened
