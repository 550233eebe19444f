"""A ledger outside of the database that tells when each job ran, so that two processes on one job would be seen.

Run as a program it is `manage.py` with the ledger's kinds of job, and with commands of their own.
"""

from __future__ import annotations

import os
import sys
import time
from collections import defaultdict
from importlib import import_module
from itertools import pairwise
from pathlib import Path

BEAT_SECONDS = 0.02


def write(path: str, *words: object) -> None:
    """Add a line in one piece: the machine's clock, this process, and what is told."""
    line = " ".join(map(str, (time.monotonic(), os.getpid(), *words))) + "\n"
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(handle, line.encode())
    os.close(handle)


def read(path: Path) -> dict[str, dict[int, list[float]]]:
    """Return the moments at which each job ran, by job and process."""
    found: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    if path.exists():
        for line in path.read_text(encoding="ascii").splitlines():
            moment, pid, key, _ = line.split(" ")
            found[key][int(pid)].append(float(moment))
    return found


def overlaps(path: Path) -> list[str]:
    """Return the jobs that two processes ran at once."""
    found = []
    for key, runs in read(path).items():
        spans = sorted((min(moments), max(moments)) for moments in runs.values())
        if any(begin < before for (_, before), (begin, _) in pairwise(spans)):
            found.append(key)
    return found


def shorten_queue() -> None:
    """Give the queue's tasks the time limit of LEDGER_QUEUE_SECONDS, if there is one, and deliver them again soon."""
    seconds = int(os.environ.get("LEDGER_QUEUE_SECONDS", "0"))
    if seconds:
        settings = import_module("django.conf").settings
        settings.Q_CLUSTER |= {"timeout": seconds, "retry": seconds + 1}


def main() -> None:
    """Run a command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clawsite.settings")
    shorten_queue()
    import_module("django").setup()
    kinds = import_module("tests.runbooks.ledger_kinds")
    kinds.register()
    own = kinds.COMMANDS.get(sys.argv[1])
    if own is not None:
        own()
    else:
        import_module("django.core.management").execute_from_command_line(["manage.py", *sys.argv[1:]])


if __name__ == "__main__":
    main()
