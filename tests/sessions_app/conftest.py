"""Fixtures of the remembering layer."""

from __future__ import annotations

import pytest

from sessions_app.prompts.layers import ensure_layers
from tests.sessions_app.people import People, make_people


@pytest.fixture
def people(db: None) -> People:
    """Alice, Bob and Charlie. The layers are there even when another test emptied the tables."""
    ensure_layers()
    return make_people()
