"""PostgreSQL: what its server archives comes to the stores, and a server goes back to each moment by itself."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.conf import LazySettings, settings
from django.core.management import CommandError, call_command
from django.db import connection

from clawsite.core.errors import BadInput
from clawsite.ops.backups.errors import BackupFailed, BadArchive
from clawsite.ops.backups.identity import new_identity, own_identity
from clawsite.ops.backups.joined import Joined
from clawsite.ops.backups.moments import END
from clawsite.ops.backups.stores import FolderStore
from clawsite.ops.shipping.keeping import keep_shipping
from clawsite.ops.shipping.postgres import clusters
from clawsite.ops.shipping.postgres.archiving import Archiving, archive_settings, bases
from clawsite.ops.shipping.postgres.clusters import make_cluster
from clawsite.ops.shipping.postgres.names import WAL_PREFIX, Base, find_wal
from clawsite.ops.shipping.postgres.server import BEHIND
from clawsite.ops.shipping.spool import Spool
from tests.faults.stack import wait_for
from tests.programs import need_program
from tests.servers.services import PostgresService

pytestmark = [pytest.mark.services, pytest.mark.faults, pytest.mark.timeout(240)]


class Server:
    """A server of its own that archives into a folder, and what a worker makes of that."""

    def __init__(self, service: PostgresService, place: Path) -> None:
        self.service = service
        self.folder = service.directory / "archive"
        self.folder.mkdir()
        give_to(service, self.folder)
        self.store = FolderStore(place)
        spool = Spool(self.folder)
        assert spool.take()
        self.work = Archiving(self.folder, spool, [self.store])

    def run(self, *statements: str) -> None:
        """Run statements, each in a transaction of its own."""
        with psycopg.connect(self.service.url(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def base(self) -> Base:
        """Bring a base backup to the store, whether or not one is due."""
        base = self.work._take()
        self.work._put(self.work._wrapped(base.name), base.name, [self.store])
        self.work._wrapped(base.name).unlink()
        return base

    def archive(self) -> None:
        """Have the server finish a file of its log, and bring all there is to the store."""
        with psycopg.connect(self.service.url(), autocommit=True) as connection:
            row = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
        assert row is not None
        self.wait_stored(row[0], timeout=60)

    def wait_stored(self, file: str, *, timeout: float) -> None:
        """Do the worker's part until the store has a file of the log."""

        def is_stored() -> bool:
            self.work.send()
            return file in {wal.file for each in self.store.list(WAL_PREFIX) if (wal := find_wal(each.name))}

        wait_for(is_stored, timeout=timeout, what=f"{file} is in the store")


def give_to(service: PostgresService, path: Path) -> None:
    """Let the server's user own what lies here."""
    if service.user is not None:
        account = pwd.getpwnam(service.user)
        for each in (path, *path.rglob("*")):
            os.chown(each, account.pw_uid, account.pw_gid)


@contextmanager
def started(data: Path | None = None) -> Iterator[PostgresService]:
    """A server on a new cluster, or on a data directory that somebody made."""
    postgres = need_program("postgres")
    service = PostgresService(postgres, str(Path(postgres).resolve().with_name("initdb")))
    try:
        if data is not None:
            service.directory.chmod(0o755)
            shutil.move(data, service.data)
            give_to(service, service.directory)
        service.start()
        yield service
    finally:
        service.remove()


@pytest.fixture
def server(tmp_path: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    settings.CLAW_HOME = tmp_path / "home"
    with started() as service:
        made = Server(service, tmp_path / "store")
        for name, value in archive_settings(made.folder).items():
            made.run(f"ALTER SYSTEM SET {name} = '{value}'")
        service.stop()
        service.start()
        for key, given in {"HOST": "127.0.0.1", "PORT": service.port, "USER": "clawsite"}.items():
            monkeypatch.setitem(settings.DATABASES["default"], key, given)
        yield made


def install(server: Server) -> None:
    """Put into a server what an installation is known by; where tests run on SQLite, that is asked instead."""
    if connection.vendor == "postgresql":
        name = settings.DATABASES["default"]["NAME"]
        server.run(f'CREATE DATABASE "{name}"')
        with psycopg.connect(server.service.url(name)) as opened:
            opened.execute("CREATE TABLE django_migrations (id bigint, app text, name text, applied timestamptz)")
            opened.execute("INSERT INTO django_migrations VALUES (1, 'core', '0001_initial', now())")


@contextmanager
def recovered(data: Path) -> Iterator[PostgresService]:
    """Start a server on a recovered data directory, and wait until it serves."""
    with started(data) as service:

        def serves() -> bool:
            with psycopg.connect(service.url()) as connection:
                row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
                return row is not None and not row[0]

        wait_for(serves, timeout=60, what="the recovery is over")
        yield service


def numbers(data: Path) -> list[int]:
    """Return what is in the table of a recovered data directory."""
    with recovered(data) as service, psycopg.connect(service.url()) as connection:
        return [row[0] for row in connection.execute("SELECT n FROM numbers ORDER BY n")]


def test_a_server_comes_back_as_it_was_at_each_moment(server: Server, tmp_path: Path) -> None:
    identity = own_identity()
    assert identity is not None
    server.run("CREATE TABLE numbers (n int)", "INSERT INTO numbers VALUES (1)")
    assert server.work.back_up()
    assert not server.work.back_up(), "one a day"
    later = FolderStore(tmp_path / "later")
    spool = Spool(server.folder)
    assert Archiving(server.folder, spool, [server.store, later]).back_up(), "a store that is new has none yet"
    assert [len(bases(store)) for store in (server.store, later)] == [1, 1]
    server.run("INSERT INTO numbers VALUES (2)")
    moment = moment_of(server)
    server.run("INSERT INTO numbers VALUES (3)")
    server.archive()
    server.service.kill()

    make_cluster(Joined([server.store]), tmp_path / "then", identity=identity, until=moment)
    assert numbers(tmp_path / "then") == [1, 2]
    made = make_cluster(Joined([server.store]), tmp_path / "end", identity=identity)
    assert made.files >= 2
    log = (tmp_path / "end" / clusters.LOG).iterdir()
    assert sum(path.stat().st_blocks * 512 for path in log) < made.files * 4 * 1024**2, "the rest of each file is empty"
    assert numbers(tmp_path / "end") == [1, 2, 3]

    with pytest.raises(BadInput, match="already"):
        make_cluster(Joined([server.store]), tmp_path / "store", identity=identity)
    with pytest.raises(BackupFailed, match="so old"):
        make_cluster(
            Joined([server.store]), tmp_path / "none", identity=identity, until=datetime(2020, 1, 1, tzinfo=UTC)
        )
    with pytest.raises(BadArchive, match="another identity"):
        make_cluster(Joined([server.store]), tmp_path / "none", identity=new_identity())
    assert list(tmp_path.glob("none*")) == []

    server.work.forget(keep=86_400_000)
    assert len(bases(server.store)) == 1
    server.work.forget(keep=0)
    assert len(bases(server.store)) == 1, "the newest one is needed"


def test_a_server_that_was_put_back_goes_on_and_comes_back_again(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came after the moment is left behind, with the base backup of then, and so is nothing of what came since."""
    identity = own_identity()
    assert identity is not None
    server.run("CREATE TABLE numbers (n int)", "INSERT INTO numbers VALUES (1)")
    first = server.base()
    server.run("INSERT INTO numbers VALUES (2)")
    moment = moment_of(server)
    server.run("INSERT INTO numbers VALUES (3)")
    server.base()
    server.archive()
    server.service.kill()
    stores = Joined([server.store])
    assert make_cluster(stores, tmp_path / "then", identity=identity, until=moment).base == first
    with recovered(tmp_path / "then") as service:
        old, server.service = server.service, service
        monkeypatch.setitem(settings.DATABASES["default"], "PORT", service.port)
        server.run("INSERT INTO numbers VALUES (4)")
        later = moment_of(server)
        server.run("INSERT INTO numbers VALUES (5)")
        server.archive()
        assert server.work.back_up(), "its log does not go on from the base backups that there are"
        server.run("INSERT INTO numbers VALUES (6)")
        server.archive()
        server.service = old

    assert make_cluster(stores, tmp_path / "later", identity=identity, until=later).base == first
    assert numbers(tmp_path / "later") == [1, 2, 4]
    assert make_cluster(stores, tmp_path / "end", identity=identity).base == bases(server.store)[-1] != first
    assert len(list((tmp_path / "end" / clusters.LOG).iterdir())) < len(server.store.list(WAL_PREFIX))
    assert numbers(tmp_path / "end") == [1, 2, 4, 5, 6]
    assert make_cluster(stores, tmp_path / "left", identity=identity, timeline=1).base != first
    assert numbers(tmp_path / "left") == [1, 2, 3], "what the first recovery has left behind"


def test_a_worker_that_ends_does_not_wait_for_a_base_backup(server: Server) -> None:
    server.run("ALTER SYSTEM SET archive_command = 'false'", "SELECT pg_reload_conf()")
    with ThreadPoolExecutor(1) as pool:
        taking = pool.submit(server.work.back_up)
        wait_for(
            lambda: list(server.work._base.glob("base.tar")), timeout=60, what="a backup that waits for the archive"
        )
        assert not taking.done()
        server.work.end()
        with pytest.raises(BackupFailed, match="before the base backup is whole"):
            taking.result(timeout=60)
    assert not server.work._base.exists()


def test_a_server_tells_for_how_long_it_has_failed_to_archive(server: Server) -> None:
    def behind() -> float | None:
        with psycopg.connect(server.service.url()) as connection:
            row = connection.execute(BEHIND).fetchone()
            assert row is not None
            found: float | None = row[0]
            return found

    server.archive()
    wait_for(lambda: behind() == 0, timeout=60, what="the server tells of what it has archived")
    server.run("ALTER SYSTEM SET archive_command = 'false'", "SELECT pg_reload_conf()", "SELECT pg_switch_wal()")
    server.run("CREATE TABLE numbers (n int)", "SELECT pg_switch_wal()")
    wait_for(lambda: (behind() or 0) > 0, timeout=60, what="the server tells that it fails")
    server.run("SELECT pg_stat_reset_shared('archiver')", "ALTER SYSTEM SET archive_mode = 'off'")
    server.service.stop()
    server.service.start()
    assert behind() is None


@pytest.mark.django_db(transaction=True)
def test_the_worker_does_it_by_itself(server: Server, settings: LazySettings) -> None:
    install(server)
    settings.CLAW_WAL_DIR, settings.CLAW_BACKUP_DIR = str(server.folder), str(server.store.root)

    async def work() -> None:
        task = asyncio.create_task(keep_shipping())
        await asyncio.to_thread(wait_for, lambda: bases(server.store), timeout=60, what="a base backup")
        await asyncio.to_thread(wait_for, lambda: server.store.list(WAL_PREFIX), timeout=60, what="some of the log")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    settings.CLAW_ON_SQLITE = False
    asyncio.run(work())


@pytest.mark.soak
@pytest.mark.bench
def test_what_is_committed_is_in_the_store_within_ten_seconds(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """Aim: at most ten seconds of commits are lost with the server's disk.

    A server that has just started looks at archive_timeout with its first checkpoint, within checkpoint_timeout.
    """
    server.run("CREATE TABLE numbers (n int)", "CHECKPOINT")
    server.archive()
    waits = []
    for _ in range(5):
        server.run("INSERT INTO numbers VALUES (1)")
        began = time.monotonic()
        with psycopg.connect(server.service.url()) as connection:
            row = connection.execute("SELECT pg_walfile_name(pg_current_wal_lsn())").fetchone()
        assert row is not None
        server.wait_stored(row[0], timeout=30)
        waits.append(time.monotonic() - began)
    with capsys.disabled():
        print(f"\ncommitted and in the store after {min(waits):.1f} to {max(waits):.1f} s")
    assert max(waits) <= 10.0


def moment_of(server: Server) -> datetime:
    """A moment between what was committed and what will be, by the server's clock."""
    with psycopg.connect(server.service.url()) as connection:
        row = connection.execute("SELECT clock_timestamp(), pg_sleep(0.01)").fetchone()
        assert row is not None
        found: datetime = row[0]
        return found


def test_the_archive_command_keeps_what_is_there(tmp_path: Path) -> None:
    """The server runs it again when it was killed in between; another cluster's file must not be replaced."""
    source, folder = tmp_path / "source", tmp_path / "archive"
    folder.mkdir()
    source.write_text("one")
    source.chmod(0o600)  # as the server makes its files
    command = archive_settings(folder)["archive_command"].replace("%p", str(source)).replace("%f", "0" * 24)
    assert [subprocess.run(["sh", "-c", command], check=False).returncode for _ in range(2)] == [0, 0]
    source.write_text("two")
    assert subprocess.run(["sh", "-c", command], check=False).returncode != 0
    assert (folder / ("0" * 24)).read_text() == "one"
    assert (folder / ("0" * 24)).stat().st_mode & 0o777 == 0o640, "the server's user is hardly ours"


def test_the_command_says_what_the_server_needs_and_what_is_missing(tmp_path: Path, settings: LazySettings) -> None:
    settings.CLAW_WAL_DIR = ""
    with pytest.raises(CommandError, match="CLAW_WAL_DIR"):
        call_command("postgreslog", "settings")
    settings.CLAW_WAL_DIR = "/var/lib/archive"
    told = StringIO()
    call_command("postgreslog", "settings", stdout=told)
    assert "archive_mode = 'on'" in told.getvalue()
    assert told.getvalue().startswith("# /var/lib/archive needs a group")
    settings.CLAW_HOME = tmp_path
    settings.CLAW_BACKUP_DIR = str(tmp_path / "store")
    own_identity()
    with pytest.raises(CommandError, match="No store has a base backup"):
        call_command("postgreslog", "recover", str(tmp_path / "data"))


def test_as_far_as_the_log_goes_is_no_moment_that_a_server_waits_for(tmp_path: Path) -> None:
    """A server that finds the end of its log before the moment that it was given does not start."""
    clusters._tell_server(tmp_path, END)
    assert "recovery_target_time = ''" in (tmp_path / "postgresql.auto.conf").read_text()
