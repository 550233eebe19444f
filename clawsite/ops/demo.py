"""`up --demo`: the product against the emulators of the two outside APIs, in a state directory of its own.

The environment must be set before settings are read, so this module imports nothing of Django.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import MutableMapping, Sequence
from pathlib import Path

TOKEN = "100000:demo-token-of-the-local-emulator-0000"  # noqa: S105 - known to the emulator on this machine only
HOME = "~/.clawsite-demo"
OPTION = "--demo"
PEOPLE = ("Alice", "Bob")
_MARK = "CLAW_DEMO_PORTS"


def set_demo_environment(argv: Sequence[str], environment: MutableMapping[str, str]) -> None:
    """Point settings at the emulators when the command line asks for the demo."""
    if argv[1:2] != ["up"] or OPTION not in argv:
        return
    telegram, messages = _free_port(), _free_port()
    environment.setdefault("CLAW_HOME", HOME)
    environment.update(
        {
            _MARK: f"{telegram},{messages}",
            "TELEGRAM_API_URL": f"http://127.0.0.1:{telegram}",
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_MODE": "polling",
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{messages}",
            "ANTHROPIC_API_KEY": "demo",
        }
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def emulator_commands(environment: MutableMapping[str, str]) -> dict[str, list[str]]:
    """Return the command line of each emulator by name."""
    telegram, messages = environment[_MARK].split(",")
    start = [sys.executable, "-m"]
    people = [word for name in PEOPLE for word in ("--user", name)]
    pace = ["--deltas", "100", "--pause", "0.06"]
    return {
        "telegram emulator": [*start, "tests.servers.telegram", "--port", telegram, "--token", TOKEN, *people],
        "messages emulator": [*start, "tests.servers.messages", "--port", messages, *pace],
    }


def exec_emulator(command: list[str], directory: Path) -> int:
    """Become the emulator; does not return."""
    os.chdir(directory)
    os.execv(command[0], command)  # noqa: S606 - an argument list, no shell
