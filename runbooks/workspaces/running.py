"""Running a command in the files of a project: in the sandbox, with only these files writable.

Inside, the Python of this installation and what lies in /usr can be read; its state, its secrets and its source cannot.
Where there is no sandbox nothing is run, unless an admin set CLAW_UNSANDBOXED: then only the limits hold, the result
says so, and what is run can read all that the service can.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from django.conf import settings

from clawsite.core.errors import NotConfigured
from guardrails.processes import Bounds, Completed, Limits, Sandbox, has_sandbox, run
from guardrails.sandbox import PATH
from runbooks.models import Project
from runbooks.workspaces.quotas import tree_bytes

TASKS = 256
MEMORY_BYTES = 3 * 1024**3
OPEN_FILES = 1024
# What every sandbox shows.
_SYSTEM = (Path("/usr"), Path("/usr/local"))

State = Literal["sandbox", "limits", "off"]


def sandbox_state() -> State:
    """Return what commands of projects run in: the sandbox, limits only, or nothing at all."""
    if has_sandbox():
        return "sandbox"
    return "limits" if settings.CLAW_UNSANDBOXED else "off"


def tree_limits(seconds: float) -> Limits:
    """Return what a command may use that runs so long. Address space is not limited, as node reserves much of it."""
    return Limits(
        seconds=seconds,
        cpu_seconds=max(1, int(seconds * 2) + 1),
        memory_bytes=0,
        file_bytes=tree_bytes(),
        open_files=OPEN_FILES,
        bounds=Bounds(tasks=TASKS, memory_bytes=MEMORY_BYTES, disk_bytes=2 * tree_bytes()),
    )


def run_in_tree(
    project: Project,
    argv: Sequence[str],
    *,
    tree: Path,
    seconds: float,
    check: Callable[[], None] | None = None,
    on_output: Callable[[bytes], None] | None = None,
    env: Mapping[str, str] | None = None,
    limits: Limits | None = None,
) -> Completed:
    """Run one program in a tree and return what it did; it has a network only if the project has one.

    Raises BadInput for what cannot be run, NotConfigured where there is no sandbox and none may be done without.
    `check` ends the run by raising. The caller checks what the tree holds afterwards (quotas.check_tree).
    """
    state = sandbox_state()
    if state == "off":
        raise NotConfigured("Commands of projects need the sandbox of bubblewrap, which does not work on this machine.")
    shown = toolchain()
    return run(
        argv,
        cwd=tree,
        env=_environment(shown) | dict(env or {}),
        limits=replace(limits or tree_limits(seconds), seconds=seconds),
        sandbox=_sandbox(project, tree, shown) if state == "sandbox" else None,
        check=check,
        on_output=on_output,
        with_parent=True,
    )


def _sandbox(project: Project, tree: Path, shown: tuple[Path, ...]) -> Sandbox:
    return Sandbox(writable=(tree,), readable=shown, network=project.network)


def toolchain() -> tuple[Path, ...]:
    """Return the directories of this installation's Python, but the system's; none that holds our state or source."""
    found = dict.fromkeys((Path(sys.prefix), Path(sys.base_prefix).resolve()))
    return tuple(path for path in found if path not in _SYSTEM and not _holds_ours(path))


def _holds_ours(path: Path) -> bool:
    return any(Path(ours).resolve().is_relative_to(path.resolve()) for ours in (settings.CLAW_HOME, settings.BASE_DIR))


def _environment(shown: Sequence[Path]) -> dict[str, str]:
    """Return the variables of a command: its home is gone when it ends, so that nothing of it gets into a commit."""
    programs = [str(path / "bin") for path in shown]
    return {
        "PATH": ":".join([*programs, PATH]),
        "HOME": "/tmp",  # noqa: S108
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "NO_COLOR": "1",
        "CI": "1",
    }
