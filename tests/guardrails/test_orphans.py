"""A caller that is killed at any moment of a sandbox's first steps: nothing of it is left, and nothing begins."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from guardrails.processes import has_sandbox
from tests.clawsite.running import until
from tests.programs import ROOT

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(not has_sandbox(), reason="needs bubblewrap"),
]

# The alarm ends a process in the kernel, wherever it is: that of the last argument comes when the program may begin.
CALLERS = """
import os, signal, sys
from pathlib import Path
from guardrails.processes import Sandbox, has_sandbox, run

folder, token, *moments = sys.argv[1:]
assert has_sandbox()
for moment in map(float, moments):
    if not os.fork():
        if moment:
            signal.setitimer(signal.ITIMER_REAL, moment)
        check = None if moment else lambda: os.kill(os.getpid(), signal.SIGKILL)
        argv = ["sh", "-c", f"echo $$ >>began; sleep {token}"]
        run(argv, cwd=Path(folder), sandbox=Sandbox(writable=(Path(folder),)), check=check)
        os._exit(0)
    os.wait()
"""
# So that other runs of this test on the same machine have others.
TOKEN = f"600.{os.getpid()}"


def ours() -> list[psutil.Process]:
    """Return what runs with our token."""
    return [each for each in psutil.process_iter(["cmdline"]) if TOKEN in " ".join(each.info["cmdline"] or ())]


def is_empty(process: psutil.Process) -> bool:
    """Whether it is a bubblewrap whose parent died a moment after making it: it waits for that, with nothing inside."""
    try:
        return process.name() == "bwrap" and not process.children() and process.status() == psutil.STATUS_SLEEPING
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def swept() -> Iterator[None]:
    """Leave nothing behind."""
    yield
    for process in ours():
        with suppress(psutil.NoSuchProcess):
            process.kill()


@pytest.mark.usefixtures("swept")
def test_a_program_does_not_outlive_a_caller_that_is_killed(tmp_path: Path) -> None:
    # The last ones come when a program is at work, also on a machine with much else to do.
    moments = [f"{milliseconds / 1000}" for milliseconds in (*range(1, 40), 100, 400, 2000)] + ["0"] * 5
    subprocess.run([sys.executable, "-c", CALLERS, str(tmp_path), TOKEN, *moments], cwd=ROOT, check=True, timeout=60)
    until(lambda: all(map(is_empty, ours())), seconds=60, what="the end of all that they started")
    assert (tmp_path / "began").exists()  # some came that far
