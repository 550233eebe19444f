"""Versions with known defects, of Python, of its libraries and of the programs that are called."""

from __future__ import annotations

import re
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from importlib import metadata

from django.conf import settings
from django.db import connection

from clawsite.checks import SOUND_SQLITE
from clawsite.ops.doctor.finding import Finding, bad, fine, note, warn
from guardrails.processes import Limits, run

AREA = "versions"
# The first releases in which tarfile's data filter could not be led out of its folder (CVE-2025-4517 and others).
SOUND_TARFILE = {(3, 11): 13, (3, 12): 11, (3, 13): 4}
# Before it every redis client had its own default of how long a silent socket lives; 8 closes it after five seconds.
REDIS_WITH_SHORT_SOCKETS = 8
LEAST_GIT = (2, 38)  # merges without a working tree
LEAST_BUBBLEWRAP = (0, 8)  # forbids further user namespaces
_LIMITS = Limits(seconds=10.0)
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)")
_NUMBER = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


def examine() -> Iterator[Finding]:
    """Compare what is installed with what is known."""
    found = [*_sqlite(), *_postgres(), *_python(), *_redis(), *_packages(), *_programs()]
    yield from found or [
        fine(AREA, f"Python {sys.version.split()[0]}, its libraries and programs have no known fault.")
    ]


def _sqlite() -> Iterator[Finding]:
    if settings.CLAW_ON_SQLITE and sqlite3.sqlite_version_info < SOUND_SQLITE:
        sound = ".".join(str(number) for number in SOUND_SQLITE)
        yield warn(
            AREA,
            f"SQLite {sqlite3.sqlite_version} can, very rarely, damage its file when two processes write at once.",
            f"Use a Python with SQLite {sound} or later, or PostgreSQL (DATABASE_URL), and keep backups.",
        )


def _postgres() -> Iterator[Finding]:
    """See that backups can be made of the server: its program reads none that is newer than itself."""
    if settings.CLAW_ON_SQLITE:
        return
    dump, server = _version_of("pg_dump", "--version"), _server_version()
    advice = f"Install the package postgresql-client-{server}, or give the image one."
    if dump is None:
        yield bad(AREA, "pg_dump is not installed, so no backup can be made.", advice)
    elif dump[0] < server:
        yield bad(AREA, f"pg_dump {_text(dump)} makes no backup of PostgreSQL {server}.", advice)


def _server_version() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        return int(cursor.fetchone()[0]) // 10_000


def _python() -> Iterator[Finding]:
    sound = SOUND_TARFILE.get(sys.version_info[:2])
    if sound is not None and sys.version_info[2] < sound:
        wanted = f"{sys.version_info[0]}.{sys.version_info[1]}.{sound}"
        yield note(
            AREA,
            f"tarfile of Python {sys.version.split()[0]} can be led out of its folder. Nothing here unpacks with it.",
            f"Update Python to {wanted} or later, for other programs' sake.",
        )


def _redis() -> Iterator[Finding]:
    version = installed("redis")
    if settings.REDIS_URL and version and int(version.split(".")[0]) >= REDIS_WITH_SHORT_SOCKETS:
        yield bad(
            AREA,
            f"redis-py {version} closes sockets that are silent for five seconds.",
            "Install the locked version: .venv/bin/pip install --require-hashes -r requirements.txt",
        )


def _packages() -> Iterator[Finding]:
    """Compare the installed packages with the lock that this version was tested with."""
    lock = settings.BASE_DIR / "requirements.txt"
    if not lock.is_file():
        return
    pins: dict[str, list[str]] = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        if found := _PIN.match(line):  # a package may have one version for each version of Python
            pins.setdefault(found[1], []).append(found[2])
    have = {name: installed(name) for name in pins}
    wrong = [f"{name} {have[name]}" for name, locked in pins.items() if have[name] and have[name] not in locked]
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        yield warn(
            AREA,
            f"Other versions are installed than those that were tested: {', '.join(wrong[:5])}{more}.",
            "Run ./run, which installs the locked ones.",
        )


def installed(name: str) -> str:
    """Return the version of an installed package, "" when it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _programs() -> Iterator[Finding]:
    git = _version_of("git", "--version")
    if git is None:
        yield warn(AREA, "git is not installed, so there are no projects.", "Install git.")
    elif git < LEAST_GIT:
        yield warn(AREA, f"git {_text(git)} is older than {_text(LEAST_GIT)}; merges need that.", "Update git.")
    bubblewrap = _version_of("bwrap", "--version")
    if bubblewrap is not None and bubblewrap < LEAST_BUBBLEWRAP:
        yield note(
            AREA,
            f"bubblewrap {_text(bubblewrap)} cannot forbid programs to make user namespaces of their own.",
            f"Update bubblewrap to {_text(LEAST_BUBBLEWRAP)} or later.",
        )


def _version_of(program: str, option: str) -> tuple[int, ...] | None:
    path = shutil.which(program)
    if path is None:
        return None
    said = run([path, option], cwd=settings.BASE_DIR, limits=_LIMITS)
    found = _NUMBER.search(said.stdout.decode(errors="replace"))
    return tuple(int(part) for part in found.groups() if part) if found else None


def _text(version: tuple[int, ...]) -> str:
    return ".".join(str(number) for number in version)
