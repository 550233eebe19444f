"""The clock jumps by an hour and by a day, forward and back, under a running installation that people write to."""

from __future__ import annotations

import contextlib
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.faults.connected import connected_programs
from tests.faults.conversation import FIRST_CHAT
from tests.faults.gate import TOKEN
from tests.faults.jumping import CLOCK_PATH, FakeClock
from tests.faults.site import Site, open_site
from tests.faults.stack import wait_for
from tests.fixtures.reached import Figure, Reached

HOUR = 3600
# What the clock goes before the real one, one after the other. The first to pass a due time is the only one.
JUMPS = (HOUR, 0, HOUR, 0, -HOUR, 0, 25 * HOUR, 0, 25 * HOUR)
# A briefing is due between now and the first jump, and a day later: on two days, each of which comes more than once.
DUE_IN, DAYS = timedelta(minutes=30), 2
LEASE_SECONDS = 10
SOCKETS = 10
ORDERED = "SELECT count(*) FROM runbooks_schedule WHERE kind = 'briefing'"
BRIEFINGS = "SELECT count(*) FROM runbooks_job WHERE kind = 'briefing'"


def count_open(connected: list[ClientConnection]) -> int:
    """Return how many programs are answered on the connection that they have had from the start."""
    count = 0
    for each in connected:
        with contextlib.suppress(ConnectionClosed):
            each.send(json.dumps({"type": "req", "id": "p", "method": "ping", "params": {}}))
            while '"id":"p"' not in str(each.recv(10))[:64]:
                pass
            count += 1
    return count


def order_briefing(site: Site) -> None:
    """Order a briefing for every day, due soon by the clock of the chat, which is the world's."""
    due = datetime.now(UTC) + DUE_IN
    chat = site.people.chats[0]
    site.telegram.user_sends(chat, f"/briefing at {due:%H:%M}")
    wait_for(lambda: site.store.value(ORDERED) == 1, timeout=20, what="the briefing is ordered")


@pytest.mark.faults
@pytest.mark.soak
@pytest.mark.timeout(900)
def test_nothing_is_done_twice_and_nobody_waits_when_the_clock_jumps(tmp_path: Path, reached: Reached) -> None:
    clock = FakeClock(tmp_path)
    with open_site(
        tmp_path / "home",
        people=4,
        CLAW_GATEWAY_TOKEN=TOKEN,
        CLAW_LEASE_SECONDS=str(LEASE_SECONDS),
        PYTHONPATH=CLOCK_PATH,
        TELEGRAM_ADMIN_USERS=str(FIRST_CHAT),
        TESTS_CLOCK=clock.name,
        TIME_ZONE="UTC",
    ) as site:
        site.model.set_default(deltas=10, pause=0.1)
        site.people.write()
        site.people.wait_answered(timeout=20)
        order_briefing(site)
        pids, slowest = {process.pid for process in site.stack.family()}, 0.0
        with connected_programs(site.stack, many=SOCKETS) as connected:
            for seconds in JUMPS:
                site.people.write()
                wait_for(lambda: not site.telegram.pending_updates(), timeout=20, what="all is taken in")
                clock.set(seconds)
                begun = time.monotonic()
                site.people.write()
                site.people.wait_answered(timeout=2 * LEASE_SECONDS)
                wait_for(lambda: site.store.waiting() == 0, timeout=2 * LEASE_SECONDS, what="nothing waits")
                slowest = max(slowest, time.monotonic() - begun)
            assert count_open(connected) == SOCKETS
        site.people.check()
        assert pids <= {process.pid for process in site.stack.family()}, site.stack.tail()
        assert site.store.value(BRIEFINGS) == DAYS
        assert site.store.is_whole()
        assert site.stack.get("/readyz") == 200
    reached(
        8,
        f"{len(JUMPS)} jumps of 1 h and 25 h, forward and back",
        Figure("due times run twice", 0),
        Figure("sockets cut off", 0),
        Figure("processes ended", 0),
        Figure("all answered after", slowest, "s", 2 * LEASE_SECONDS),
        Figure("lost", 0),
        Figure("sent twice", 0),
    )
