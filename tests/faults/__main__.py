"""Prints what the tests of faults have reached: TESTS_REACHED=FILE ./test ..., then python -m tests.faults FILE."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.faults.table import to_markdown


def main() -> None:
    """Print the table for the files that are named."""
    notes = [line for name in sys.argv[1:] for line in Path(name).read_text(encoding="utf-8").splitlines()]
    sys.stdout.write(to_markdown(notes) + "\n")


if __name__ == "__main__":
    main()
