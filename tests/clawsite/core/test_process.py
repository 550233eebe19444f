"""Processes and what becomes of their leases: the living keep theirs, the dead and the frozen lose them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from clawsite.core.errors import LeaseLost
from clawsite.core.leases import check_lease, is_held, release_lease, take_lease
from clawsite.core.models import Lease, Process
from clawsite.core.process import (
    beat,
    end_process,
    find_start,
    host_name,
    is_alive,
    register_process,
    void_dead_local_processes,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def row_of(process: subprocess.Popen[bytes], **fields: object) -> Process:
    values = {"role": "bots", "host": host_name(), "pid": process.pid, "started": find_start(process.pid)}
    return Process.objects.create(**{**values, **fields})


def test_a_process_registers_once_beats_and_ends() -> None:
    first, again = register_process("bots"), register_process("bots")
    assert first.pk == again.pk
    assert (first.pid, first.started) == (os.getpid(), find_start(os.getpid()))
    assert beat(first.pk, rss=5)
    assert Process.objects.get().data == {"rss": 5}
    end_process(first.pk)
    assert not Process.objects.exists()
    assert not beat(first.pk)


def test_a_killed_process_loses_its_leases_at_once(child: subprocess.Popen[bytes]) -> None:
    mine = register_process("bots")
    held = take_lease("lane:1", process_id=row_of(child).pk)
    assert held is not None
    assert void_dead_local_processes() == 0
    assert take_lease("lane:1", process_id=mine.pk) is None
    child.kill()
    child.wait(10)
    assert void_dead_local_processes() == 1
    with pytest.raises(LeaseLost):
        check_lease(held)
    assert not is_held(held)
    taken = take_lease("lane:1", process_id=mine.pk)
    assert taken is not None
    assert taken.token == held.token + 1
    assert not release_lease(held)
    check_lease(taken)
    assert [is_held(held), is_held(taken)] == [False, True]


def test_a_zombie_is_dead(child: subprocess.Popen[bytes]) -> None:
    started = find_start(child.pid)
    assert started is not None
    assert is_alive(child.pid, started=started)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has exited and nobody has collected it
    assert not is_alive(child.pid, started=started)


def test_a_pid_that_was_used_again_is_another_process(child: subprocess.Popen[bytes]) -> None:
    row_of(child, started=1)
    assert void_dead_local_processes() == 1


def test_processes_of_other_machines_are_left_to_their_silence(child: subprocess.Popen[bytes]) -> None:
    remote = row_of(child, host="elsewhere", started=1)
    held = take_lease("sender:1", process_id=remote.pk)
    assert held is not None
    assert void_dead_local_processes() == 0
    check_lease(held)


def test_a_frozen_process_is_overtaken_and_its_late_commit_refused(settings: Settings) -> None:
    settings.CLAW_LEASE_SECONDS = 60
    frozen = Process.objects.create(role="bots", host="elsewhere", pid=1, started=1)
    held = take_lease("lane:1", process_id=frozen.pk)
    assert held is not None
    mine = register_process("bots")
    assert take_lease("lane:1", process_id=mine.pk) is None
    Process.objects.filter(pk=frozen.pk).update(beat_at=timezone.now() - timedelta(seconds=61))
    taken = take_lease("lane:1", process_id=mine.pk)
    assert taken is not None
    assert beat(frozen.pk)  # it thaws
    with pytest.raises(LeaseLost):
        check_lease(held)
    check_lease(taken)
    assert Lease.objects.get(name="lane:1").owner_id == mine.pk
