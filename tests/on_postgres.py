"""Runs tests again on the database that DATABASE_URL names: `python -m tests.on_postgres PATH ...`.

Started as a process of its own: settings are read here, before pytest removes such variables from the environment.
"""

from __future__ import annotations

import sys

import django
import pytest
from django.conf import settings

MARKS = "not services and not faults"


def main() -> int:
    """Return pytest's exit code; refuse to run on SQLite, where it would prove nothing."""
    django.setup()
    if settings.CLAW_ON_SQLITE:
        print("DATABASE_URL must name a PostgreSQL database.", file=sys.stderr)
        return 2
    options = ["-q", "-m", MARKS, "--create-db", "-o", f"cache_dir={settings.CLAW_HOME}/cache"]
    return int(pytest.main([*options, *sys.argv[1:]]))


if __name__ == "__main__":
    sys.exit(main())
