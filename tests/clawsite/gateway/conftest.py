"""Fixtures of the gateway's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clawsite.gateway.seat import Gateway, running_gateway


@pytest.fixture
def gateway(transactional_db: None, tmp_path: Path) -> Iterator[Gateway]:
    """The web role in a process of its own, on the database of this test."""
    with running_gateway(tmp_path) as running:
        yield running
