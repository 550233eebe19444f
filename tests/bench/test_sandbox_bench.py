"""What the sandbox costs: one command in it, with all its watches, against the same command without."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest

from guardrails.processes import Sandbox, has_sandbox, run
from runbooks.workspaces.running import tree_limits

pytestmark = pytest.mark.bench

ROUNDS = 15
MOST_SECONDS = 0.03


def test_a_sandboxed_command_costs_less_than_30_ms_more(tmp_path: Path) -> None:
    """The medians of runs that take turns, so that a busy moment of the machine meets both."""
    if not has_sandbox():
        pytest.skip("bubblewrap does not work here")
    bare, shut = [], []
    for _ in range(ROUNDS):
        bare.append(measure(tmp_path, None))
        shut.append(measure(tmp_path, Sandbox(writable=(tmp_path,))))
    overhead = statistics.median(shut) - statistics.median(bare)
    print(f"bare {statistics.median(bare) * 1000:.1f} ms, sandbox {overhead * 1000:.1f} ms more")
    assert overhead < MOST_SECONDS


def measure(folder: Path, sandbox: Sandbox | None) -> float:
    """Return the seconds that one small command takes."""
    begun = time.perf_counter()
    assert run(["true"], cwd=folder, sandbox=sandbox, limits=tree_limits(30)).ok
    return time.perf_counter() - begun
