"""A site where only docker/deploy itself is the product's: versions and proxy are stand-ins that start at once."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.faults.stack import wait_for
from tests.ports import free_port
from tests.programs import ROOT

STANDIN = Path(__file__).parent / "standins" / "manage.py"
PYTHON = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
SECONDS = 60.0
COLOURS = ("blue", "green")


@dataclass(frozen=True, kw_only=True)
class StandinSite:
    """One site below `root`; people reach it at `port`."""

    root: Path
    port: int
    ports: dict[str, int]

    def release(self, name: str, **files: str) -> Path:
        """Make a release; files are what its stand-in is told, by name with _ for -."""
        folder = self.root / name
        (folder / ".venv/bin").mkdir(parents=True)
        (folder / ".venv/bin/python").symlink_to(PYTHON)
        shutil.copy(STANDIN, folder)
        for file, text in files.items():
            (folder / file.replace("_", "-")).write_text(text)
        return folder

    def put_live(self, release: Path) -> None:
        """Have a release be live as blue, as a deployment would."""
        (self.root / "blue").symlink_to(release)
        (self.root / "upstream.conf").write_text("# live: blue\nmap $host $claw_colour { default blue; }\n")
        shutil.copy(self.root / "upstream.conf", self.root / "taken.conf")
        environment = {"CLAW_HOST": "127.0.0.1", "CLAW_PORT": str(self.ports["blue"])}
        subprocess.run(
            ["setsid", "--fork", PYTHON, self.root / "blue" / "manage.py", "up"],
            env={**os.environ, **environment, "CLAW_RUN_DIR": str(self.root / "run-blue")},
            check=True,
        )
        wait_for(self.who_runs, timeout=SECONDS, what="the first version")

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Start docker/deploy in a session of its own, as one has it at a terminal."""
        command = [sys.executable, "-S", str(ROOT / "docker/deploy"), "--config", str(self.root / "deploy.toml")]
        return subprocess.Popen(
            [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )

    def deploy(self, *arguments: str, code: int = 0) -> str:
        """Run docker/deploy to its end and return what it said."""
        with self.begin(*arguments) as begun:
            said, _ = begun.communicate(timeout=SECONDS)
        assert begun.returncode == code, said
        return said

    def kill_at(self, place: Path, *arguments: str) -> None:
        """Kill docker/deploy and what it waits for, once it is at what a file holds; let that one go on."""
        with self.begin(*arguments) as begun:
            wait_for((place.parent / f"at-{place.name}").exists, timeout=SECONDS, what=f"at {place.name}")
            os.killpg(begun.pid, signal.SIGKILL)
        (place.parent / f"hold-{place.name}").unlink()

    def who_serves(self) -> str:
        """Return the name of the release that people reach."""
        return self._ask(self.port)[1]

    def who_runs(self) -> list[str]:
        """Return the names of the releases that run."""
        return [text for port in self.ports.values() if (text := self._ask(port)[1])]

    @staticmethod
    def _ask(port: int) -> tuple[int, str]:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
            head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
            return int(head.split()[1]), body.decode()
        return 0, ""


@contextmanager
def standin_site(root: Path) -> Iterator[StandinSite]:
    """Yield a site where nothing is live yet; everything of it has ended afterwards."""
    (root / "upstream.conf").write_text("# nothing is live\n")
    ports = {colour: free_port() for colour in COLOURS}
    with _proxy(root / "taken.conf", ports) as port:
        reload = [
            "sh",
            "-c",
            f"cd {root}; while [ -e hold-reload ]; do touch at-reload; sleep 0.02; done; cp upstream.conf taken.conf",
        ]
        (root / "deploy.toml").write_text(
            f'kind = "processes"\nroot = "{root}"\nproxy = "http://127.0.0.1:{port}"\nreload = {reload}\n'
            + "".join(f'{colour} = "127.0.0.1:{number}"\n' for colour, number in ports.items())
            + "ready_seconds = 30\nsmoke_seconds = 30\nwatch_seconds = 0.3\n"
        )
        try:
            yield StandinSite(root=root, port=port, ports=ports)
        finally:
            for colour in COLOURS:
                with suppress(OSError, ValueError):
                    record = json.loads((root / f"run-{colour}" / "supervisor.json").read_text())
                    os.kill(record["pid"], signal.SIGKILL)


@contextmanager
def _proxy(file: Path, ports: dict[str, int]) -> Iterator[int]:
    """Send people to the colour that a file names, or to the other one when that does not listen, as nginx does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_forward, args=[server, file, ports])
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def _forward(server: socket.socket, file: Path, ports: dict[str, int]) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            request = connection.recv(4096)
            connection.sendall(_answer(request, _find_live(file), ports))


def _find_live(file: Path) -> str:
    found = re.search(r"default (\w+);", file.read_text()) if file.exists() else None
    return found[1] if found else "none"


def _answer(request: bytes, live: str, ports: dict[str, int]) -> bytes:
    if b" /-/colour " in request:
        return f"HTTP/1.0 200 OK\r\n\r\n{live}".encode()
    for colour in sorted(ports, key=lambda each: each != live):
        with suppress(OSError), socket.create_connection(("127.0.0.1", ports[colour]), timeout=10) as onward:
            onward.sendall(request)
            return onward.makefile("rb").read()
    return b"HTTP/1.0 502 Bad Gateway\r\n\r\n"
