"""Two of each role on one PostgreSQL and one Redis: one polls, a time that is due is one run, and nothing is lost."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator

import pytest

from tests.faults.evidence import Evidence
from tests.faults.gate import Gate
from tests.faults.machines import Machines, two_machines
from tests.faults.stack import wait_for
from tests.fixtures.reached import Figure, Reached
from tests.servers.services import PostgresService, RedisService

pytestmark = [pytest.mark.faults, pytest.mark.services, pytest.mark.soak, pytest.mark.timeout(240)]
PEOPLE = 8
RECOVERY_SECONDS = 30.0
# Kills that are behind (too little ran that could be killed) come no faster than this: what is to be borne is one a
# second, not a volley at whatever has just come up.
APART_SECONDS = 0.5
RUNS = "SELECT count(*), count(DISTINCT due_at), count(DISTINCT job_id) FROM runbooks_schedulerun"


@pytest.fixture(scope="module")
def machines(
    tmp_path_factory: pytest.TempPathFactory, postgres_service: PostgresService, redis_service: RedisService
) -> Iterator[Machines]:
    folder = tmp_path_factory.mktemp("machines")
    with two_machines(folder, people=PEOPLE, postgres=postgres_service, redis=redis_service) as opened:
        yield opened


def test_two_of_each_role_run_and_one_of_them_polls(machines: Machines) -> None:
    roles = "SELECT role, count(*) FROM core_process GROUP BY role ORDER BY role"
    expected = [("bots", 2), ("web", 2), ("worker", 2)]
    wait_for(lambda: machines.store.rows(roles) == expected, timeout=30, what="two of each role")
    before = twice(machines)
    machines.people.write(each=3)
    machines.people.wait_answered(timeout=RECOVERY_SECONDS)
    machines.people.check(duplicates=before)
    assert machines.crowded_polls() == 0


async def test_what_comes_in_at_one_machine_is_seen_at_the_other(machines: Machines) -> None:
    """No session sticks to a machine: the answer comes to a socket of either."""
    first, second = machines.both
    for machine in machines.both:
        machine.wait_ready()  # a storm may have been there before
    await ask(first, second, "over-both")
    await ask(second, first, "over-both")


async def ask(near: Gate, far: Gate, key: str) -> None:
    """Send a message over one machine and wait at the other for its answer."""
    async with near.client() as sender, far.client() as reader:
        answer = await sender.request("chat.send", {"sessionKey": key, "message": "hello", "idempotencyKey": near.url})
        assert answer["runId"]
        for _ in range(300):
            history = await reader.request("chat.history", {"sessionKey": key})
            said = [message["role"] for message in history["messages"]]
            if said.count("user") == said.count("assistant") > 0:
                return
            await asyncio.sleep(0.1)
    raise AssertionError(said)


async def test_a_time_that_is_due_is_one_run(machines: Machines) -> None:
    """Each second is due once, however many workers look, and one of them is killed meanwhile."""
    first, second = machines.both
    payload = {"kind": "job", "job": "selftest", "params": {"events": 1, "pause": 0}}
    async with first.client() as client:
        row = await client.request(
            "cron.add", {"name": "each second", "schedule": {"kind": "every", "everyMs": 1000}, "payload": payload}
        )
        await wait_runs(machines, 3)
        (await asyncio.to_thread(second.role, "worker")).kill()
        await wait_runs(machines, runs(machines)[0] + 4)
        await client.request("cron.remove", {"id": row["id"]})
    count, times, jobs = runs(machines)
    assert count == times == jobs


def runs(machines: Machines) -> tuple[int, int, int]:
    """Runs, due times and jobs of all schedules."""
    found = machines.store.rows(RUNS)[0]
    return int(found[0]), int(found[1]), int(found[2])


async def wait_runs(machines: Machines, count: int) -> None:
    """Wait until there are so many runs."""
    await asyncio.to_thread(
        wait_for, lambda: runs(machines)[0] >= count, timeout=RECOVERY_SECONDS, what=f"{count} runs"
    )


def test_redis_is_killed_and_comes_back_empty(machines: Machines) -> None:
    pids, before = supervisors(machines), twice(machines)
    machines.redis.kill()
    machines.people.write(each=2)
    machines.people.wait_answered(timeout=RECOVERY_SECONDS)
    machines.redis.start()
    machines.people.write(each=2)
    machines.people.wait_answered(timeout=RECOVERY_SECONDS)
    machines.people.check(duplicates=before)
    assert supervisors(machines) == pids
    machines.wait_ready()


def test_postgresql_dies_and_both_machines_go_on(machines: Machines) -> None:
    pids, before = supervisors(machines), twice(machines)
    machines.people.write()
    machines.postgres.kill()
    machines.people.write(each=2)
    wait_for(lambda: {each.get("/readyz") for each in machines.both} == {503}, timeout=60, what="neither is ready")
    machines.postgres.start()
    machines.people.wait_answered(timeout=RECOVERY_SECONDS)
    # What had just been sent when the server died may be sent once more.
    machines.people.check(duplicates=before + 2)
    assert supervisors(machines) == pids
    machines.wait_ready()


def twice(machines: Machines) -> int:
    """What was answered twice in the tests before, which all share their people."""
    return machines.people.ledger().duplicates


def supervisors(machines: Machines) -> list[int]:
    """The processes that look after the others, which nothing here may end."""
    assert all(machine.is_running() for machine in machines.both)
    return [machine.pid for machine in machines.both]


def test_a_storm_over_both_machines_loses_nothing(machines: Machines, reached: Reached) -> None:
    reached(1, "two machines, a short storm", *storm(machines, seconds=12.0, kills=12, patience=60.0))


@pytest.mark.timeout(900)
def test_a_long_storm_over_both_machines_loses_nothing(machines: Machines, reached: Reached) -> None:
    reached(1, "two machines on one PostgreSQL", *storm(machines, seconds=120.0, kills=120, patience=240.0))


def storm(machines: Machines, *, seconds: float, kills: int, patience: float) -> list[Figure]:
    """Kill processes of both while people write; then all is answered, in order, and nearly nothing twice."""
    before, written = twice(machines), sum(machines.people.sent.values())
    evidence = machines.evidence()
    with evidence.kept():
        killed = hurt(machines, evidence, seconds=seconds, kills=kills)
        ended = time.monotonic()
        machines.people.wait_answered(timeout=patience)
        wait_for(lambda: machines.store.waiting() == 0, timeout=60, what="nothing waits")
    drained, most = time.monotonic() - ended, max(1, killed // 10)
    machines.people.check(duplicates=before + most)
    machines.wait_ready()
    return [
        Figure("kills", killed),
        Figure("messages", sum(machines.people.sent.values()) - written),
        Figure("lost", 0),
        Figure("out of order", 0),
        Figure("sent twice", twice(machines) - before, most=most),
        Figure("all answered after", drained, "s", patience),
    ]


def hurt(machines: Machines, evidence: Evidence, *, seconds: float, kills: int) -> int:
    """Kill so many processes in so many seconds while people write once a second; return how many died."""
    chance, begin, next_kill, killed, rounds = random.Random(21), time.monotonic(), 0.0, 0, 0
    while (passed := time.monotonic() - begin) < seconds or killed < kills:
        assert passed < 3 * seconds + 60, f"only {killed} kills"
        if rounds < passed:
            machines.people.write()
            rounds += 1
        if killed < kills * passed / seconds and time.monotonic() >= next_kill:
            victim = machines.kill_one(chance)
            if victim:
                evidence.note(killed=victim)
                next_kill = time.monotonic() + APART_SECONDS
                killed += 1
        machines.keep_alive()
        time.sleep(0.05)
    machines.keep_alive()
    print(f"{killed} kills in {time.monotonic() - begin:.1f} s, {rounds} messages of each of {PEOPLE} people")
    return killed
