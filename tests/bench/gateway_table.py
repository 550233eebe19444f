"""The figures of the gateway as Markdown: beside the floor's and, when it was measured too, OpenClaw's, with ratios."""

from __future__ import annotations

from collections.abc import Iterator

from tests.bench.gateways import OVERLOAD, Figures
from tests.bench.markdown import markdown
from tests.bench.timing import median_ms, p95_ms

OURS, FLOOR, THEIRS = "ours", "floor", "OpenClaw"
NONE = "–"
Row = tuple[str, ...]


def to_gateway_table(found: dict[str, Figures]) -> str:
    """Two tables: good answers under load, and all the rest."""
    head: Row = ("good answers: method, connections x in flight", OURS, FLOOR, "of the floor")
    more: Row = ("what", OURS)
    if THEIRS in found:
        head, more = (*head, THEIRS, "times OpenClaw's"), (*more, THEIRS, "ratio")
    return "\n".join(
        [markdown(head, list(_loads(found))), "", markdown(more, [row[: len(more)] for row in _rest(found)])]
    )


def _loads(found: dict[str, Figures]) -> Iterator[Row]:
    ours, floor, theirs = found[OURS], found[FLOOR], found.get(THEIRS)
    for method, loads in ours.loads.items():
        for load in loads:
            name = f"{method}, {load[0]} x {load[1]}{' (overload)' if load == OVERLOAD else ''}"
            rate = ours.rate(method, load)
            row: Row = (name, _rate(ours, method, load), _rate(floor, method, load))
            row = (*row, f"{rate / floor.rate(method, load):.0%}")
            if theirs is not None:
                row = (*row, _rate(theirs, method, load), _times(rate, theirs, method, load))
            yield row
        if OVERLOAD in loads:
            yield _overload(found, method)


def _overload(found: dict[str, Figures], method: str) -> Row:
    """What is left under overload of the best of the other loads; the columns of ratios stay empty."""
    shares = {name: f"{each.rate(method, OVERLOAD) / each.best(method):.0%}" for name, each in found.items()}
    theirs = (shares[THEIRS], "") if THEIRS in shares else ()
    return (f"{method}, overload / the best", shares[OURS], shares[FLOOR], "", *theirs)


def _rate(figures: Figures, method: str, load: tuple[int, int]) -> str:
    """Good answers per second, the median latency and the 95th percentile, and how many were refused."""
    found = figures.loads[method].get(load)
    if found is None:
        return NONE
    refused = sum(found.refused.values())
    share = f"; {refused / (refused + len(found.latencies)):.0%} refused" if refused else ""
    return f"{found.per_second:,.0f}/s ({found.percentile_ms(0.5):.1f}, p95 {found.percentile_ms(0.95):.1f} ms{share})"


def _times(rate: float, theirs: Figures, method: str, load: tuple[int, int]) -> str:
    """How many times theirs a rate is; nothing where they were not measured or gave no good answer at all."""
    found = theirs.loads[method].get(load)
    return f"{rate / found.per_second:.1f} x" if found is not None and found.latencies else ""


def _rest(found: dict[str, Figures]) -> Iterator[Row]:
    ours, theirs = found[OURS], found.get(THEIRS, Figures())
    yield _compare("start to the first connect", ours.start_seconds, theirs.start_seconds, "{:.2f} s")
    yield _compare("processor time of the start", ours.start_cpu_seconds, theirs.start_cpu_seconds, "{:.1f} s")
    yield _compare("memory at rest (PSS)", ours.memory_mb, theirs.memory_mb, "{:.0f} MB")
    for count, idle in ours.idle.items():
        other = theirs.idle.get(count)
        kb, health = (other.kb_each, other.health_ms) if other else (0.0, 0.0)
        yield _compare(f"memory of each of {count:,} idle connections", idle.kb_each, kb, "{:.0f} KB")
        yield _compare(f"health, median, beside {count:,} idle connections", idle.health_ms, health, "{:.2f} ms")
    for count, taken in ours.turns.items():
        name = f"message to the end of its answer at the last of {count:,} listeners, median"
        yield _compare(name, median_ms(taken), median_ms(theirs.turns.get(count, [0.0])), "{:.0f} ms")
    for messages, milliseconds in ours.by_history.items():
        yield f"chat.history with {messages:,} messages", f"{milliseconds:.1f} ms", NONE, ""
    for count, delays in ours.events.items():
        text = f"{median_ms(delays):.1f} ms (p95 {p95_ms(delays):.1f} ms)"
        yield f"a job's event to each of {count:,} subscribers, median", text, NONE, ""
    if ours.first_lines:
        text = f"{median_ms(ours.first_lines):.1f} ms (p95 {p95_ms(ours.first_lines):.1f} ms)"
        yield "jobs.start to the job's first line, median", text, NONE, ""


def _compare(name: str, ours: float, theirs: float, form: str) -> Row:
    """A row of two values of which the smaller is better; nothing was measured where theirs is not above 0."""
    if theirs <= 0:
        return name, form.format(ours), NONE, ""
    return name, form.format(ours), form.format(theirs), f"1 / {theirs / ours:.1f}"
