"""Real Redis and PostgreSQL, and the emulators as processes: started on free ports, stopped without a trace.

Invariant: what is started here dies with the test run, also when that is killed (Linux), and writes below a
temporary directory only.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Self

import psutil
import psycopg
from psycopg import sql

from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 90.0
STOP_SECONDS = 30.0


class ServiceError(RuntimeError):
    """A service did not start; the text ends with what it printed."""


class Service(ABC):
    """One process with a log file, which can be killed, frozen and started again on its port."""

    name = "service"
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    ready_seconds: ClassVar[float] = READY_SECONDS

    def __init__(self, *, directory: Path | None = None) -> None:
        self.directory = directory or Path(tempfile.mkdtemp(prefix=f"{self.name}-"))
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """What to run, as an argument list."""

    def is_ready(self) -> bool:
        return answers(self.port)

    def start(self) -> None:
        """Start and wait until it answers; raises ServiceError after 90 s (`ready_seconds`)."""
        self._spawn()
        deadline = time.monotonic() + self.ready_seconds
        while not self.is_ready():
            assert self.process is not None
            if self.process.poll() is not None or time.monotonic() > deadline:
                output = self.log()[-2000:]
                self.kill()
                raise ServiceError(f"{self.name} did not start: {output}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Ask it to stop, kill it after 30 s."""
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(signal.SIGCONT)
        process.send_signal(self.stop_signal)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait(STOP_SECONDS)

    def freeze(self) -> None:
        """Stop it, and return when it has: on a busy machine it may answer once more after the signal."""
        running = self._running()
        running.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, running.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        self._running().send_signal(signal.SIGCONT)

    def family(self) -> list[psutil.Process]:
        """Return the process and its children, none when it does not run."""
        with contextlib.suppress(psutil.NoSuchProcess):
            if self.process is not None:
                top = psutil.Process(self.process.pid)
                return [top, *top.children(recursive=True)]
        return []

    def log(self) -> str:
        path = self.directory / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def remove(self) -> None:
        """Stop and leave nothing behind."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _running(self) -> subprocess.Popen[bytes]:
        if self.process is None:
            raise ServiceError(f"{self.name} is not running")
        return self.process

    def _spawn(self, *, user: str | None = None) -> None:
        options = [*leash(self.stop_signal), *identity(user)]
        command = [*(["setpriv", *options] if options else []), *self.command()]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.directory if user else ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @classmethod
    @contextlib.contextmanager
    def running(cls, *args: str | int) -> Iterator[Self]:
        """A started service that is removed at the end of the block."""
        service = cls(*args)
        try:
            service.start()
            yield service
        finally:
            service.remove()


class RedisService(Service):
    """A Redis that keeps nothing on disk: after `kill` and `start` it is empty."""

    name = "redis"

    def __init__(self, binary: str, databases: int = 16) -> None:
        super().__init__()
        self.binary = binary
        self.databases = databases

    @property
    def server(self) -> str:
        """What the URL of each of its databases begins with."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.server}/0"

    def command(self) -> list[str]:
        quiet = ["--save", "", "--appendonly", "no", "--daemonize", "no", "--dir", str(self.directory)]
        size = ["--databases", str(self.databases)]
        return [self.binary, "--port", str(self.port), "--bind", "127.0.0.1", *size, *quiet]

    def is_ready(self) -> bool:
        return answers(self.port, send=b"PING\r\n", expect=b"+PONG")


class PostgresService(Service):
    """A PostgreSQL cluster of its own, without fsync; as root it runs as an unprivileged user."""

    name = "postgres"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # a fast shutdown; SIGTERM would wait for clients

    def __init__(self, postgres: str, initdb: str, *, connections: int = 200) -> None:
        super().__init__()
        self.postgres = postgres
        self.initdb = initdb
        self.connections = connections
        self.user = unprivileged_user()
        self.data = self.directory / "data"
        self._before = 0

    def command(self) -> list[str]:
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.directory,
            "fsync": "off",
            # Off, a commit may be lost when the server is killed, which the tests of crashes do.
            "synchronous_commit": "on",
            "full_page_writes": "off",
            "max_connections": self.connections,
            "shared_buffers": "64MB",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [self.postgres, "-D", str(self.data), *options]

    def start(self) -> None:
        if not self.data.exists():
            self._create_cluster()
        self._before = len(self.log())  # by the server that ran before
        super().start()

    def is_ready(self) -> bool:
        return "ready to accept connections" in self.log()[self._before :] and answers(self.port)

    @property
    def server(self) -> str:
        """What every DATABASE_URL of it begins with."""
        return f"postgres://clawsite@127.0.0.1:{self.port}"

    def url(self, database: str = "postgres") -> str:
        """A DATABASE_URL over TCP."""
        return f"{self.server}/{database}"

    def database(self, name: str) -> str:
        """Make a database, which holds what the template of this server holds, and return its DATABASE_URL."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def kill(self) -> None:
        """SIGKILL to the postmaster and its children, as when the machine loses power."""
        children = psutil.Process(self._running().pid).children(recursive=True) if self.process else []
        super().kill()
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        psutil.wait_procs(children, timeout=STOP_SECONDS)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def copy_data(self, place: Path) -> None:
        """Copy the cluster of a server that was stopped, or leave nothing there."""
        half = place.with_name(f"{place.name}.half")
        shutil.rmtree(half, ignore_errors=True)
        subprocess.run(["cp", "-a", str(self.data), str(half)], check=True)
        half.rename(place)

    def take_data(self, place: Path) -> None:
        """Begin with the cluster that another server left there."""
        self._own_directory()
        subprocess.run(["cp", "-a", str(place), str(self.data)], check=True)

    def _spawn(self, *, user: str | None = None) -> None:
        super()._spawn(user=self.user if user is None else user)

    def _own_directory(self) -> None:
        if self.user is not None:
            account = pwd.getpwnam(self.user)
            os.chown(self.directory, account.pw_uid, account.pw_gid)

    def _create_cluster(self) -> None:
        self._own_directory()
        options = ["--auth=trust", "--username=clawsite", "--encoding=UTF8", "--locale=C", "--no-sync"]
        command = [*(["setpriv", *identity(self.user)] if self.user else []), self.initdb, "-D", str(self.data)]
        done = subprocess.run(
            [*command, *options],
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise ServiceError(f"initdb failed: {done.stderr[-2000:]}")


class EmulatorProcess(Service):
    """One of our emulators in a process of its own: `EmulatorProcess("telegram", "--user", "Alice")`."""

    def __init__(self, emulator: str, *options: str) -> None:
        self.name = emulator
        super().__init__()
        self.options = options

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        return [sys.executable, "-m", f"tests.servers.{self.name}", "--port", str(self.port), *self.options]


def answers(port: int, *, send: bytes = b"", expect: bytes = b"") -> bool:
    """Whether something listens on a port, and (with `expect`) says that to `send`."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
            if expect:
                connection.sendall(send)
                return connection.recv(len(expect)) == expect
            return True
    except OSError:
        return False


def unprivileged_user() -> str | None:
    """The user for what refuses to run as root; None when we are not root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise ServiceError("PostgreSQL refuses to run as root, and there is no user postgres or nobody")


def identity(user: str | None) -> list[str]:
    """Options of setpriv that run a command as another user."""
    if user is None:
        return []
    account = pwd.getpwnam(user)
    return [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]


def leash(number: signal.Signals) -> list[str]:
    """Options of setpriv that send a process this signal when we die; none where there is no setpriv."""
    return ["--pdeathsig", number.name] if shutil.which("setpriv") else []
