"""Two machines: an installation each, with a CLAW_HOME of its own, on one PostgreSQL and one Redis.

They are plain processes of one machine here, so a dead process of one may be found by the other. What they share is
the database, Redis, and the keys, as DATABASE_URL, REDIS_URL and the secrets of a real installation.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from cryptography.fernet import Fernet

from tests.faults.conversation import Conversation
from tests.faults.evidence import Evidence
from tests.faults.gate import Gate
from tests.faults.stack import is_at_work, product_environment
from tests.faults.store import Store
from tests.servers.messages import MessagesServer
from tests.servers.services import PostgresService, RedisService
from tests.servers.telegram import TelegramServer


@dataclass(frozen=True, kw_only=True)
class Machines:
    """Both installations, and what a test needs to hurt them and to see what became of it."""

    both: tuple[Gate, Gate]
    store: Store
    people: Conversation
    telegram: TelegramServer
    model: MessagesServer
    redis: RedisService
    postgres: PostgresService
    known: set[psutil.Process] = field(default_factory=set)

    def keep_alive(self) -> None:
        """Start a supervisor again that is gone, as a service manager would."""
        for machine in self.both:
            machine.keep_alive()

    def wait_ready(self) -> None:
        """Wait until both say that they are ready."""
        for machine in self.both:
            machine.wait_ready()

    def kill_one(self, chance: random.Random) -> str:
        """Kill a random process of either machine; the supervisors are among them. Returns who died, "" for nobody.

        What works on after its supervisor died may die as well.
        """
        families = {process for machine in self.both for process in machine.family()}
        self.known.update(families)
        self.known.intersection_update([process for process in self.known if is_at_work(process)])
        if len(self.known) < 6:
            return ""
        victim = chance.choice(sorted(self.known, key=lambda process: process.pid))
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.kill()
            top = victim.pid in {machine.pid for machine in self.both}
            kind = "supervisor" if top else "process" if victim in families else "orphan"
            return f"{kind} {victim.pid} of {len(self.known)}"
        return ""

    def evidence(self) -> Evidence:
        """Return what writes down how both are doing."""
        return Evidence(
            store=self.store,
            path=self.both[0].home.parent / "evidence.jsonl",
            answered=lambda: self.people.ledger().answered,
            parts=lambda: {
                "first": self.both[0].family(),
                "second": self.both[1].family(),
                "postgres": self.postgres.family(),
                "redis": self.redis.family(),
            },
        )

    def crowded_polls(self) -> int:
        """Return how many times somebody polled while somebody else did."""
        return len([call for call in self.telegram.calls(method="getUpdates") if call["status"] == 409])


@contextlib.contextmanager
def two_machines(folder: Path, *, people: int, postgres: PostgresService, redis: RedisService) -> Iterator[Machines]:
    """Start both on a database of their own, and wait until they are ready."""
    database = postgres.database("machines")
    shared = {
        "DATABASE_URL": database,
        "REDIS_URL": redis.url,
        "SECRET_KEY": "of-both-machines-0123456789-0123456789-0123456789",
        "CLAW_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "CLAW_LEASE_SECONDS": "10",
    }
    with TelegramServer().running() as telegram, MessagesServer().running() as model:
        crowd = Conversation(telegram, count=people)
        wanted = product_environment(telegram, model) | {"TELEGRAM_ALLOWED_USERS": crowd.allowed} | shared
        both = (Gate(folder / "first", wanted), Gate(folder / "second", wanted))
        try:
            for machine in both:
                machine.start()
            opened = Machines(
                both=both,
                store=Store(folder, url=database),
                people=crowd,
                telegram=telegram,
                model=model,
                redis=redis,
                postgres=postgres,
            )
            opened.wait_ready()
            yield opened
        finally:
            for machine in both:
                machine.stop()
