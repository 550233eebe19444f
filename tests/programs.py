"""Programs that tests run and Python packages do not bring. A missing one is a visible skip, in CI a failure.

The list is .ci/programs, which ./test installs from.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / ".ci" / "programs"


def read_programs() -> dict[str, tuple[str, str]]:
    """Return the Debian package and the consequence of its absence for each program that tests may need."""
    lines = [line.split(maxsplit=2) for line in LIST.read_text(encoding="utf-8").splitlines()]
    return {line[0]: (line[1], line[2]) for line in lines if line and not line[0].startswith("#")}


def find_program(name: str) -> str | None:
    """Return the path of a program; Debian keeps those of PostgreSQL off PATH, and servers off that of a plain user."""
    elsewhere = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), Path("/usr/sbin")]
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(map(str, elsewhere)))


def need_program(name: str) -> str:
    """Return the path of a program of .ci/programs; skip the test without it, or fail it when CI=true."""
    package, consequence = read_programs()[name]
    path = find_program(name)
    if path is not None:
        return path
    say_missing(f"{name} is not on this machine: {consequence}. On Debian or Ubuntu: apt-get install {package}")


def say_missing(message: str) -> NoReturn:
    """Skip the test for want of what the message names, or fail it when CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
