"""A role that cannot start is told to whoever looks, while the others go on working; one that works again is not."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from clawsite.ops import crashes
from clawsite.ops.crashes import CrashLog, read_crash_loops
from clawsite.web.report.crashes import crash_gauges, read_crashes
from tests.clawsite.running import ROOT, until

# Three roles, of which one dies six times before it runs, and one ends once to begin anew.
CODE = """
import os, signal, sys
from pathlib import Path
import django
django.setup()
from django.conf import settings
from clawsite.ops import supervisor, watchdog
from clawsite.ops.children import Role
from clawsite.ops.crashes import CrashLog
watchdog.PAUSES = (0.0, 0.0, 0.0, 0.0, 0.5)
supervisor.HEALTHY_SECONDS = 3.0
tries = Path(os.environ["CLAW_HOME"]) / "tries"

def wait(link):
    link.ready()
    signal.pause()
    return 0

def fail(link):
    with tries.open("a") as file:
        file.write(".")
    return wait(link) if len(tries.read_text()) > 6 else 3

def renew(link):
    first = not tries.with_name("once").exists()
    tries.with_name("once").touch()
    return watchdog.ANEW if first else wait(link)

roles = [Role(name=name, run=run, beats=False) for name, run in (("good", wait), ("bad", fail), ("new", renew))]
sys.exit(supervisor.Supervisor(
    roles, drain_seconds=5, hang_seconds=5, sweep=lambda: None, on_ready=lambda name: None, on_fork=lambda pids: None,
    crashes=CrashLog(settings.RUN_DIR), on_sound=tries.with_name("sound").touch,
).run())
"""


def test_a_loop_is_told_until_the_role_works(tmp_path: Path) -> None:
    log = CrashLog(tmp_path)
    assert read_crash_loops(tmp_path) == []
    log.note("bots", deaths=4, how="exit code 1")
    (first,) = read_crash_loops(tmp_path)
    log.note("bots", deaths=5, how="signal 11")
    log.note("web", deaths=4, how="exit code 1")
    log.forgive("worker")
    bots, web = read_crash_loops(tmp_path)
    assert (bots.role, bots.deaths, bots.how, bots.since) == ("bots", 5, "signal 11", first.since)
    log.forgive("bots")
    assert read_crash_loops(tmp_path) == [web]


def test_the_health_report_and_a_scrape_tell_of_it(tmp_path: Path, settings: Settings) -> None:
    settings.RUN_DIR = tmp_path
    CrashLog(tmp_path).note("bots", deaths=4, how="exit code 1")
    told = read_crashes(timezone.now())
    assert [(each["role"], each["deaths"], each["how"]) for each in told] == [("bots", 4, "exit code 1")]
    (gauge,) = crash_gauges({"crash_loops": told})
    assert [(sample.labels, sample.value) for sample in gauge.samples] == [({"role": "bots"}, 4)]


def test_a_supervisor_leaves_nothing_behind(tmp_path: Path) -> None:
    log = CrashLog(tmp_path)
    log.note("bots", deaths=4, how="exit code 1")
    log.close()
    assert read_crash_loops(tmp_path) == []


def test_what_a_killed_supervisor_left_is_not_believed(tmp_path: Path) -> None:
    CrashLog(tmp_path).note("bots", deaths=4, how="exit code 1")
    CrashLog(tmp_path)
    assert read_crash_loops(tmp_path) == []


def test_a_full_disk_is_told_of_in_the_room_that_the_file_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = CrashLog(tmp_path)
    before = (tmp_path / "crashes.json").stat()
    assert log.note("bots", deaths=4, how="exit code 1") == ""
    monkeypatch.setattr(crashes, "FULL_BYTES", 2**62)
    assert log.note("bots", deaths=5, how="exit code 1") == f"The disk of {tmp_path} is full. Make room on it."
    after = (tmp_path / "crashes.json").stat()
    assert (after.st_ino, after.st_blocks, after.st_size) == (before.st_ino, before.st_blocks, before.st_size)
    assert [loop.why for loop in read_crash_loops(tmp_path)] == [crashes.find_full_disk(tmp_path)]


def test_what_a_supervisor_left_that_was_killed_is_not_told_for_ever(tmp_path: Path) -> None:
    CrashLog(tmp_path).note("bots", deaths=4, how="exit code 1")
    moment = time.time() - crashes.OLD_SECONDS
    os.utime(tmp_path / "crashes.json", (moment + 60, moment + 60))
    assert [loop.role for loop in read_crash_loops(tmp_path)] == ["bots"]
    os.utime(tmp_path / "crashes.json", (moment - 60, moment - 60))
    assert read_crash_loops(tmp_path) == []


@pytest.mark.parametrize("text", ["", "[", "{}", "[5]", '[{"role": "x"}]'])
def test_a_file_that_makes_no_sense_tells_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "crashes.json").write_text(text)
    assert read_crash_loops(tmp_path) == []


@pytest.mark.faults
def test_the_supervisor_tells_of_a_role_that_cannot_start_and_keeps_the_others(tmp_path: Path) -> None:
    values = {"CLAW_HOME": str(tmp_path), "DJANGO_SETTINGS_MODULE": "clawsite.settings"}
    process = subprocess.Popen(
        [sys.executable, "-c", CODE], cwd=ROOT, env={**os.environ, **values}, stderr=subprocess.PIPE, text=True
    )
    try:
        (loop,) = until(lambda: read_crash_loops(tmp_path / "run"), seconds=60, what="the loop is told")
        assert (loop.role, loop.how) == ("bad", "exit code 3")
        assert loop.deaths >= 4
        until(lambda: not read_crash_loops(tmp_path / "run"), seconds=60, what="it runs, and that is told")
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0
    assert (tmp_path / "sound").exists(), "there were rounds in which every role worked"
    assert re.search(r"bad \(pid \d+\) died of exit code 3", errors)
    assert re.search(r"new \(pid \d+\) begins anew now", errors)
    assert not re.search(r"good \(pid|new \(pid \d+\) died", errors)
