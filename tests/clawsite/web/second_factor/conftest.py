"""What every test of the second factor begins with."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from pytest_django import Settings

from clawsite.core.models import User
from tests.clawsite.web.second_factor.app import PASSWORD


@pytest.fixture(autouse=True)
def fresh(settings: Settings) -> None:
    """Nobody has tried anything yet, and tries are not counted within a test."""
    cache.clear()
    settings.CLAW_RATES = ["login=1000/m", "form=1000/m", "second-factor=1000/m"]


@pytest.fixture
def alice(db: None) -> User:
    """An admin without a second factor."""
    return User.objects.create_superuser("alice", password=PASSWORD)
