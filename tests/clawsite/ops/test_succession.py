"""What a killed supervisor has left works on while the next one is on its way, and not without it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from clawsite.ops import succession
from clawsite.ops.home import HomeLock
from clawsite.ops.succession import announce, wait_for_successor


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two looks more passes than may, as when the process stands still."""
    monkeypatch.setattr(succession, "ALONE_SECONDS", 0.0)


def orphan(run_dir: Path) -> threading.Thread:
    thread = threading.Thread(
        target=wait_for_successor, args=[run_dir], kwargs={"stopping": threading.Event()}, daemon=True
    )
    thread.start()
    return thread


def test_an_orphan_works_on_until_its_successor_takes_over(tmp_path: Path) -> None:
    announce(tmp_path)
    thread = orphan(tmp_path)
    thread.join(timeout=1.0)
    assert thread.is_alive()
    lock = HomeLock(tmp_path)
    lock.take(seconds=1)
    thread.join(timeout=30)
    assert not thread.is_alive()
    lock.release()


def test_an_orphan_that_nobody_comes_for_stops(tmp_path: Path) -> None:
    thread = orphan(tmp_path)
    thread.join(timeout=30)
    assert not thread.is_alive()


def test_an_orphan_that_is_told_to_stop_waits_for_nobody(tmp_path: Path) -> None:
    announce(tmp_path)
    stopping = threading.Event()
    stopping.set()
    wait_for_successor(tmp_path, stopping=stopping)
    succession.end_announcement()
