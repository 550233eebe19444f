"""The client needs nothing of Django, and is there at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import json, sys, time
began = time.process_time()
sum(n * n for n in range(1_000_000))
unit, began = time.process_time() - began, time.process_time()
from clawsite.rpc import GatewayClient, GatewayRegistry, GatewayTarget, connect
took = (time.process_time() - began) / unit
print(json.dumps({"took": took, "modules": sorted({name.split(".")[0] for name in sys.modules})}))
"""


def run(program: str) -> dict[str, object]:
    """Return what a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    )
    return dict(json.loads(done.stdout))


def test_the_client_is_imported_without_django_and_quickly() -> None:
    found = [run(PROGRAM) for _ in range(3)]
    modules = found[0]["modules"]

    assert isinstance(modules, list)
    assert not {"django", "channels", "pydantic", "anthropic"} & set(modules)
    assert min(float(str(one["took"])) for one in found) < 4, "as much as four million squares"


def test_the_server_does_not_carry_the_client() -> None:
    program = "import json, sys; import clawsite.rpc.frames; print(json.dumps({'m': 'websockets' in sys.modules}))"

    assert run(program) == {"m": False}


def test_every_public_name_is_there() -> None:
    program = "import json, clawsite.rpc as r; print(json.dumps({n: getattr(r, n).__name__ for n in r.__all__}))"
    found = run(program)

    assert {name: name for name in found} == found
