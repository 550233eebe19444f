"""The lines of an environment: the end of its log file, or what its command prints. Without secrets, and bounded.

A file lies below the environment's directory and is reached without following a link; `current/` stands for the
release that is there now.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from clawsite.core.errors import BadInput
from guardrails.paths import open_beneath
from guardrails.redact import redact
from runbooks.models import Environment
from runbooks.workspaces.deploys.programs import run_argv
from runbooks.workspaces.deploys.releases import CURRENT, current_commit, release_path
from runbooks.workspaces.manifest import Logs
from runbooks.workspaces.roots import environment_root, make_directory

TAIL_BYTES = 256 * 1024
WHOLE_BYTES = 5 * 1024**2
MAX_LINES = 500


def read_logs(
    environment: Environment, logs: Logs | None, *, most: int = TAIL_BYTES, check: Callable[[], None] | None = None
) -> str:
    """Return the end of an environment's log, at most so many bytes; BadInput when it names none or has none yet."""
    if logs is None:
        raise BadInput(f"claw.yaml names no logs for {environment.name}.")
    data = _read_file(environment, logs.file, most) if logs.file else _read_command(environment, logs, most, check)
    return redact(data.decode("utf-8", "replace"))


def last_lines(text: str, count: int) -> list[str]:
    """Return the last lines of a text."""
    return text.splitlines()[-max(1, min(count, MAX_LINES)) :]


def _read_file(environment: Environment, name: str, most: int) -> bytes:
    root = environment_root(environment.project, environment.name)
    first, _, rest = name.partition("/")
    if first == CURRENT:
        name = f"releases/{current_commit(environment.project, environment.name) or '-'}/{rest}"
    try:
        with open_beneath(root, name) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - most))
            return _whole_lines(file.read(most), cut=size > most)
    except FileNotFoundError:
        raise BadInput(f"There is no log of {environment.name} yet.") from None


def _whole_lines(data: bytes, *, cut: bool) -> bytes:
    """Without the rest of a line that begins before: half a secret is not recognized as one."""
    return data.partition(b"\n")[2] if cut else data


def _read_command(environment: Environment, logs: Logs, most: int, check: Callable[[], None] | None) -> bytes:
    done = run_argv(
        environment.project,
        logs.argv,
        tree=_place(environment),
        seconds=logs.seconds,
        host=environment.host,
        check=check,
    )
    output = done.stdout or done.stderr
    return _whole_lines(output[-most:], cut=len(output) > most)


def _place(environment: Environment) -> Path:
    """Return where the command runs: in the release that is there, or in an empty directory."""
    project, name = environment.project, environment.name
    commit = current_commit(project, name)
    release = release_path(project, name, commit) if commit else None
    if release is not None and release.is_dir():
        return release
    return make_directory(environment_root(project, name) / "empty")
