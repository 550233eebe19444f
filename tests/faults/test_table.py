"""The table of faults names tests that exist, the long ones under the mark that leaves them out of every run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_name("TABLE.md")
FAULTS = 20
NAME = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


class Line(NamedTuple):
    """One fault: its number, and the tests that show it, short and long."""

    number: int
    short: list[tuple[str, str]]
    long: list[tuple[str, str]]


def read_table() -> list[Line]:
    """Return the lines of the table."""
    rows = [line.split("|")[1:-1] for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    found = [(number.strip(), short, long) for number, _, short, long in rows if number.strip().isdigit()]
    return [Line(int(number), NAME.findall(short), NAME.findall(long)) for number, short, long in found]


@cache
def find_tests(file: str) -> dict[str, bool]:
    """Return the tests of a module, and whether each is marked as a soak."""
    path = ROOT / file
    body = ast.parse(path.read_text(encoding="utf-8")).body if path.exists() else []
    whole = any("mark.soak" in ast.unparse(node) for node in body if isinstance(node, ast.Assign))
    functions = [node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {
        each.name: whole or any("mark.soak" in ast.unparse(mark) for mark in each.decorator_list) for each in functions
    }


def wrong_names(*, long: bool) -> Iterator[str]:
    """Yield the names of a column that are no test, or a test of the other column."""
    for line in read_table():
        for file, name in line.long if long else line.short:
            if find_tests(file).get(name) is not long:
                yield f"{line.number}: {file}::{name}"


def test_every_fault_has_its_line() -> None:
    assert [line.number for line in read_table()] == list(range(1, FAULTS + 1))


def test_every_name_is_a_test() -> None:
    assert list(wrong_names(long=False)) == []


def test_long_ones_run_only_when_asked_for() -> None:
    assert list(wrong_names(long=True)) == []
