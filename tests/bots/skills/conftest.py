"""Fixtures of the skills."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bots.skills.folder import skills_root
from bots.skills.offered import forget_cached
from sessions_app.prompts.layers import ensure_layers
from tests.bots.skills.making import write
from tests.sessions_app.people import People, make_people


@pytest.fixture(autouse=True)
def no_skills() -> Iterator[None]:
    """Begin and end without a skill on disk or in memory."""
    shutil.rmtree(skills_root(), ignore_errors=True)
    forget_cached()
    yield
    forget_cached()
    shutil.rmtree(skills_root(), ignore_errors=True)


@pytest.fixture
def people(db: None) -> People:
    """Alice (admin), Bob (operator) and Charlie (stranger)."""
    ensure_layers()
    return make_people()


@pytest.fixture
def tea(tmp_path: Path) -> Path:
    """The folder of a small skill."""
    return write(tmp_path / "tea")
