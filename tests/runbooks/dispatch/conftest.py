"""Fixtures of the dispatcher's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pytest_django import Settings

from clawsite.core.db import close_pool
from tests.runbooks.dispatch.stage import FarGateway


@pytest.fixture
async def far(tmp_path: Path, settings: Settings) -> AsyncIterator[FarGateway]:
    """A scripted gateway, and nudges of the test's own."""
    settings.RUN_DIR = tmp_path
    async with FarGateway() as gateway:
        yield gateway
    close_pool()
