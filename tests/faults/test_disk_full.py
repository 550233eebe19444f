"""A full disk: nothing is acknowledged and nobody dies; when there is room again, everything is answered once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.disk import Disk, LimitedDisk, open_disk
from tests.faults.site import open_site
from tests.faults.stack import wait_for

FULL_SECONDS = 4.0
pytestmark = pytest.mark.faults


@pytest.fixture(params=["mounted", "limited"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """The disk of this machine's rights, and the one that needs none."""
    if request.param == "limited":
        (tmp_path / "disk").mkdir()
        yield LimitedDisk(tmp_path / "disk")
        return
    with open_disk(tmp_path / "disk") as opened:
        yield opened


def test_a_full_disk_is_waited_out(disk: Disk) -> None:
    with open_site(disk.path, people=4) as site:
        site.people.write()
        site.people.wait_answered(timeout=20)
        pids = {process.pid for process in site.stack.family()}
        site.model.set_default(deltas=5, pause=0.1)
        site.people.write()
        wait_for(lambda: site.model.last_request() > len(site.people.chats), timeout=60, what="turns run")
        wait_for(lambda: not site.telegram.pending_updates(), timeout=60, what="all is taken in")

        disk.fill(site.stack.family())
        before = site.store.value("SELECT count(*) FROM sessions_app_inbox")
        site.people.write(each=2)
        end = time.monotonic() + FULL_SECONDS
        wait_for(lambda: time.monotonic() >= end, timeout=FULL_SECONDS + 1, what="intake has refused more than once")
        wait_for(lambda: site.stack.get("/healthz") == 200, timeout=30, what="alive")
        assert site.store.value("SELECT count(*) FROM sessions_app_inbox") == before
        assert len(site.telegram.pending_updates()) == 8

        disk.free(site.stack.family())
        site.people.wait_answered(timeout=20)
        wait_for(lambda: site.store.waiting() == 0, timeout=60, what="nothing waits")
        site.people.check()
        assert pids <= {process.pid for process in site.stack.family()}
        assert site.store.is_whole()
        assert site.stack.stop() == 0
