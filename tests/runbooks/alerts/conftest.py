"""Fixtures of alerts: Alice, Bob and Charlie, and a chat that is shown everything."""

from __future__ import annotations

import pytest

from runbooks.alerts.subscriptions import subscribe
from runbooks.models import AlertSubscription
from tests.sessions_app.people import People, make_people


@pytest.fixture
def people(db: None) -> People:
    return make_people()


@pytest.fixture
def shown(people: People) -> AlertSubscription:
    """Bob's chat is shown every alert."""
    return subscribe(people.bobs, actor=people.bob.actor)
