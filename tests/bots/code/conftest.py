"""Fixtures of the tests of /code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from clawsite.core.db import close_pool
from tests.bots.code.making import World, make_project
from tests.bots.flow import forget_process
from tests.servers.messages import MessagesServer
from tests.sessions_app.people import make_people


@pytest.fixture(autouse=True)
def fresh_process() -> Iterator[None]:
    """Forget what a process remembers, and first of all what other tests left."""
    forget_process()
    yield
    close_pool()
    forget_process()


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
