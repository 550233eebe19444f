"""`python -m tests.soak [--minutes 120]`: load an installation and print what grew. Ends with 1 beyond a limit."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import django

from tests import environment  # first, because no soak may touch a real installation

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clawsite.settings")


def main() -> int:
    """Run one."""
    parser = argparse.ArgumentParser(prog="tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=120.0)
    arguments = parser.parse_args()
    django.setup()
    run = import_module("tests.soak.run")
    with tempfile.TemporaryDirectory(prefix="clawsite-soak-") as folder:
        figures = run.soak(Path(folder), minutes=arguments.minutes, tell=lambda text: print(text, flush=True))
    environment.pytest_unconfigure()
    print(run.to_table(figures))
    return 0 if all(figure.good for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
