"""In which order and where tests run: the long ones first, and on one worker those that share what is costly."""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# OpenClaw's gateway costs ten seconds of a processor to start, a whole installation or a server of PostgreSQL some
# seconds, and all modules some to read. Two storms at once would be one that nobody described.
GATEWAY = "tests/clawsite/gateway/"
TOGETHER = (
    "tests/interop/",
    "tests/test_house",
    "tests/e2e/test_admin_browser.py",
    *(
        f"tests/faults/test_{name}.py"
        for name in ("gateway_slow_client", "kill_storm", "poison", "postgresql", "two_machines", "webhook")
    ),
    *(f"tests/clawsite/ops/test_{name}.py" for name in ("alone", "supervisor")),
    *(f"{GATEWAY}test_{name}.py" for name in ("bad_frames", "handshake", "limits", "slow_readers", "tls", "tokens")),
    "tests/runbooks/anomalies/test_prometheus.py",
    "tests/runbooks/dispatch/test_real.py",
)


class Groups(LoadScopeScheduling):
    """Every test is for whoever is free, but those that stay together."""

    def _split_scope(self, nodeid: str) -> str:
        return next((place for place in TOGETHER if nodeid.startswith(place)), nodeid)


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Groups:
    """Hand the tests out."""
    return Groups(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with those that are allowed the most time, and with groups: nobody waits for one that began last."""
    items.sort(key=lambda item: (_allowed_seconds(item), item.nodeid.startswith(TOGETHER)), reverse=True)


def _allowed_seconds(item: pytest.Item) -> float:
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0]) if mark and mark.args else 0.0
