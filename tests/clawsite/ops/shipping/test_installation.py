"""An installation whose log is copied: the worker is killed, then everything, and what was acknowledged comes back."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from clawsite.ops.backups.identity import read_identity
from clawsite.ops.backups.stores import FolderStore
from clawsite.ops.shipping.recovery import recover_until
from clawsite.ops.shipping.sending import stored
from tests.faults.site import Site, open_site
from tests.faults.stack import wait_for
from tests.faults.store import Store

pytestmark = pytest.mark.faults
ANSWERS = "SELECT count(*) FROM sessions_app_outbox WHERE state = 'sent'"


def test_a_machine_that_is_lost_costs_a_few_seconds(tmp_path: Path) -> None:
    place = FolderStore(tmp_path / "elsewhere")
    with open_site(tmp_path / "home", CLAW_BACKUP_DIR=str(place.root), CLAW_SHIPPING_SECONDS="1") as site:
        site.people.write()
        site.people.wait_answered(timeout=30)
        wait_for(lambda: stored(place), timeout=30, what="the log is copied")
        site.stack.role("worker").kill()
        site.people.write(each=2)
        site.people.wait_answered(timeout=30)
        answered = site.store.value(ANSWERS)
        wait_for(lambda: _recovered(site, place, tmp_path) >= answered, timeout=60, what="all of it can be recovered")
        _lose(site)
    assert _recovered(site, place, tmp_path) >= answered


def _recovered(site: Site, place: FolderStore, folder: Path) -> int:
    """Recover to the last moment there is; return how many answers are in what comes of it."""
    home = folder / "again"
    home.mkdir(exist_ok=True)
    target = home / "clawsite.sqlite3"
    target.unlink(missing_ok=True)
    if not stored(place):
        return 0
    recover_until(place, target, identity=read_identity(site.stack.home / "backup.key"))
    store = Store(home)
    assert store.is_whole()
    return int(store.value(ANSWERS))


def _lose(site: Site) -> None:
    """Kill everything at once, as when a machine is gone."""
    for process in site.stack.family():
        with suppress(psutil.NoSuchProcess):
            os.kill(process.pid, signal.SIGKILL)
