"""Fixtures of the gateway's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.clawsite.gateway.seat import Gateway, running_gateway, standing_gateway
from tests.clawsite.gateway.talk import Talk, open_talk


@pytest.fixture
def gateway(transactional_db: None, tmp_path: Path) -> Iterator[Gateway]:
    """The web role in a process of its own, on the database of this test."""
    with running_gateway(tmp_path) as running:
        yield running


@pytest.fixture
async def talk(transactional_db: None) -> AsyncIterator[Talk]:
    """The model's emulator and the gateway in this event loop; `async with talk.running():` starts the bots role."""
    async with open_talk() as opened:
        yield opened


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One web role for all tests of a module, on a database of its own."""
    with standing_gateway(tmp_path_factory.mktemp("gateway")) as running:
        yield running
