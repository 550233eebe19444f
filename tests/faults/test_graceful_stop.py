"""SIGTERM under load: out within 15 seconds with code 0, and the next start goes on where this one stopped."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import pytest

from tests.faults.site import Site, open_site
from tests.faults.stack import wait_for

STOP_SECONDS = 15.0
STOPS, MANY_STOPS = 2, 20


def has_answered(site: Site, count: int) -> bool:
    """Tell whether so many messages have their answer."""
    return site.people.ledger().answered >= count


@pytest.mark.faults
def test_stops_under_load_lose_and_repeat_nothing(tmp_path: Path) -> None:
    stop_and_start(tmp_path, times=STOPS)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_twenty_stops_under_load_lose_and_repeat_nothing(tmp_path: Path) -> None:
    stop_and_start(tmp_path, times=MANY_STOPS)


def stop_and_start(folder: Path, *, times: int) -> None:
    """Stop in the middle of answers and start again, so many times; then look at what became of every message."""
    with open_site(folder / "home", people=8) as site:
        site.model.set_default(deltas=10, pause=0.03)
        for _ in range(times):
            answered = site.people.ledger().answered
            site.people.write(each=5)
            wait_for(partial(has_answered, site, answered + 5), timeout=20, what="load")
            begun = time.monotonic()
            assert site.stack.stop() == 0, site.stack.tail()
            assert time.monotonic() - begun <= STOP_SECONDS
            site.people.write()
            site.stack.start()
            site.stack.wait_ready()
        site.people.wait_answered(timeout=30)
        wait_for(lambda: site.store.waiting() == 0, timeout=60, what="nothing waits")
        site.people.check()
        assert site.store.is_whole()
