"""What the gateway costs: ours beside the floor (its own server answering a constant) and beside OpenClaw's.

All in one run on one machine, one after the other with nothing else running. The counts of connections and of requests
in flight are those of the published measurement of OpenClaw; each server holds the same conversation.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from tests.bench.callers import Caller, drive
from tests.bench.gateways import (
    LOADS,
    OVERLOAD,
    SEQUENTIAL,
    Figures,
    Idle,
    Server,
    open_floor,
    open_ours,
    open_theirs,
    raise_file_limit,
)
from tests.bench.listening import measure_events, measure_first_lines, measure_turns
from tests.bench.timing import median_ms
from tests.bench.turns import ANSWER, fill_history
from tests.faults.stack import wait_for
from tests.interop.installed import Installed
from tests.servers.messages import MessagesServer

KEY, CHAT = "agent:main:bench", "env/bench"
METHODS: dict[str, dict[str, Any]] = {
    "health": {},
    "sessions.list": {},
    "chat.history": {"sessionKey": KEY, "limit": 50},
}
TURNS, ROUNDS, CALLS = 25, 2, 200


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


def measure_idle(server: Server, figures: Figures, steps: tuple[int, ...]) -> None:
    """Hold so many connections that do nothing, then more, and see what each takes and how long an answer does."""
    before = server.memory_mb()
    callers: list[Caller] = []
    for count in steps:
        callers += server.callers(count - len(callers))
        kb_each = (server.memory_mb() - before) * 1024 / count
        (asking,) = server.callers(1)
        taken = [time_call(asking, "health") for _ in range(CALLS)]
        asking.close()
        figures.idle[count] = Idle(kb_each=kb_each, health_ms=median_ms(taken))
    # Nobody reads here, so a server gives up those that it has asked in vain for a sign of life.
    assert all(caller.is_open() for caller in callers), "it took too long to open them all"
    for caller in callers:
        caller.close()


def time_call(caller: Caller, method: str, params: dict[str, Any] | None = None) -> float:
    """Return how many seconds a call takes."""
    begin = time.perf_counter()
    caller.call(method, params)
    return time.perf_counter() - begin


def measure_history(server: Server, figures: Figures, home: Path, *, grown: int) -> None:
    """Read the end of the session before and after it has grown, each time with a limit that no cache has seen."""
    caller, messages = server.callers(1)[0], 2 * TURNS
    for step, more in enumerate((200, grown)):
        fill_history(home, chat=CHAT, messages=more)
        messages += more
        limits = range(100 + step, 200, 2)
        taken = [time_call(caller, "chat.history", {"sessionKey": KEY, "limit": limit}) for limit in limits]
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
    idle: tuple[int, ...] = (2000, 5000),
    grown: int = 100_000,
    listeners: tuple[int, ...] = (1, 200),
) -> dict[str, Figures]:
    """Measure all in one run, by server: the floor, ours, and OpenClaw when it is installed."""
    raise_file_limit()
    found: dict[str, Figures] = {}
    with MessagesServer().running() as model:
        model.set_default(ANSWER)
        tell("ours alone: its start and idle connections")
        with open_ours(home, model) as (server, figures):
            found["ours"] = figures
            measure_idle(server, figures, idle)
        with open_ours(home, model, "bots") as (server, _):
            tell("ours: load")
            converse(server)
            sizes = answer_sizes(server)
            measure(server, figures, *loads, seconds=seconds, rounds=rounds)
            tell("ours: listeners, a long history")
            measure_turns(server, figures, key=KEY, listeners=listeners)
            measure_history(server, figures, home, grown=grown)
        if listeners:
            tell("ours: jobs")
            run_jobs_bench(home, model, figures, listeners=listeners)
        tell("the floor: load")
        with open_floor(home, sizes) as floor:
            found["floor"] = Figures()
            measure(floor, found["floor"], *loads, seconds=seconds, rounds=rounds)
        if installed is not None:
            tell("OpenClaw: its start, twice, and idle connections")
            with open_theirs(installed, model) as (server, figures):
                found["OpenClaw"] = figures
                if listeners:
                    measure_idle(server, figures, idle)
                tell("OpenClaw: load, listeners")
                converse(server)
                measure(server, figures, *their_loads, seconds=seconds, rounds=their_rounds)
                measure_turns(server, figures, key=KEY, listeners=listeners)
    return found


def run_jobs_bench(home: Path, model: MessagesServer, figures: Figures, *, listeners: tuple[int, ...]) -> None:
    """Measure how soon jobs and their events are there, with a worker beside the web role and without Redis."""
    with open_ours(home, model, "worker") as (server, _):
        measure_first_lines(server, figures)
        measure_events(server, figures, listeners=listeners)


def tell(what: str) -> None:
    """Say on the terminal what is measured now."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)
