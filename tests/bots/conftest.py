"""Fixtures of the talking layer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.bots.flow import Flow, open_flow


@pytest.fixture
async def flow(transactional_db: None) -> AsyncIterator[Flow]:
    """The emulators and the rows; `async with flow.running():` starts the bots role."""
    async with open_flow() as opened:
        yield opened
