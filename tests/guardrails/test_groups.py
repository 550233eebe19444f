"""The kernel's bound on the tasks of one run. Where none can be made, nothing is bounded and nothing breaks."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from guardrails import groups
from guardrails.groups import Group
from guardrails.usage import Bounds, Watch


@pytest.fixture(autouse=True)
def mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory in the place of the kernel's, in which we are the unit of a service."""
    (tmp_path / "cgroup.subtree_control").write_text("cpu pids\n")
    unit = tmp_path / "system.slice" / "unit"
    unit.mkdir(parents=True)
    for name, bound in (("pids.max", "1024\n"), ("memory.max", "max\n"), ("cpu.max", "max 100000\n"), ("io.max", "")):
        (unit / name).write_text(bound)
    (tmp_path / "own").write_text("1:name=systemd:/elsewhere\n0::/system.slice/unit\n")
    monkeypatch.setattr(groups, "_OWN", tmp_path / "own")
    monkeypatch.setattr(groups, "_MOUNTS", (tmp_path / "pids", tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return tmp_path


def ours(mount: Path) -> list[Path]:
    return list(mount.glob("clawsite-*"))


def test_a_group_has_its_bound_and_who_is_put_in(mount: Path) -> None:
    with Group(7) as group:
        (place,) = ours(mount)
        group.take(42)
        assert [(place / name).read_text() for name in ("pids.max", "cgroup.procs")] == ["7", "42"]
        (place / "pids.events").write_text("max 0\n")
        assert not group.was_full()
        (place / "pids.events").write_text("max 3\n")
        assert group.was_full()
        empty(place)
    assert ours(mount) == []


def test_a_group_that_takes_nobody_is_told_once_and_the_watch_remains(
    mount: Path, caplog: pytest.LogCaptureFixture
) -> None:
    groups._tell_refused.cache_clear()
    with Group(1) as group, subprocess.Popen(["sleep", "60"]) as program, subprocess.Popen(["sleep", "60"]) as other:
        (place,) = ours(mount)
        (place / "cgroup.procs").mkdir()
        group.take(program.pid)
        group.take(other.pid)
        assert [record.getMessage().count("Is a directory") for record in caplog.records] == [1]
        assert Watch(Bounds(tasks=1), (mount,), group).look(os.getpid()) == "tasks"
        (place / "cgroup.procs").rmdir()
        program.kill()
        other.kill()


def empty(place: Path) -> None:
    """Take the files away, without which the kernel removes a directory of its own."""
    for file in place.iterdir():
        file.unlink()


@pytest.mark.parametrize("why", ["nobody asked", "not root", "not mounted", "not counted", "memory", "cpu"])
def test_where_there_is_none_nothing_is_bounded(mount: Path, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    if why == "not root":
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
    if why == "not mounted":
        monkeypatch.setattr(groups, "_MOUNTS", (mount / "nowhere",))
    if why == "not counted":
        (mount / "cgroup.subtree_control").write_text("cpu io\n")
    if why == "memory":  # which a run that is taken elsewhere would leave behind
        (mount / "system.slice" / "memory.max").write_text("1073741824\n")
    if why == "cpu":
        (mount / "system.slice" / "unit" / "cpu.max").write_text("50000 100000\n")
    with Group(0 if why == "nobody asked" else 7) as group:
        group.take(42)
        assert (group.made, group.was_full(), ours(mount)) == (False, False, [])


def test_what_killed_processes_left_is_removed_later(mount: Path) -> None:
    for name, age in (("clawsite-old", 7200), ("clawsite-new", 60), ("other", 7200)):
        (mount / name).mkdir()
        os.utime(mount / name, (time.time() - age,) * 2)
    with Group(7):
        left = {place.name for place in mount.iterdir() if place.is_dir()}
        for place in ours(mount):
            empty(place)
    assert {"clawsite-old", "clawsite-new", "other"} & left == {"clawsite-new", "other"}
