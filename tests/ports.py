"""Ports for servers that tests start: no other test gets the same, in this process or in any other.

They lie below those that the kernel gives to connections going out, so none is taken between choice and use.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

PORTS = range(10_000, 32_768)

_taken: set[int] = set()
_file = -1


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on; it belongs to this process as long as that lives."""
    for port in random.sample(PORTS, len(PORTS)):
        if port not in _taken and _reserve(port) and _is_free(port):
            return port
    raise OSError("Every port that tests may use is taken.")


def _reserve(port: int) -> bool:
    """Lock one byte of a file that all test processes of this user share; the kernel frees it with the process."""
    global _file
    if _file < 0:
        path = Path(tempfile.gettempdir()) / f"clawsite-test-ports-{os.getuid()}"
        _file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.lockf(_file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    _taken.add(port)
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
