"""`up --demo`: the product against the emulators of the two outside APIs, in a state directory of its own, and an
example of a system to watch, with Prometheus and Alertmanager where those are installed.

The environment must be set before settings are read, so this module imports nothing of Django.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import sys
from collections.abc import MutableMapping, Sequence
from contextlib import ExitStack
from pathlib import Path

TOKEN = "100000:demo-token-of-the-local-emulator-0000"  # noqa: S105 - known to the emulator on this machine only
HOME = "~/.clawsite-demo"
OPTION = "--demo"
PEOPLE = ("Alice", "Bob")
PORT = "18789"
# Program of each, as Debian calls it.
MONITORS = {"prometheus": "prometheus", "alertmanager": "prometheus-alertmanager"}
PACKAGES = "prometheus prometheus-alertmanager"
SERVERS = ("telegram", "messages", "guardian", *MONITORS)
_MARK = "CLAW_DEMO_PORTS"


def set_demo_environment(argv: Sequence[str], environment: MutableMapping[str, str]) -> None:
    """Point settings at the emulators when the command line asks for the demo."""
    if argv[1:2] != ["up"] or OPTION not in argv:
        return
    ports = dict(zip(SERVERS, _free_ports(len(SERVERS)), strict=True))
    environment.setdefault("CLAW_HOME", HOME)
    environment.update(
        {
            _MARK: ",".join(str(ports[name]) for name in SERVERS),
            "TELEGRAM_API_URL": f"http://127.0.0.1:{ports['telegram']}",
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_MODE": "polling",
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{ports['messages']}",
            "ANTHROPIC_API_KEY": "demo",
            "ALERTMANAGER_WEBHOOK_TOKEN": secrets.token_urlsafe(24),
        }
    )


def demo_servers(environment: MutableMapping[str, str]) -> dict[str, str]:
    """Return host and port of each server of the demo by name, without Prometheus and Alertmanager where they are
    not installed; {} when this is no demo.
    """
    ports = environment.get(_MARK, "")
    found = {name: f"127.0.0.1:{port}" for name, port in zip(SERVERS, ports.split(","), strict=True)} if ports else {}
    return {name: place for name, place in found.items() if name not in MONITORS or _monitors()}


def _monitors() -> dict[str, str]:
    """Return the paths of the programs that watch the example system; {} unless all are there."""
    paths = {name: shutil.which(program) for name, program in MONITORS.items()}
    found = {name: path for name, path in paths.items() if path}
    return found if len(found) == len(MONITORS) else {}


def _free_ports(count: int) -> list[int]:
    """Return so many ports, each another one: all are held until the last is found."""
    with ExitStack() as held:
        found = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(each.getsockname()[1]) for each in found]


def emulator_commands(environment: MutableMapping[str, str]) -> dict[str, list[str]]:
    """Return the command line of each server of the demo by name."""
    places = demo_servers(environment)
    port = {name: place.rpartition(":")[2] for name, place in places.items()}
    start = [sys.executable, "-m"]
    people = [word for name in PEOPLE for word in ("--user", name)]
    pace = ["--deltas", "100", "--pause", "0.06"]
    return {
        "telegram emulator": [*start, "tests.servers.telegram", "--port", port["telegram"], "--token", TOKEN, *people],
        "messages emulator": [*start, "tests.servers.messages", "--port", port["messages"], *pace],
        "transaction guardian": [
            *start, "tests.servers.guardian", "--port", port["guardian"], "--restart-seconds", "3",
        ],
        **{name: _monitor(name, binary, places, environment) for name, binary in _monitors().items()},
    }  # fmt: skip


def _monitor(name: str, binary: str, places: dict[str, str], environment: MutableMapping[str, str]) -> list[str]:
    """Return how Prometheus or Alertmanager is started beside the example system."""
    home = Path(environment["CLAW_HOME"]).expanduser().absolute()
    hears = {
        "prometheus": ["--guardian", places["guardian"], "--alertmanager", places["alertmanager"]],
        "alertmanager": [
            "--webhook", f"http://127.0.0.1:{environment.get('CLAW_PORT') or PORT}/webhook/alertmanager",
            f"--token={environment['ALERTMANAGER_WEBHOOK_TOKEN']}",  # it may begin with a dash
        ],
    }  # fmt: skip
    where = ["--port", places[name].rpartition(":")[2], "--directory", str(home / "demo" / name)]
    return [sys.executable, "-m", "tests.servers.guardian.watch", name, binary, *where, *hears[name]]


def exec_emulator(command: list[str], directory: Path) -> int:
    """Become the emulator; does not return."""
    os.chdir(directory)
    os.execv(command[0], command)  # noqa: S606 - an argument list, no shell
