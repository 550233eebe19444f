"""The sandbox of bubblewrap: the system read-only, a few directories, no network unless told, gone with its parent.

Whether it works on this machine is tried once; nothing here pretends that there is one. Inside, nobody is root and
nothing gives rights back: a user namespace with another user, no capabilities, and no further user namespaces. All that
can be written besides the directories asked for is /tmp and /dev/shm, both of a limited size. Where this installation
lies below /usr it is not shown. /proc is read-only as a
whole: to a process that is root outside, the kernel's settings below /proc/sys stay open even without capabilities,
and bubblewrap does not always cover them.

With its own network there are neither sockets of the machine nor abstract ones; with the machine's there are both.
Bubblewrap before 0.8 cannot forbid further user namespaces, before 0.7 not limit /tmp; a machine that forbids user
namespaces altogether has a sandbox for root only, then without capabilities but with root's name on files.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings

from clawsite.core.errors import NotConfigured

PATH = "/usr/local/bin:/usr/bin:/bin"
TMP_BYTES = 512 * 1024**2

_BASE = ("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--proc", "/proc", "--dev", "/dev")
_CLOSED = ("--remount-ro", "/dev", "--remount-ro", "/proc", "--remount-ro", "/")
_NOBODY = ("--unshare-user", "--uid", "1000", "--gid", "1000")
# From the strictest down; the first that works here is the one.
_WAYS = (
    (*_NOBODY, "--disable-userns"),
    _NOBODY,
    (),
)

# Where the private keys of the machine's certificates lie, below what is shown.
_KEYS = Path("/etc/ssl/private")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sandbox:
    """Demands a sandbox. `writable` directories keep what is written; all else is read-only or gone at the end."""

    writable: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    network: bool = False
    tmp_bytes: int = TMP_BYTES


@dataclass(frozen=True, slots=True)
class Way:
    """How bubblewrap is called here. `sized`: whether it can limit the size of what is written to memory."""

    program: str
    options: tuple[str, ...]
    sized: bool

    def scratch(self, size: int) -> list[str]:
        """Return the options for what may be written without being kept."""
        limit = ["--size", str(size)] if self.sized else []
        return [*limit, "--tmpfs", "/tmp", *limit, "--tmpfs", "/dev/shm"]  # noqa: S108


@cache
def find_sandbox() -> Way | None:
    """Return the strictest way in which bubblewrap works on this machine, or None. Tried once in a process."""
    program = shutil.which("bwrap", path=PATH)
    if program is None:
        return None
    ways = (Way(program, options, sized) for options in _WAYS for sized in (True, False))
    return next((way for way in ways if _works(way)), None)


def _works(way: Way) -> bool:
    shown = ["--ro-bind", "/usr", "/usr", *_links()]
    argv = [way.program, *way.options, *_BASE, *way.scratch(TMP_BYTES), *shown, *_CLOSED, "--", "/usr/bin/true"]
    try:
        trial = subprocess.run(argv, env={}, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return trial.returncode == 0


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


def _ours() -> list[Path]:
    """Return where this installation and its state lie below what is shown, which may be /usr/src or /usr/local."""
    if not settings.configured:  # a program that is no part of an installation
        return []
    found = (Path(path).resolve() for path in (settings.BASE_DIR, settings.CLAW_HOME))
    return [path for path in found if path.is_relative_to("/usr") and path.is_dir()]


def sandbox_argv(sandbox: Sandbox, *, cwd: Path, env: Mapping[str, str], told: int = -1, held: int = -1) -> list[str]:
    """Return what to put before a program's arguments; raise NotConfigured where there is no sandbox.

    To the descriptor `told` bubblewrap writes, as JSON, which process is the first one inside; for `held` it waits
    until somebody writes there or the other end is closed.
    """
    way = find_sandbox()
    if way is None:
        raise NotConfigured("This needs the sandbox of bubblewrap, which does not work on this machine.")
    argv = [way.program, *way.options, *_BASE, *way.scratch(sandbox.tmp_bytes), "--clearenv"]
    argv += [part for name, fd in (("info", told), ("block", held)) if fd >= 0 for part in (f"--{name}-fd", str(fd))]
    argv += ["--ro-bind", "/usr", "/usr", *_links()]
    argv += ["--ro-bind-try", "/etc/alternatives", "/etc/alternatives", "--ro-bind-try", "/etc/ssl", "/etc/ssl"]
    if _KEYS.is_dir():  # a service that runs as root could read them
        argv += ["--tmpfs", str(_KEYS), "--remount-ro", str(_KEYS)]
    if sandbox.network:
        argv += ["--share-net", "--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf"]
        argv += ["--ro-bind-try", "/etc/hosts", "/etc/hosts"]
    ours = _ours()
    for path in ours:
        argv += ["--tmpfs", str(path)]
    for path in (*sandbox.readable, *(() if cwd in sandbox.writable else (cwd,))):
        argv += ["--ro-bind", str(path), str(path)]
    for path in sandbox.writable:
        argv += ["--bind", str(path), str(path)]
    for name, value in env.items():
        argv += ["--setenv", name, value]
    for path in ours:
        argv += ["--remount-ro", str(path)]
    return [*argv, *_CLOSED, "--chdir", str(cwd), "--"]
