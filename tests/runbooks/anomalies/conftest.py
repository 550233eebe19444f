"""A Prometheus that follows courses, and a watched query of a system."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runbooks.models import MonitoredSystem, NamedQuery
from tests.servers.courses import CourseServer


@pytest.fixture
def courses() -> Iterator[CourseServer]:
    """The Prometheus."""
    with CourseServer().running() as server:
        yield server


@pytest.fixture
def system(db: None, courses: CourseServer) -> MonitoredSystem:
    """The system it belongs to."""
    return MonitoredSystem.objects.create(name="guardian", title="Guardian", prometheus_url=courses.url)


@pytest.fixture
def query(system: MonitoredSystem) -> NamedQuery:
    """Its watched query."""
    return NamedQuery.objects.create(
        system=system, name="tx_per_minute", title="Transactions", promql="tx", unit="/min", watched=True
    )
