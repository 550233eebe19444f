"""What the tests of the copied log begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings

from tests.clawsite.ops.shipping.sea import Sea


@pytest.fixture
def sea(tmp_path: Path, settings: LazySettings) -> Iterator[Sea]:
    """An installation of its own, whose log is held and not copied yet."""
    settings.CLAW_HOME = tmp_path / "home"
    made = Sea(tmp_path)
    yield made
    made.close()
