"""The state directory: whose it is, who can read it, what it lies on, and how much room is left."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from django.conf import settings

from clawsite.core.env import secret_files
from clawsite.ops.doctor.finding import Finding, bad, fine, note, warn

AREA = "files"
DISK = "disk"
PRIVATE = ("secret.key", "encryption.key", "backup.key", "clawsite.env",
           "clawsite.sqlite3", "clawsite.sqlite3-wal", "clawsite.sqlite3-shm")  # fmt: skip
FOLDERS = ("media", "run", "logs", "workspaces", "backups", "skills", "config")
# The queue, the log of changes and a backup in the making want room at once.
BAD_BYTES, WARN_BYTES = 256 * 1024**2, 2 * 1024**3
WARN_SHARE = 0.1
# SQLite's locks and shared memory do not work on these; the last two are how WSL2 shows the disks of Windows.
NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "ceph", "glusterfs", "9p", "drvfs"})
FLEETING = frozenset({"tmpfs", "ramfs", "overlay"})


def examine() -> Iterator[Finding]:
    """Look at owners and rights. What others can read is closed by the mend."""
    home: Path = settings.CLAW_HOME
    found = [*_home(home), *_private(home), *_folders(home), *_secret_files()]
    yield from found or [fine(AREA, f"{home} belongs to this user alone.")]


def _home(home: Path) -> Iterator[Finding]:
    status = home.stat()
    if status.st_uid != os.geteuid():
        yield bad(AREA, f"{home} belongs to another user.", f"Run: chown -R {_me()} {home}")
    elif status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield warn(AREA, f"Others can look into {home}.", f"Run: chmod 700 {home}", _closing(home, 0o700))
    if not os.access(home, os.W_OK | os.X_OK):
        yield bad(AREA, f"{home} cannot be written to.", "Give its user the right to, or set CLAW_HOME.")


def _private(home: Path) -> Iterator[Finding]:
    """Keys and database are to be closed by themselves, also where nobody else can enter the folder."""
    for name in PRIVATE:
        path = home / name
        if path.is_file() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield warn(AREA, f"Others can read {path}.", f"Run: chmod 600 {path}", _closing(path, 0o600))


def _folders(home: Path) -> Iterator[Finding]:
    for path in (home / name for name in FOLDERS):
        if path.is_dir() and not os.access(path, os.W_OK | os.X_OK):
            yield bad(AREA, f"{path} cannot be written to.", f"Run: chown -R {_me()} {path}")
        elif path.is_dir() and path.stat().st_mode & stat.S_IWOTH:
            yield bad(AREA, f"Everybody can write to {path}.", f"Run: chmod 700 {path}", _closing(path, 0o700))


def _secret_files() -> Iterator[Finding]:
    for name, path in secret_files().items():
        if path.exists() and path.stat().st_mode & stat.S_IROTH:
            yield bad(AREA, f"Everybody can read {path}, which {name}_FILE names.", f"Run: chmod o-r {path}")


def _closing(path: Path, mode: int) -> Callable[[], str]:
    return partial(_close, path, mode)


def _close(path: Path, mode: int) -> str:
    path.chmod(mode)
    return f"{path} is now {mode:o}: its owner's alone."


def _me() -> str:
    return str(os.geteuid())


def examine_disk() -> Iterator[Finding]:
    """Look at the room that is left, and at the kind of file system."""
    home: Path = settings.CLAW_HOME
    usage = shutil.disk_usage(home)
    room = f"{usage.free / 1024**3:.1f} GiB of {usage.total / 1024**3:.0f} GiB are free for {home}"
    advice = "Make room: old backups, logs and media lie below CLAW_HOME; or move CLAW_HOME to a larger disk."
    if usage.free < BAD_BYTES:
        yield bad(DISK, f"Only {room}.", advice)
    elif usage.free < WARN_BYTES or usage.free < usage.total * WARN_SHARE:
        yield warn(DISK, f"Only {room}.", advice)
    else:
        yield fine(DISK, f"{room}.")
    nodes = os.statvfs(home)
    if nodes.f_files and nodes.f_favail < nodes.f_files * 0.02:
        yield bad(DISK, "Almost no inodes are left, so no file can be made.", "Remove many small files on this disk.")
    yield from _kind(home)


def _kind(home: Path) -> Iterator[Finding]:
    kind = file_system(home)
    if kind in NETWORK and settings.CLAW_ON_SQLITE:
        yield bad(
            DISK,
            f"{home} lies on a {kind} file system, where SQLite can lose or damage data.",
            "Move CLAW_HOME to a disk of this machine (in WSL2 below /home), or use PostgreSQL (DATABASE_URL).",
        )
    if kind in FLEETING:
        yield note(DISK, f"{home} lies on {kind}: it is gone with this machine or container.", "Mount a volume there.")


def file_system(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """Return the kind of the file system that a path lies on; "" where that cannot be told."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    found = [(fields[4], rest.split()[0]) for line in lines for fields, rest in [_split(line)] if rest]
    here = [(place, kind) for place, kind in found if path.resolve().is_relative_to(place)]
    return max(here, key=lambda entry: len(entry[0]), default=("", ""))[1]


def _split(line: str) -> tuple[list[str], str]:
    first, _, rest = line.partition(" - ")
    fields = first.split()
    return (fields, rest) if len(fields) > 4 else ([""] * 5, "")
