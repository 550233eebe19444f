"""A state directory of its own for each test of projects."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def home(settings: Settings, tmp_path: Path) -> Path:
    """Return where this test's projects lie."""
    settings.CLAW_HOME = tmp_path
    return tmp_path
