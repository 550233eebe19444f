"""PostgreSQL locked, killed and given what it refuses: every loop recovers by itself, and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.faults.gate import TOKEN
from tests.faults.locking import lock_out
from tests.faults.site import Site, open_site
from tests.faults.stack import wait_for
from tests.fixtures.reached import Figure, Reached
from tests.servers.services import PostgresService

LOCK_SECONDS, LONG_LOCK_SECONDS = 6.0, 15.0
RECOVERY_SECONDS = 10.0
# Enough for the worker to be at it when the server dies: each takes some milliseconds.
TASKS = 900
GIVE_TASKS = f"""
from django.db import transaction
from clawsite.core.queue import enqueue
with transaction.atomic():
    for _ in range({TASKS}):
        enqueue("clawsite.core.queue.sing")
"""
WAITING_TASKS = "SELECT count(*) FROM django_q_ormq"
pytestmark = [pytest.mark.faults, pytest.mark.services]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, postgres_service: PostgresService) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("postgresql") / "home"
    with open_site(home, database=postgres_service.database("crash"), CLAW_GATEWAY_TOKEN=TOKEN) as opened:
        yield opened


def test_while_a_table_is_locked_nothing_is_confirmed(site: Site, reached: Reached) -> None:
    locked_out(site, reached, seconds=LOCK_SECONDS)


@pytest.mark.soak
@pytest.mark.timeout(400)
def test_while_a_table_is_locked_for_long_nothing_is_confirmed(site: Site, reached: Reached) -> None:
    locked_out(site, reached, seconds=LONG_LOCK_SECONDS)


def locked_out(site: Site, reached: Reached, *, seconds: float) -> None:
    """Lock the table of what comes in for so long."""
    site.people.write()
    site.people.wait_answered(timeout=60)
    reached(5, f"PostgreSQL locked for {seconds:.0f} s", *lock_out(site, seconds=seconds).figures())


def test_after_a_crash_of_the_server_all_loops_go_on(
    site: Site, postgres_service: PostgresService, reached: Reached
) -> None:
    pids = {process.pid for process in site.stack.family()}
    site.model.set_default(deltas=10, pause=0.1)
    asked = site.model.last_request()
    given = site.stack.manage("shell", "-c", GIVE_TASKS)
    assert given.returncode == 0, given.stderr
    site.people.write(each=2)
    wait_for(lambda: site.model.last_request() > asked + 1, timeout=60, what="turns run")
    assert site.store.value(WAITING_TASKS) > 0
    postgres_service.kill()
    site.people.write(each=2)
    wait_for(lambda: site.stack.get("/readyz") == 503, timeout=60, what="not ready")
    site.model.set_default()  # from here on it is measured, and of that the model takes nothing
    postgres_service.start()
    begun = time.monotonic()
    site.people.wait_answered(timeout=RECOVERY_SECONDS)
    answered = time.monotonic() - begun
    wait_for(lambda: site.stack.get("/readyz") == 200, timeout=RECOVERY_SECONDS, what="ready")
    wait_for(lambda: site.store.waiting() == 0, timeout=RECOVERY_SECONDS, what="nothing waits")
    # The record of what had just been sent may have died with the server.
    site.people.check(duplicates=2)
    assert pids <= {process.pid for process in site.stack.family()}, site.stack.tail()
    reached(
        6,
        "PostgreSQL killed under load",
        Figure("all answered after", answered, "s", RECOVERY_SECONDS),
        Figure("processes ended", 0),
        Figure("lost", 0),
        Figure("sent twice", site.people.ledger().duplicates, most=2),
    )


def test_the_sender_still_sends_and_the_worker_still_works(site: Site) -> None:
    """A lease that could not be released, or a connection that nobody renewed, would show here."""
    site.model.set_default()
    for _ in range(2):
        site.people.write()
        site.people.wait_answered(timeout=RECOVERY_SECONDS)
    wait_for(lambda: site.store.value(WAITING_TASKS) == 0, timeout=60, what="the worker's queue is empty")
    site.people.check(duplicates=2)
