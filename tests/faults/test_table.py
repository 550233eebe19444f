"""The table of faults names tests that exist, the long ones under the mark that leaves them out of every run."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.faults.table import read_table, to_markdown

ROOT = Path(__file__).resolve().parents[2]
FAULTS = 20


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


def test_what_was_reached_becomes_a_table() -> None:
    figures = [
        {"name": "taken over after", "value": 8.13, "unit": "s", "most": 75},
        {"name": "lost", "value": 0, "unit": "", "most": 0},
    ]
    note = {"row": 3, "test": "tests/a.py::test_b", "done": "frozen for 120 s", "figures": figures}
    earlier = note | {"figures": []}
    table = to_markdown([json.dumps(earlier), json.dumps(note)]).splitlines()
    assert len(table) == 2 + FAULTS
    assert table[4].endswith("| frozen for 120 s: taken over after 8.1 s (75 s), lost 0 |")
    assert table[5].endswith("| - |")
