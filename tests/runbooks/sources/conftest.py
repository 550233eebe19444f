"""A guardian that is asked, and the row that says where it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runbooks.models import MonitoredSystem
from runbooks.sources.credentials import change
from tests.servers.guardian import GuardianServer

TOKEN = "a-token-nobody-may-see"


@pytest.fixture
def guardian() -> Iterator[GuardianServer]:
    """The example system, which wants a token."""
    with GuardianServer(token=TOKEN).running() as server:
        yield server


@pytest.fixture
def system(db: None, guardian: GuardianServer) -> MonitoredSystem:
    """Its row."""
    return MonitoredSystem.objects.create(
        name="transaction-guardian",
        title="Transaction Guardian",
        health_url=f"{guardian.url}/health",
        stats_url=f"{guardian.url}/stats",
        credentials=change("", {"system": TOKEN}),
    )
