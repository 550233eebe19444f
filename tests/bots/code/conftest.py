"""Fixtures of the tests of /code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from bots.agent import budget, keys
from bots.agent.targets import breakers
from clawsite.core.db import close_pool
from guardrails.limits import reset_limits
from tests.bots.code.making import World, make_project
from tests.servers.messages import MessagesServer
from tests.sessions_app.people import make_people


@pytest.fixture(autouse=True)
def fresh_process() -> Iterator[None]:
    """Forget what a process remembers."""
    yield
    close_pool()
    breakers.clear()
    keys.forget_keys()
    budget.forget_costs()
    reset_limits()


@pytest.fixture
def model(settings: Settings) -> Iterator[MessagesServer]:
    """The emulated model."""
    with MessagesServer().running() as server:
        settings.ANTHROPIC_BASE_URL = server.url
        settings.ANTHROPIC_API_KEY = "sk-ant-test-0000000000000000"
        settings.CLAW_MODELS = ["claude-sonnet-5-5"]
        yield server


@pytest.fixture
def world(transactional_db: None, settings: Settings, tmp_path: Path) -> World:
    """Bob's project, chosen in his chat."""
    settings.CLAW_HOME = tmp_path / "home"
    settings.MEDIA_ROOT = settings.CLAW_HOME / "media"
    people = make_people()
    return World(people=people, project=make_project(people.bob, people.bobs))
