"""The threat model names tests: each of them exists, and no threat stands there without one."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
COLUMNS = 3


@cache
def names_in(path: str) -> frozenset[str]:
    """Return the names of the tests in a file."""
    if not (ROOT / path).is_file():
        return frozenset()
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    found = (node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(found)


def page() -> str:
    return (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def threats() -> list[list[str]]:
    """Return the rows of the tables of threats."""
    text = page().partition("## Threats")[2].partition("## What is left")[0]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [row for row in rows if row[0] not in ("threat", "---")]


def test_every_named_test_exists() -> None:
    missing = [f"{path}::{name}" for path, name in NAMED.findall(page()) if name not in names_in(path)]

    assert missing == []


def test_every_threat_is_answered_and_shown() -> None:
    assert len(threats()) > 40
    assert [row[0] for row in threats() if len(row) != COLUMNS or not NAMED.search(row[2])] == []
