"""What machines carry by what a turn costs them: pure arithmetic, for the tables of ARCHITECTURE.md."""

from __future__ import annotations

from dataclasses import dataclass

from tests.bench.capacity import DATABASE, REDIS, Capacity, Costs
from tests.bench.markdown import markdown

SECOND = 1000.0
# So much of a machine is planned for: the rest is for peaks, backups and people who look.
PLANNED = 0.7
CORES = 2
NAMES = ("bots", "web", "worker", "queue", "supervisor", DATABASE, REDIS)


@dataclass(frozen=True, kw_only=True)
class Carried:
    """How many turns a second machines of two cores carry, and what is full then."""

    turns: float
    full: str


def carries(costs: Costs, *, machines: int = 1) -> Carried:
    """What machines carry together when the database is elsewhere. A role is one process, so it has one core."""
    by_role = SECOND / costs.of("bots")
    by_cores = CORES * SECOND / costs.of_roles()
    full = "the bots process" if by_role < by_cores else "both cores"
    return Carried(turns=machines * PLANNED * min(by_role, by_cores), full=full)


def to_costs_table(found: Capacity) -> str:
    """What one turn, and one job, costs."""
    columns = (found.embedded, found.scaled, found.job)
    rows = [(name, *(f"{each.of(name):.1f} ms" for each in columns)) for name in NAMES]
    rows.append(("transactions, reads too", "", *(f"{each.transactions:.1f}" for each in columns[1:])))
    rows.append(("log of the database", "", *(f"{each.log_kb:.1f} KB" for each in columns[1:])))
    return markdown(("processor time of", "a turn, embedded", "a turn, PostgreSQL and Redis", "a job there"), rows)


def to_machines_table(found: Capacity) -> str:
    """What one machine carries, and ten would."""
    rows = [_row("one machine, embedded", found.embedded, 1)]
    rows += [_row(f"{count} of them, PostgreSQL elsewhere", found.scaled, count) for count in (1, 2, 10)]
    head = (
        "machines of two cores",
        "turns a second",
        "full first",
        "cores of PostgreSQL",
        "transactions a second",
        "log",
    )
    return markdown(head, rows)


def _row(name: str, costs: Costs, machines: int) -> tuple[str, ...]:
    carried = carries(costs, machines=machines)
    shared = ("", "", "")
    if costs.transactions:
        cores = carried.turns * costs.of(DATABASE) / SECOND / PLANNED
        log = carried.turns * costs.log_kb / 1024
        shared = (f"{cores:.1f}", f"{carried.turns * costs.transactions:.0f}", f"{log:.1f} MB/s")
    return name, f"{carried.turns:.0f}", carried.full, *shared
