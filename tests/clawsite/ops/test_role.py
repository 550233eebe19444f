"""The life of a role: errors that nobody awaits do not end it, signals do, and so does losing its row."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from clawsite.ops.watchdog import ANEW
from tests.clawsite.running import ROOT, until
from tests.engine import servers_of
from tests.template import NAME, put_database, put_file

pytestmark = pytest.mark.faults

CODE = """
import asyncio, sys, time
import django
django.setup()
from clawsite.core.db import run_db
from clawsite.core.leases import take_lease
from clawsite.core.models import Process
from clawsite.ops import role, selfwatch, watchdog
role.ROW_SECONDS = role.REGISTER_SECONDS = 0.1
watchdog.YOUNG_SECONDS = 0.0
selfwatch.LEASE_LOOK_SECONDS = 0.1
selfwatch.SENDER_SECONDS = 0.5

async def main(process_id, stop, listener):
    async def fail():
        raise ValueError("a broken task")
    task = asyncio.create_task(fail())
    await asyncio.sleep(0)
    del task
    print("runs", process_id, flush=True)
    mode = sys.argv[1]
    if mode == "raise":
        raise RuntimeError("secret detail")
    if mode == "leave":
        return
    if mode == "declared dead":
        await run_db(lambda: Process.objects.all().delete())
    if mode == "hang":
        time.sleep(600)
    if mode == "stuck":
        await run_db(take_lease, "send:1", process_id=process_id)
    if mode == "busy":
        await asyncio.sleep(600)
    await stop.wait()
    print("rows", await run_db(Process.objects.count), flush=True)

sys.exit(role.run_role("bots", main))
"""


def start(home: Path, mode: str, **environment: str) -> subprocess.Popen[str]:
    process = begin(home, mode, **put_database(home), **environment)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("runs")
    return process


def begin(home: Path, mode: str, **environment: str) -> subprocess.Popen[str]:
    own = {"CLAW_HOME": str(home), "DJANGO_SETTINGS_MODULE": "clawsite.settings"}
    return subprocess.Popen(
        [sys.executable, "-c", CODE, mode],
        cwd=ROOT, env={**os.environ, **own, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    try:
        out, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    return process.returncode, out, errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_its_row(tmp_path: Path, number: signal.Signals) -> None:
    process = start(tmp_path, "wait")
    process.send_signal(number)
    code, out, errors = finish(process)
    assert (code, out) == (0, "rows 1\n")
    assert "a broken task" in errors  # it is in the log, and it ended nothing
    assert count_rows(tmp_path) == "0"


def test_a_signal_has_it_write_down_what_it_does_and_go_on(tmp_path: Path) -> None:
    process = start(tmp_path, "wait")
    process.send_signal(signal.SIGUSR2)
    until(lambda: list((tmp_path / "run" / "dumps").glob("signal-*.json")), seconds=30, what="a dump")
    process.send_signal(signal.SIGTERM)
    assert finish(process)[0] == 0
    (path,) = (tmp_path / "run" / "dumps").glob("signal-*.json")
    dump = json.loads(path.read_text())
    assert (dump["role"], dump["pid"]) == ("bots", process.pid)
    assert {"beat row", "give memory back"} <= {each["name"] for each in dump["tasks"]}


@pytest.mark.sqlite
def test_on_an_empty_database_it_says_once_what_to_do_and_waits_for_it(tmp_path: Path) -> None:
    home, log = tmp_path / "home", tmp_path / "home/logs/clawsite.log"
    put_file(tmp_path / "ready")
    process = begin(home, "wait")
    try:
        until(lambda: log.is_file() and "manage.py prepare" in log.read_text(), seconds=60, what="advice")
        with (
            closing(sqlite3.connect(tmp_path / "ready" / NAME)) as ready,
            closing(sqlite3.connect(home / NAME)) as base,
        ):
            ready.backup(base)
        assert process.stdout is not None
        assert process.stdout.readline().startswith("runs")
    finally:
        process.terminate()
        code, _, _ = finish(process)
    assert code == 0
    assert log.read_text().count("bots waits for the database: The database is not set up yet.") == 1


def test_an_error_of_the_role_is_logged_with_an_id_and_ends_it(tmp_path: Path) -> None:
    code, _, errors = finish(start(tmp_path, "raise"))
    assert code == 1
    assert "in the role bots" in errors


def test_an_end_without_being_told_is_a_fault(tmp_path: Path) -> None:
    code, _, errors = finish(start(tmp_path, "leave"))
    assert code == 1
    assert "ended without being told to" in errors


def test_a_process_whose_row_is_gone_ends(tmp_path: Path) -> None:
    code, _, errors = finish(start(tmp_path, "declared dead"))
    assert code in (1, -signal.SIGKILL)
    assert "declared dead" in errors


def test_work_that_does_not_end_is_cut_off_after_the_drain_time(tmp_path: Path) -> None:
    process = start(tmp_path, "busy", CLAW_DRAIN_SECONDS="1")
    process.send_signal(signal.SIGTERM)
    code, _, errors = finish(process)
    assert code == -signal.SIGKILL
    assert "not done in time" in errors


def test_alone_it_ends_when_its_loop_stands_still_and_says_where(tmp_path: Path) -> None:
    code, _, errors = finish(start(tmp_path, "hang", CLAW_HANG_SECONDS="2"))
    assert code == -signal.SIGKILL
    assert "the event loop hangs for" in errors
    assert "in main" in errors  # the stacks


def test_what_needs_too_much_memory_finishes_and_begins_anew(tmp_path: Path) -> None:
    code, out, errors = finish(start(tmp_path, "wait", CLAW_ROLE_MEGABYTES="10"))
    assert (code, out) == (ANEW, "rows 1\n")
    assert "and CLAW_ROLE_MEGABYTES is 10; beginning anew" in errors
    assert count_rows(tmp_path) == "0"


def test_who_holds_a_lease_under_which_nothing_moves_begins_anew(tmp_path: Path) -> None:
    code, _, errors = finish(start(tmp_path, "stuck"))
    assert code == ANEW
    assert "nothing moves under the lease send:1; beginning anew" in errors


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    process = start(tmp_path, "busy")
    process.send_signal(signal.SIGTERM)

    def is_over() -> bool:
        process.send_signal(signal.SIGTERM)
        return process.poll() is not None

    until(is_over, seconds=60, what="ended")
    assert finish(process)[0] == 1


def count_rows(home: Path) -> str:
    code = "import django; django.setup()\nfrom clawsite.core.models import Process\nprint(Process.objects.count())"
    values = servers_of(home) | {"CLAW_HOME": str(home), "DJANGO_SETTINGS_MODULE": "clawsite.settings"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, env={**os.environ, **values}, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout.strip()
