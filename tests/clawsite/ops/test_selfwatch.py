"""A role looks at itself: what is shared counts once, a job does not count, and only some leases must move."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from clawsite.core.leases import take_lease
from clawsite.core.process import register_process
from clawsite.ops import selfwatch
from clawsite.ops.selfwatch import SelfWatch, measure_memory

HOLD = "data = bytearray(64 * 1024 * 1024); print('held', flush=True); input()"
HELD = 64 * 1024 * 1024


def hold(*, own_session: bool) -> subprocess.Popen[str]:
    """Start a child that holds 64 MB."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=own_session,
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child


@pytest.mark.parametrize("own_session", [False, True])
def test_children_count_and_jobs_do_not(own_session: bool) -> None:
    before = measure_memory()
    with hold(own_session=own_session) as child:
        grown = measure_memory() - before
        child.kill()
    assert (grown > HELD / 2) is not own_session


def test_what_is_shared_is_no_reason_to_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clawsite.ops.watchdog.YOUNG_SECONDS", 0.0)
    rss = psutil.Process().memory_info().rss
    watch = SelfWatch(megabytes=measure_memory() // selfwatch.MEGABYTE + 500)
    for _ in range(5):
        watch.note({"rss": rss, "children_rss": 1000 * rss})
    assert watch.find_reason() == ""


@pytest.mark.django_db
def test_only_a_lease_that_does_not_move_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selfwatch, "LEASE_LOOK_SECONDS", 1e-9)
    monkeypatch.setattr(selfwatch, "SENDER_SECONDS", 3e-9)
    process = register_process("bots")
    watch = SelfWatch(megabytes=0)
    take_lease("poll:1", process_id=process.pk)
    for _ in range(10):
        take_lease("send:2", process_id=process.pk)  # moves
        watch.look_at_leases(process.pk)
    assert watch.find_reason() == ""
    for _ in range(4):
        watch.look_at_leases(process.pk)
    assert watch.find_reason() == "nothing moves under the lease send:2"
