"""Fixtures of the agent's tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from pytest_django import Settings

from bots.agent import hooks
from bots.agent.anthropic import AnthropicProvider, close_provider
from clawsite.core.db import close_pool, run_db
from tests.bots.agent.stage import Recorder, Stage, make_turn
from tests.bots.flow import forget_process
from tests.servers.messages import MessagesServer


@pytest.fixture(autouse=True)
def fresh_process() -> Iterator[None]:
    """Forget what a process remembers: breakers, keys, costs, limits, hooks; first of all what other tests left."""
    forget_process()
    yield
    forget_process()
    for event, registered in hooks.list_hooks().items():
        for hook in registered:
            hooks.remove_hook(event, hook)


@pytest.fixture
async def stage(settings: Settings) -> AsyncIterator[Stage]:
    """The emulated model and a provider whose SDK is loaded, which may take seconds, before a test looks at a clock."""
    async with MessagesServer() as model:
        settings.ANTHROPIC_BASE_URL = model.url
        settings.ANTHROPIC_API_KEY = "sk-ant-test-0000000000000000"
        settings.CLAW_MODELS = ["claude-sonnet-5-5"]
        made = Stage(model, AnthropicProvider())
        try:
            await made.provider.warm()
            yield made
        finally:
            await made.provider.close()
            await close_provider()


@pytest.fixture
async def turn_stage(stage: Stage, transactional_db: None) -> AsyncIterator[Stage]:
    """The same with a session and a running turn in the database."""
    turn = await run_db(make_turn)
    stage.session_id, stage.turn_id = turn.session_id, turn.pk
    try:
        yield stage
    finally:
        await asyncio.to_thread(close_pool)


@pytest.fixture
def recorder() -> Recorder:
    """Makes tools and remembers their calls."""
    return Recorder()
