"""An installation whose log is copied: its worker is killed, then the machine is gone, and one command restores it."""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from clawsite.ops.backups.stores import FolderStore
from clawsite.ops.shipping.recovery import plan
from clawsite.ops.shipping.sending import stored
from clawsite.ops.shipping.spool import now
from tests.faults.site import Site, open_site
from tests.faults.stack import Program, wait_for
from tests.faults.store import Store
from tests.template import put_file

pytestmark = [pytest.mark.faults, pytest.mark.sqlite, pytest.mark.timeout(300)]
ANSWERS = "SELECT count(*) FROM sessions_app_outbox WHERE state = 'sent'"


def test_a_machine_that_is_gone_costs_nothing_that_is_older_than_seconds(tmp_path: Path) -> None:
    place = FolderStore(tmp_path / "elsewhere")
    with open_site(tmp_path / "home", CLAW_BACKUP_DIR=str(place.root), CLAW_SHIPPING_SECONDS="1") as site:
        site.people.write()
        site.people.wait_answered(timeout=60)
        wait_for(lambda: stored(place), timeout=60, what="the log is copied")
        made = site.stack.manage("backup", timeout=120)
        assert made.returncode == 0, made.stderr
        site.stack.role("worker").kill()
        site.people.write(each=2)
        site.people.wait_answered(timeout=60)
        answered, moment = site.store.value(ANSWERS), now()
        # Of an idle installation, too, there is something to copy: its processes beat.
        # A chain that begins anew, as when the log got long before the worker was back, needs its snapshot first.
        wait_for(lambda: plan(stored(place)).moment > moment, timeout=60, what="all of it is copied")
        shutil.copy(site.stack.home / "backup.key", tmp_path / "identity")
        _lose(site)
    # Another machine on which clawsite was set up: on an empty one every migration would run to compare the tables.
    other = Program(tmp_path / "new", site.stack.environment | {"CLAW_HOME": str(tmp_path / "new")}, name="restore")
    put_file(other.home)
    done = other.manage(
        "restore", "latest", "--until", "end", "--identity", str(tmp_path / "identity"), "--yes", timeout=120
    )

    assert done.returncode == 0, done.stderr
    assert "The database is as it was at" in done.stdout
    store = Store(tmp_path / "new")
    assert store.is_whole()
    assert store.value(ANSWERS) >= answered


def _lose(site: Site) -> None:
    """Kill everything at once, and remove its disk."""
    for process in site.stack.family():
        with suppress(psutil.NoSuchProcess):
            os.kill(process.pid, signal.SIGKILL)
    shutil.rmtree(site.stack.home)
