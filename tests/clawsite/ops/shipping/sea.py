"""A database of its own that is written to, the copying of its log, and what a recovery makes of it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from clawsite.ops.backups.identity import own_identity
from clawsite.ops.backups.joined import Joined
from clawsite.ops.backups.stores import FolderStore, Store
from clawsite.ops.shipping import snapshots
from clawsite.ops.shipping.collecting import Collector
from clawsite.ops.shipping.recovery import plan, recover
from clawsite.ops.shipping.sending import Sender, stored
from clawsite.ops.shipping.spool import Spool, State


class Sea:
    """One installation's folder with a small database in it."""

    def __init__(self, root: Path) -> None:
        self.home = root / "home"
        self.home.mkdir(parents=True)
        self.database = self.home / "clawsite.sqlite3"
        self.place = root / "store"
        self.store: Store = FolderStore(self.place)
        self.recovered = 0
        # Other processes of an installation have it open, too: so the log does not go with the connection closed last.
        self.other = sqlite3.connect(self.database)
        self.other.execute("PRAGMA journal_mode=WAL")
        self.other.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT)")
        self.collector = self.begin()

    @contextmanager
    def open(self, *, timeout: float = 20) -> Iterator[sqlite3.Connection]:
        """A connection as others have it."""
        with closing(sqlite3.connect(self.database, timeout=timeout, isolation_level=None)) as connection:
            yield connection

    def close(self) -> None:
        """Let go of the database."""
        self.collector.close()
        self.other.close()

    @property
    def state(self) -> State:
        """How far the copying has come."""
        assert self.collector.state is not None
        return self.collector.state

    def begin(self) -> Collector:
        """A process that begins to copy."""
        self.collector = Collector(self.database, Spool(self.home))
        return self.collector

    def keep_log(self) -> None:
        """Read, as another process may, which keeps SQLite from beginning the log anew."""
        self.other.execute("BEGIN")
        self.other.execute("SELECT count(*) FROM rows").fetchall()

    def snapshot(self, *, anew: bool = False) -> None:
        """Take a snapshot into the spool."""
        frozen = self.collector.freeze(anew=anew)
        self.collector.note_snapshot(frozen, snapshots.take(self.collector.spool, frozen))

    def write(self, *texts: str) -> None:
        """One transaction for each text."""
        with self.open() as connection:
            for text in texts:
                connection.execute("INSERT INTO rows (text) VALUES (?)", [text])

    def ship(self) -> None:
        """Copy what is new and bring it to the store."""
        self.collector.collect()
        self.send()

    def send(self) -> None:
        """Bring what waits to the store."""
        Sender(self.collector.spool, [self.store]).send()

    def recover(self, *, until: int | None = None, source: Joined | None = None) -> Path:
        """The database that a recovery makes of what is in the store, or elsewhere."""
        self.recovered += 1
        target = self.home.parent / f"recovered-{self.recovered}.sqlite3"
        identity = own_identity()
        assert identity is not None
        stores = source or Joined([self.store])
        recover(stores, plan(stored(stores), until=until), target, identity=identity, check=check_whole)
        return target


def texts(database: Path) -> list[str]:
    """All texts in a database, in their order."""
    with closing(sqlite3.connect(database)) as connection:
        return [row[0] for row in connection.execute("SELECT text FROM rows ORDER BY id")]


def dump(database: Path) -> list[str]:
    """Everything in a database, as SQL."""
    with closing(sqlite3.connect(database)) as connection:
        return list(connection.iterdump())


def check_whole(database: Path) -> None:
    """See that SQLite finds a database in order."""
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def check_numbers(found: list[str]) -> None:
    """See that of each writer there is all up to some transaction: a database of one moment."""
    for name in {text.split(":")[0] for text in found}:
        numbers = [int(text.split(":")[1]) for text in found if text.startswith(f"{name}:")]
        assert numbers == list(range(1, len(numbers) + 1))


@contextmanager
def writers(sea: Sea, *, threads: int = 2, size: int = 3000) -> Iterator[None]:
    """Writers that commit hundreds of times a second, each with a connection of its own, until the block ends."""
    stop = threading.Event()

    def work(name: int) -> None:
        number = 0
        with sea.open() as connection:
            while not stop.wait(0.001):
                number += 1
                text = f"{name}:{number}:" + "x" * (number * 37 % size)
                connection.execute("INSERT INTO rows (text) VALUES (?)", [text])

    running = [threading.Thread(target=work, args=[name]) for name in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in running:
            thread.join()


def fail_to_write(database: Path) -> str:
    """Try to commit from a process that may write to no file; return what SQLite says to that.

    It may tell others, in the memory that they share, that it begins the log anew; the log itself it cannot touch.
    """
    script = (
        "import resource, sqlite3, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0));"
        "sqlite3.connect(sys.argv[1]).execute('CREATE TABLE missing (id INTEGER)')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(database)], check=False, capture_output=True, text=True, timeout=30
    )
    return ended.stderr
