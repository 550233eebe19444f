"""What the gateway costs: ours beside the floor (its own server answering a constant) and beside OpenClaw's.

All in one run on one machine, one after the other with nothing else running. The counts of connections and of requests
in flight are those of the published measurement of OpenClaw; each server holds the same conversation.
"""

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
from typing import Any

import psutil

from tests.bench.callers import Caller, Load, drive
from tests.bench.timing import median_ms, pss_mb
from tests.bench.turns import ANSWER, fill_history
from tests.faults.stack import Program, product_environment, running_stack, wait_for
from tests.interop.installed import Installed
from tests.interop.openclaw import OpenClawService
from tests.ports import free_port
from tests.servers.messages import MessagesServer
from tests.servers.services import answers
from tests.servers.telegram import TelegramServer

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "bench-token-0123456789-abcdefghijklmnopqrstuvwxyz"
KEY, CHAT = "agent:main:bench", "env/bench"
METHODS: dict[str, dict[str, Any]] = {
    "health": {},
    "sessions.list": {},
    "chat.history": {"sessionKey": KEY, "limit": 50},
}
# Connections and requests in flight on each.
SEQUENTIAL, OVERLOAD = (1, 1), (50, 32)
LOADS = ((1, 32), (10, 8), (50, 4))
TURNS, ROUNDS = 25, 3
FILES = 20_000


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


@dataclass(kw_only=True)
class Figures:
    """What one server did. Rates are good answers per second by method and load; times in milliseconds or seconds."""

    loads: dict[str, dict[tuple[int, int], Load]] = field(default_factory=lambda: defaultdict(dict))
    start_seconds: float = 0.0
    start_cpu_seconds: float = 0.0
    memory_mb: float = 0.0
    idle_connections: int = 0
    idle_kb_each: float = 0.0
    by_history: dict[int, float] = field(default_factory=dict)

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


def converse(server: Server, *, turns: int = TURNS) -> None:
    """Give the session of the bench so many questions and answers."""
    caller = server.callers(1)[0]
    for number in range(turns):
        params = {"sessionKey": KEY, "message": f"question {number}", "idempotencyKey": f"bench-{number}"}
        caller.call("chat.send", params)
        wanted = 2 * (number + 1)
        wait_for(lambda: count_messages(caller) >= wanted, timeout=60, what="an answer")  # noqa: B023 - called at once
    caller.close()


def count_messages(caller: Caller) -> int:
    """How many messages of people and of the model the session holds."""
    messages = caller.call("chat.history", {"sessionKey": KEY, "limit": 200})["messages"]
    return sum(1 for message in messages if message["role"] in ("user", "assistant") and message["content"])


def measure(server: Server, figures: Figures, *loads: tuple[int, int], seconds: float, rounds: int = ROUNDS) -> None:
    """Put the loads on the server, each method for itself, in rounds; the best of them counts, for all servers alike.

    What else the machine does comes and goes, and would otherwise hit one load and not the other.
    """
    for method, params in METHODS.items():
        for _ in range(rounds):
            for connections, in_flight in loads:
                callers = server.callers(connections, method)
                drive(callers, method, params, in_flight=in_flight, seconds=seconds / 4)
                load = drive(callers, method, params, in_flight=in_flight, seconds=seconds)
                for caller in callers:
                    caller.close()
                best = figures.loads[method].get((connections, in_flight))
                if best is None or load.per_second > best.per_second:
                    figures.loads[method][connections, in_flight] = load


def measure_idle(server: Server, figures: Figures, *, connections: int) -> None:
    """Hold so many connections that do nothing, and see what each of them takes."""
    before = server.memory_mb()
    callers = server.callers(connections)
    figures.idle_connections = connections
    figures.idle_kb_each = (server.memory_mb() - before) * 1024 / connections
    for caller in callers:
        caller.close()


def measure_history(server: Server, figures: Figures, home: Path, *, grown: int) -> None:
    """Read the end of the session before and after it has grown, each time with a limit that no cache has seen."""
    caller, messages = server.callers(1)[0], 2 * TURNS
    for step, more in enumerate((200, grown)):
        fill_history(home, chat=CHAT, messages=more)
        messages += more
        taken = []
        for limit in range(100 + step, 200, 2):
            begin = time.perf_counter()
            caller.call("chat.history", {"sessionKey": KEY, "limit": limit})
            taken.append(time.perf_counter() - begin)
        # The best stretch counts: the history was just written, and the disk may still be at it.
        figures.by_history[messages] = min(median_ms(taken[start : start + 10]) for start in range(0, len(taken), 10))
    caller.close()


def answer_sizes(server: Server) -> dict[str, int]:
    """How long the answer to each method is, in bytes."""
    caller = server.callers(1)[0]
    sizes = {}
    for method, params in METHODS.items():
        caller.call(method, params)
        sizes[method] = caller.last_size
    caller.close()
    return sizes


def run_gateway_bench(
    home: Path,
    installed: Installed | None,
    *,
    loads: tuple[tuple[int, int], ...] = (SEQUENTIAL, *LOADS, OVERLOAD),
    their_loads: tuple[tuple[int, int], ...] = (SEQUENTIAL, *LOADS, OVERLOAD),
    rounds: int = ROUNDS,
    their_rounds: int = ROUNDS,
    seconds: float = 1.0,
    idle: int = 2000,
    grown: int = 100_000,
) -> dict[str, Figures]:
    """Measure all in one run, by server: the floor, ours, and OpenClaw when it is installed."""
    raise_file_limit()
    found: dict[str, Figures] = {}
    with MessagesServer().running() as model:
        model.set_default(ANSWER)
        with open_ours(home, model) as (_, figures):
            found["ours"] = figures
        with open_ours(home, model, "bots") as (server, _):
            converse(server)
            sizes = answer_sizes(server)
            measure(server, figures, *loads, seconds=seconds, rounds=rounds)
            measure_idle(server, figures, connections=idle)
            measure_history(server, figures, home, grown=grown)
        with open_floor(home, sizes) as floor:
            found["floor"] = Figures()
            measure(floor, found["floor"], *loads, seconds=seconds, rounds=rounds)
        if installed is not None:
            with open_theirs(installed, model) as (server, figures):
                converse(server)
                measure(server, figures, *their_loads, seconds=seconds, rounds=their_rounds)
                found["OpenClaw"] = figures
    return found
