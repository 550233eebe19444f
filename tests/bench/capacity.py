"""What a turn and a job cost by process, and from that what one machine carries and what ten would.

Processor time is what is counted: unlike a rate it hardly depends on what else the machine does, and it tells which
process is full first. The emulators' own time is not in it. `python -m tests.bench capacity` prints the tables of
ARCHITECTURE.md; it starts a PostgreSQL and a Redis of its own.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg

from clawsite.rpc import GatewayTarget
from clawsite.rpc.blocking import BlockingClient, connect
from tests.bench.gateways import TOKEN
from tests.bench.turns import FIRST_CHAT, product
from tests.faults.stack import Stack, wait_for
from tests.programs import find_program, need_program
from tests.servers.services import PostgresService, RedisService

SESSIONS, TURNS, JOBS = 10, 60, 100
DATABASE, REDIS = "PostgreSQL", "Redis"
WORK = (
    "SELECT xact_commit, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"
    " FROM pg_stat_database WHERE datname = current_database()"
)


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What one of many costs: milliseconds of a processor by process, transactions, KB of the database's log."""

    cpu_ms: dict[str, float]
    transactions: float
    log_kb: float

    def of_roles(self) -> float:
        """The milliseconds of our own processes."""
        return sum(taken for name, taken in self.cpu_ms.items() if name not in (DATABASE, REDIS))

    def of(self, name: str) -> float:
        """The milliseconds of one role or service."""
        return self.cpu_ms.get(name, 0.0)


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """A turn on the embedded default; a turn, and a job that does next to nothing, on PostgreSQL and Redis."""

    embedded: Costs
    scaled: Costs
    job: Costs


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an installation keeps its rows, and the services that it has for itself."""

    environment: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, psutil.Process] = field(default_factory=dict)

    def work(self) -> tuple[int, int]:
        """Transactions so far, and bytes of log that PostgreSQL has written."""
        if "DATABASE_URL" not in self.environment:
            return 0, 0
        with psycopg.connect(self.environment["DATABASE_URL"], autocommit=True) as connection:
            row = connection.execute(WORK).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])

    def used(self, stack: Stack) -> dict[str, float]:
        """Seconds of a processor so far, by role or service."""
        found: dict[str, float] = defaultdict(float)
        roles = stack.roles()
        for process in stack.family():
            found[roles.get(process.pid, "queue")] += seconds_of(process)
        for name, top in self.services.items():
            found[name] = sum(seconds_of(process) for process in (top, *top.children()))
            found[name] += sum(top.cpu_times()[2:4])  # of connections that have ended
        return found


def seconds_of(process: psutil.Process) -> float:
    """Seconds of a processor that a process has used, with what it has waited for."""
    with contextlib.suppress(psutil.Error):
        return float(sum(process.cpu_times()[:2]))
    return 0.0


@contextlib.contextmanager
def services() -> Iterator[Place]:
    """Start a PostgreSQL and a Redis."""
    initdb = find_program("initdb") or str(Path(need_program("postgres")).resolve().parent / "initdb")
    with (
        PostgresService.running(need_program("postgres"), initdb) as postgres,
        RedisService.running(need_program("redis-server")) as redis,
    ):
        assert postgres.process is not None
        assert redis.process is not None
        yield Place(
            environment={"DATABASE_URL": postgres.database("capacity"), "REDIS_URL": redis.url},
            services={
                DATABASE: psutil.Process(postgres.process.pid),
                REDIS: psutil.Process(redis.process.pid),
            },
        )


def run_capacity_bench(folder: Path) -> Capacity:
    """Measure everything: some two minutes."""
    embedded, _ = measure(folder / "embedded", Place())
    with services() as place:
        scaled, job = measure(folder / "scaled", place)
    return Capacity(embedded=embedded, scaled=scaled, job=job)


def measure(home: Path, place: Place) -> tuple[Costs, Costs]:
    """Return what a turn and a job cost in an installation."""
    chats = [FIRST_CHAT + number for number in range(SESSIONS)]
    environment = {"CLAW_GATEWAY_TOKEN": TOKEN} | dict(place.environment)
    with product(home, chats=SESSIONS, environment=environment) as (stack, telegram, _, _):

        def costs(many: int, work: Callable[[], object]) -> Costs:
            cpu, (transactions, log) = place.used(stack), place.work()
            work()
            used, (more_transactions, more_log) = place.used(stack), place.work()
            return Costs(
                cpu_ms={name: (taken - cpu[name]) * 1000 / many for name, taken in used.items()},
                transactions=(more_transactions - transactions) / many,
                log_kb=(more_log - log) / many / 1024,
            )

        telegram.converse(chats, turns=5, timeout=120)
        turn = costs(SESSIONS * TURNS, lambda: telegram.converse(chats, turns=TURNS, timeout=600))
        target = GatewayTarget(id="bench", ws_url=f"ws://127.0.0.1:{stack.port}", token_ref=lambda: TOKEN)
        with connect(target, patience=30) as client:
            return turn, costs(JOBS, lambda: run_jobs(client))


def run_jobs(client: BlockingClient) -> None:
    """Run so many jobs and wait for their ends."""
    wanted = {"kind": "selftest", "params": {"events": 1, "pause": 0}}
    ids = [client.request("jobs.create", wanted)["job"]["id"] for _ in range(JOBS)]
    for job in ids:
        wait_for(lambda: has_ended(client, job), timeout=300, what="the end of a job")  # noqa: B023 - called at once


def has_ended(client: BlockingClient, job: str) -> bool:
    """Tell whether a job was done; raises when it ended otherwise."""
    state = client.request("jobs.status", {"id": job})["job"]["state"]
    if state not in ("pending", "queued", "running", "succeeded"):
        raise RuntimeError(f"the job {job} is {state}")
    return bool(state == "succeeded")
