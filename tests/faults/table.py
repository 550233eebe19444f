"""The table of faults (TABLE.md), and the one of the README that says what their tests have reached."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.markdown import markdown

TABLE = Path(__file__).with_name("TABLE.md")
NAME = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
NOTHING = "-"


class Line(NamedTuple):
    """One fault: its number, what happens, and the tests that show it, short and long."""

    number: int
    fault: str
    short: list[tuple[str, str]]
    long: list[tuple[str, str]]


def read_table() -> list[Line]:
    """Return the lines of the table."""
    rows = [line.split("|")[1:-1] for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    found = [[cell.strip() for cell in row] for row in rows if row[0].strip().isdigit()]
    return [Line(int(number), fault, NAME.findall(short), NAME.findall(long)) for number, fault, short, long in found]


def to_markdown(notes: Iterable[str]) -> str:
    """Return the table of the README for lines of JSON; of a test that ran more than once the last ones count."""
    told: dict[int, dict[tuple[str, str], str]] = {line.number: {} for line in read_table()}
    for note in map(json.loads, notes):
        told[note["row"]][note["test"], note["done"]] = f"{note['done']}: {_figures(note['figures'])}"
    rows = [(str(each.number), each.fault, "; ".join(told[each.number].values()) or NOTHING) for each in read_table()]
    return markdown(("#", "what is done to it", "what was reached (bound)"), rows)


def _figures(figures: list[dict[str, Any]]) -> str:
    return ", ".join(_figure(**figure) for figure in figures)


def _figure(name: str, value: float, unit: str, most: float | None) -> str:
    """Return a figure in words; a bound that is zero is told by the figure."""
    space = " " if unit else ""
    bound = f" ({_number(most)}{space}{unit})" if most else ""
    return f"{name} {_number(value)}{space}{unit}{bound}"


def _number(value: float) -> str:
    """Return a number with as many digits as say something."""
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.2g}"
