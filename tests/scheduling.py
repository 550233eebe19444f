"""Which tests run one after the other on one worker: those that share something too costly to have once for each."""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# OpenClaw's gateway costs ten seconds of a processor to start.
TOGETHER = ("tests/interop/",)


class Groups(LoadScopeScheduling):
    """Every test is for whoever is free, but a folder that stays together."""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in TOGETHER if nodeid.startswith(folder)), nodeid)


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Groups:
    """Hand the tests out."""
    return Groups(config, log)
