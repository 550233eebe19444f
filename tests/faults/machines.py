"""Two machines: an installation each, with a CLAW_HOME of its own, on one PostgreSQL and one Redis.

They are plain processes of one machine here, so a dead process of one may be found by the other. What they share is
the database, Redis, and the keys, as DATABASE_URL, REDIS_URL and the secrets of a real installation.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from cryptography.fernet import Fernet

from tests.faults.conversation import Conversation
from tests.faults.gate import Gate
from tests.faults.stack import product_environment
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

    def keep_alive(self) -> None:
        """Start a supervisor again that is gone, as a service manager would."""
        for machine in self.both:
            machine.keep_alive()

    def wait_ready(self) -> None:
        """Wait until both say that they are ready."""
        for machine in self.both:
            machine.wait_ready()

    def kill_one(self, chance: random.Random) -> int:
        """Kill a random process of either machine; the supervisors are among them. Returns how many died."""
        families = [process for machine in self.both for process in machine.family()]
        if len(families) < 6:
            return 0
        with contextlib.suppress(psutil.NoSuchProcess):
            chance.choice(families).kill()
            return 1
        return 0

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
