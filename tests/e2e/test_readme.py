"""The README's example of a program, exactly as it is printed there, against a running installation."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.stack import ROOT, running_stack

TOKEN = "the-token-of-the-readme-test"
EXAMPLE = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.mark.faults
def test_the_example_runs_as_it_is_printed(tmp_path: Path) -> None:
    (program,) = EXAMPLE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    lines = [line for line in program.splitlines() if line.strip()]

    with running_stack(tmp_path / "home", {"CLAW_GATEWAY_TOKEN": TOKEN}) as stack:
        ran = subprocess.run(
            [sys.executable, "-c", program, f"ws://127.0.0.1:{stack.port}"],
            cwd=ROOT,
            env={"CLAW_GATEWAY_TOKEN": TOKEN, "PATH": ""},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert (ran.returncode, ran.stderr) == (0, "")
    told = ran.stdout.splitlines()
    assert [line.split()[:2] for line in told[:2]] == [["1", "state"], ["2", "state"]]
    assert told[-1].startswith("succeeded ")
    assert len(lines) <= 20
