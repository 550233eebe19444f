"""Which tests run one after the other on one worker: those that share something too costly to have once for each."""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# OpenClaw's gateway costs ten seconds of a processor to start. Two storms at once would be one that nobody described.
TOGETHER = ("tests/interop/", "tests/faults/test_kill_storm.py")


class Groups(LoadScopeScheduling):
    """Every test is for whoever is free, but those that stay together."""

    def _split_scope(self, nodeid: str) -> str:
        return next((place for place in TOGETHER if nodeid.startswith(place)), nodeid)


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Groups:
    """Hand the tests out."""
    return Groups(config, log)
