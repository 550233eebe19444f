"""The servers that are measured, each alone: the floor, ours, and OpenClaw's gateway; and what is noted of each."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.bench.callers import Caller, Load
from tests.bench.timing import pss_mb
from tests.faults.stack import Program, product_environment, running_stack, wait_for
from tests.interop.installed import Installed
from tests.interop.openclaw import OpenClawService
from tests.ports import free_port
from tests.servers.messages import MessagesServer
from tests.servers.services import answers
from tests.servers.telegram import TelegramServer

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "bench-token-0123456789-abcdefghijklmnopqrstuvwxyz"
FILES = 20_000
# Connections and requests in flight on each.
SEQUENTIAL, OVERLOAD = (1, 1), (50, 32)
LOADS = ((1, 32), (10, 8), (50, 4))


@dataclass(kw_only=True)
class Server:
    """A gateway that is measured."""

    name: str
    port: int
    token: str
    pid: int
    sizes: dict[str, int] = field(default_factory=dict)

    def callers(self, count: int, method: str = "health") -> list[Caller]:
        """Open so many connections; the floor is told how long its answers are."""
        path = f"/{self.sizes[method]}" if self.sizes else "/"
        return [Caller(self.port, self.token, path=path) for _ in range(count)]

    def memory_mb(self) -> float:
        """The memory of the server and all it started, shared pages counted by their share."""
        top = psutil.Process(self.pid)
        return sum(pss_mb(process.pid) for process in [top, *top.children(recursive=True)])


@dataclass(frozen=True, kw_only=True)
class Idle:
    """What so many idle connections do: memory of each, and how long an answer takes meanwhile."""

    kb_each: float
    health_ms: float


@dataclass(kw_only=True)
class Figures:
    """What one server did. Rates are good answers per second by method and load; times in milliseconds or seconds."""

    loads: dict[str, dict[tuple[int, int], Load]] = field(default_factory=lambda: defaultdict(dict))
    start_seconds: float = 0.0
    start_cpu_seconds: float = 0.0
    memory_mb: float = 0.0
    idle: dict[int, Idle] = field(default_factory=dict)
    by_history: dict[int, float] = field(default_factory=dict)
    turns: dict[int, list[float]] = field(default_factory=dict)
    """Seconds from a message to the end of its answer at the last of so many who listen, by their number."""
    events: dict[int, list[float]] = field(default_factory=dict)
    """Seconds from a job's event to each of so many subscribers, by their number."""
    first_lines: list[float] = field(default_factory=list)
    """Seconds from jobs.start to the job's first line."""

    def rate(self, method: str, load: tuple[int, int]) -> float:
        """Good answers per second."""
        return self.loads[method][load].per_second

    def best(self, method: str) -> float:
        """The best rate below overload."""
        return max(self.rate(method, load) for load in self.loads[method] if load != OVERLOAD)


def raise_file_limit() -> None:
    """Let this process, and those that it starts, hold thousands of sockets."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def wait_hello(port: int, token: str, *, begin: float) -> float:
    """Wait until a connect is answered and return the seconds since the beginning."""

    def connects() -> bool:
        try:
            Caller(port, token).close()
        except OSError:
            return False
        return True

    wait_for(connects, timeout=90, what="a connect is answered")
    return time.perf_counter() - begin


@contextlib.contextmanager
def open_floor(home: Path, sizes: dict[str, int]) -> Iterator[Server]:
    """Run the floor, with answers as long as ours."""
    port = free_port()
    environment = os.environ | {"CLAW_HOME": str(home), "DJANGO_SETTINGS_MODULE": "clawsite.settings"}
    command = [sys.executable, "-m", "tests.bench.floor", str(port)]
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
        try:
            wait_for(lambda: answers(port), timeout=30, what="the floor")
            yield Server(name="floor", port=port, token=TOKEN, pid=process.pid, sizes=sizes)
        finally:
            process.kill()


@contextlib.contextmanager
def open_ours(home: Path, model: MessagesServer, *roles: str) -> Iterator[tuple[Server, Figures]]:
    """Run some of our roles, each alone as with another supervisor. The web role is the server that is measured."""
    figures, port = Figures(), free_port()
    with TelegramServer().running() as telegram:
        environment = product_environment(telegram, model) | {"CLAW_GATEWAY_TOKEN": TOKEN}
        with running_stack(home, environment):
            pass  # it makes the database and the rows that settings describe
        environment |= {"CLAW_PORT": str(port)}
        programs = {role: Program(home, environment, role, name=role) for role in ("web", *roles)}
        try:
            begin = time.perf_counter()
            for program in programs.values():
                program.start()
            figures.start_seconds = wait_hello(port, TOKEN, begin=begin)
            server = Server(name="ours", port=port, token=TOKEN, pid=programs["web"].pid)
            yield server, note_start(server, figures)
        finally:
            for program in programs.values():
                program.stop()


@contextlib.contextmanager
def open_theirs(installed: Installed, model: MessagesServer) -> Iterator[tuple[Server, Figures]]:
    """Run OpenClaw's gateway. It is started twice, so that its second start finds its caches as usual."""
    service, figures = OpenClawService(installed, model_url=model.url), Figures()
    try:
        service.start()
        service.stop()
        begin = time.perf_counter()
        service.start()
        figures.start_seconds = wait_hello(service.port, service.token, begin=begin)
        assert service.process is not None
        server = Server(name="OpenClaw", port=service.port, token=service.token, pid=service.process.pid)
        yield server, note_start(server, figures)
    finally:
        service.remove()


def note_start(server: Server, figures: Figures) -> Figures:
    """Note what the start has cost, once the server is at rest."""
    top = psutil.Process(server.pid)
    family = [top, *top.children(recursive=True)]
    figures.start_cpu_seconds = sum(sum(process.cpu_times()[:2]) for process in family)
    figures.memory_mb = server.memory_mb()
    return figures
