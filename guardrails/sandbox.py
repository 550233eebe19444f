"""The sandbox of bubblewrap: the system read-only, a few directories, no network unless told, gone with its parent.

Whether it works on this machine is tried once; nothing here pretends that there is one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from clawsite.core.errors import NotConfigured

PATH = "/usr/local/bin:/usr/bin:/bin"
_BASE = ("--unshare-all", "--die-with-parent", "--new-session", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp")  # noqa: S108

# Where the private keys of the machine's certificates lie, below what is shown.
_KEYS = Path("/etc/ssl/private")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sandbox:
    """Demands a sandbox. `writable` directories keep what is written; all else is read-only or gone at the end."""

    writable: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    network: bool = False


@cache
def find_sandbox() -> str | None:
    """Return the path of a bubblewrap that works on this machine, or None. Tried once in a process."""
    program = shutil.which("bwrap", path=PATH)
    if program is None:
        return None
    try:
        trial = subprocess.run(
            [program, *_BASE, "--ro-bind", "/usr", "/usr", *_links(), "/usr/bin/true"],
            env={},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return program if trial.returncode == 0 else None


def has_sandbox() -> bool:
    """Whether programs can be shut into a sandbox here."""
    return find_sandbox() is not None


def _links() -> list[str]:
    """Show /bin, /lib and the like as the system has them: links into /usr on a merged system, else the directories."""
    shown: list[str] = []
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        path = Path("/", name)
        if path.is_symlink():
            shown += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            shown += ["--ro-bind", str(path), str(path)]
    return shown


def sandbox_argv(sandbox: Sandbox, *, cwd: Path, env: Mapping[str, str]) -> list[str]:
    """Return what to put before a program's arguments; raise NotConfigured where there is no sandbox."""
    program = find_sandbox()
    if program is None:
        raise NotConfigured("This needs the sandbox of bubblewrap, which does not work on this machine.")
    argv = [program, *_BASE, "--clearenv", "--ro-bind", "/usr", "/usr", *_links()]
    argv += ["--ro-bind-try", "/etc/alternatives", "/etc/alternatives", "--ro-bind-try", "/etc/ssl", "/etc/ssl"]
    if _KEYS.is_dir():  # a service that runs as root could read them
        argv += ["--tmpfs", str(_KEYS)]
    if sandbox.network:
        argv += ["--share-net", "--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf"]
        argv += ["--ro-bind-try", "/etc/hosts", "/etc/hosts"]
    for path in (*sandbox.readable, *(() if cwd in sandbox.writable else (cwd,))):
        argv += ["--ro-bind", str(path), str(path)]
    for path in sandbox.writable:
        argv += ["--bind", str(path), str(path)]
    for name, value in env.items():
        argv += ["--setenv", name, value]
    return [*argv, "--chdir", str(cwd), "--"]
