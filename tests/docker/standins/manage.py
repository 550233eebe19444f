"""Stands for a release where only docker/deploy is tested: it is ready at once, and does what files beside it say.

`hold-COMMAND` stops a command until it is removed, once `at-COMMAND` says that it has come so far; `fail-COMMAND` holds
the code it ends with. `up` listens as the supervisor does, and `hold-stop` lets it take its time to stop.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def hold(command: str) -> None:
    """Wait as long as a file says so."""
    while (FOLDER / f"hold-{command}").exists():
        (FOLDER / f"at-{command}").touch()
        time.sleep(0.02)


def find_code(command: str) -> int:
    """Return the code to end with."""
    file = FOLDER / f"fail-{command}"
    return int(file.read_text()) if file.exists() else 0


def listen() -> None:
    """Answer that all is well until told to stop; stop at once when there is something wrong with this version."""
    signal.signal(signal.SIGTERM, stop)
    if code := find_code("up"):
        sys.exit(code)
    with socket.create_server((os.environ["CLAW_HOST"], int(os.environ["CLAW_PORT"]))) as server:
        note_start()
        while True:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                text = FOLDER.name.encode()
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))


def stop(_number: int, _frame: object) -> None:
    """End in good order."""
    hold("stop")
    sys.exit(0)


def note_start() -> None:
    """Write the record that the supervisor writes."""
    started = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    folder = Path(os.environ["CLAW_RUN_DIR"])
    folder.mkdir(exist_ok=True)
    (folder / "supervisor.json").write_text(json.dumps({"pid": os.getpid(), "started": started}))


if __name__ == "__main__":
    hold(sys.argv[1])
    if sys.argv[1] == "up":
        listen()
    print(f"{sys.argv[1]} of {FOLDER.name}")
    sys.exit(find_code(sys.argv[1]))
