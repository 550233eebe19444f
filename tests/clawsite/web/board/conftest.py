"""Fixtures of the dashboard: nothing kept from the test before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from django.core.cache import cache

from clawsite.core.db import close_pool
from clawsite.web.board import figures, history, today
from clawsite.web.report import levels


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every test look for itself."""
    cache.clear()
    monkeypatch.setattr(figures, "_kept", (0.0, {}))
    monkeypatch.setattr(history, "_kept", {})
    monkeypatch.setattr(levels, "_kept", None)
    today.TODAY.forget()


@pytest.fixture
async def web(transactional_db: None) -> AsyncIterator[None]:
    """What a web process has: its database thread, which ends with the test."""
    yield
    await asyncio.to_thread(close_pool)
