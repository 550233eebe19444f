"""Lines below a heading, drawn as the branches of a tree."""

from __future__ import annotations

from collections.abc import Sequence


def tree(lines: Sequence[str]) -> list[str]:
    """Return the lines with a branch before each, the last one closed."""
    return [*(f"├── {line}" for line in lines[:-1]), *(f"└── {line}" for line in lines[-1:])]
