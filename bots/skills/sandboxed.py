"""One run of a skill's function in a process of its own: the system read-only, the skill's files, and nothing else."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from clawsite.core.errors import ClawError, Unavailable
from guardrails.processes import Bounds, Limits, run
from guardrails.sandbox import Sandbox

TOOLS_FILE = "tools.py"
LIMITS = Limits(
    seconds=20.0,
    cpu_seconds=10,
    memory_bytes=1024**3,
    file_bytes=8 * 1024**2,
    open_files=64,
    output_bytes=512 * 1024,
    bounds=Bounds(tasks=32, memory_bytes=1024**3),
)


def run_function(
    folder: Path, function: str, arguments: Mapping[str, Any], answers: Sequence[str]
) -> tuple[str | None, Any]:
    """Run it with the answers to what it yielded before. Returns (its text, None) or (None, what it yields next).

    Blocks, so call it in a thread. Raises ClawError when it fails, takes too long or says too much.
    """
    job = {"file": str(folder / TOOLS_FILE), "function": function, "arguments": arguments, "answers": list(answers)}
    program = Path(sys.executable).resolve()
    done = run(
        [str(program), "-I", "-S", "-B", "-X", "utf8", "-c", _program()],
        cwd=folder,
        stdin=json.dumps(job).encode(),
        limits=LIMITS,
        sandbox=Sandbox(readable=_python()),
    )
    if done.excess:
        raise ClawError(f"The skill's tool used too much and was ended: {done.excess}.")
    if done.timed_out:
        raise Unavailable(f"The skill's tool took longer than {LIMITS.seconds:.0f} seconds.", retryable=False)
    if done.truncated:
        raise ClawError("The skill's tool said more than it may.")
    return _read(done.stdout)


def _read(output: bytes) -> tuple[str | None, Any]:
    try:
        answer = json.loads(output)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise ClawError("The skill's tool ended without an answer.")
    if isinstance(answer.get("error"), str):
        raise ClawError(f"The skill's tool failed: {answer['error']}")
    if isinstance(answer.get("text"), str):
        return answer["text"], None
    return None, answer.get("request")


@cache
def _program() -> str:
    return (Path(__file__).parent / "child.py").read_text(encoding="utf-8")


@cache
def _python() -> tuple[Path, ...]:
    """Return what must be seen of a Python that does not lie in /usr."""
    home = Path(sys.base_prefix).resolve()
    return () if home.is_relative_to("/usr") else (home,)
