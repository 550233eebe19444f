"""What every test may ask for: the real services and the emulators. No test speaks another's language."""

from __future__ import annotations

import pytest
from django.utils import translation

pytest_plugins = ["tests.fixtures.services", "tests.scheduling"]


@pytest.fixture(autouse=True)
def own_language() -> None:
    """Begin in the default language, whatever the test before has left behind in this thread."""
    translation.deactivate()
