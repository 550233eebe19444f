"""The product as its users run it: programs in a state directory of their own, against emulators.

A `Stack` is `manage.py up`; it plays the service manager too: `keep_alive` starts the supervisor again when a test
killed it. A `Program` is one management command, such as `bots` alone, in the same directory.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import psutil

from tests.engine import is_scaled
from tests.ports import free_port
from tests.servers.messages import MessagesControl, MessagesServer
from tests.servers.telegram import TelegramControl, TelegramServer
from tests.template import put_database

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60.0
Telegram = TelegramControl | TelegramServer
Model = MessagesControl | MessagesServer


def wait_for(check: Callable[[], Any], *, timeout: float, what: str) -> Any:
    """Poll until the check is truthy and return its value."""
    deadline = time.monotonic() + timeout
    while not (value := check()):
        if time.monotonic() >= deadline:
            raise TimeoutError(f"{what}: not within {timeout} s")
        time.sleep(0.05)
    return value


def product_environment(telegram: Telegram, model: Model) -> dict[str, str]:
    """Return what points an installation at the emulators, with rates raised out of the way."""
    bot = telegram.bots()[0]
    return {
        "TELEGRAM_BOT_TOKEN": bot["token"],
        "TELEGRAM_API_URL": telegram.url,
        "ANTHROPIC_BASE_URL": model.url,
        "ANTHROPIC_API_KEY": "sk-ant-test-0000000000000000",
        "CLAW_MODELS": "claude-sonnet-5-5",
        "CLAW_CHAT_RATE": "1000",
        "CLAW_GROUP_RATE": "60000",
        "CLAW_BOT_RATE": "100000",
        "CLAW_USER_RATE": "100000",
    }


def is_at_work(process: psutil.Process) -> bool:
    """Tell whether a process lives; one that nobody has buried yet does not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


class Program:
    """One management command running in an installation. `home` is its state directory."""

    def __init__(self, home: Path, environment: Mapping[str, str], *arguments: str, name: str = "") -> None:
        self.home = home
        self.arguments = arguments
        self.log = home.parent / f"{name or home.name}.log"
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("CLAW_", "TELEGRAM_"))}
        own = {"CLAW_HOME": str(home), "CLAW_SELF_ALERTS": "no"}
        if is_scaled() and "DATABASE_URL" not in environment:
            own |= put_database(home)
        self.environment = kept | own | dict(environment)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; returns at once. The database is there already."""
        if "DATABASE_URL" not in self.environment:
            put_database(self.home)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", *self.arguments],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process that was started last."""
        assert self.process is not None
        return self.process.pid

    def is_running(self) -> bool:
        """Tell whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        os.kill(self.pid, number)

    def family(self) -> list[psutil.Process]:
        """Return the process and everything it started that still lives."""
        if self.process is None:
            return []
        try:
            top = psutil.Process(self.process.pid)
            return [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def manage(self, *arguments: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a management command in this installation."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def stop(self) -> int:
        """Stop as a service manager would and return the exit code (-1: not in time); whatever is left is killed."""
        if self.process is None:
            return 0
        family = self.family()
        if self.is_running():
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            return -1
        finally:
            for left in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    left.kill()

    def tail(self) -> str:
        """Return the end of the log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]


class Stack(Program):
    """One installation under its supervisor."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        super().__init__(home, {"CLAW_PORT": str(self.port)} | dict(environment), "up")

    def keep_alive(self) -> None:
        """Start the supervisor again when it is gone, as a service manager would."""
        if not self.is_running():
            self.start()

    def wait_ready(self, *, timeout: float = READY_SECONDS) -> None:
        """Wait until the installation says that it is ready."""
        wait_for(lambda: self.get("/readyz") == 200, timeout=timeout, what="ready")

    def get(self, path: str) -> int:
        """Return the status of a page, 0 when nobody answers."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:  # noqa: S310 - our own address
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def roles(self) -> dict[int, str]:
        """Return the role of every process that has one, by pid."""
        top = {self.process.pid: "supervisor"} if self.process is not None else {}
        try:
            with urllib.request.urlopen(self.url + "/health", timeout=10) as answer:  # noqa: S310 - our own address
                told = json.load(answer)["processes"]
        except (OSError, KeyError, ValueError):
            return top
        return top | {int(process["pid"]): str(process["role"]) for process in told}

    def role(self, name: str) -> psutil.Process:
        """Return the living process of a role; what is told may be a second old, so the dead are passed over."""

        def look() -> psutil.Process | None:
            told = {pid for pid, role in self.roles().items() if role == name}
            return next((process for process in self.family() if process.pid in told and is_at_work(process)), None)

        found = wait_for(look, timeout=READY_SECONDS, what=f"the role {name}")
        assert isinstance(found, psutil.Process)
        return found


Kind = TypeVar("Kind", bound=Stack)


@contextlib.contextmanager
def running_stack(home: Path, environment: Mapping[str, str]) -> Iterator[Stack]:
    """Start an installation, wait until it is ready, and stop it at the end."""
    stack = Stack(home, environment)
    stack.start()
    try:
        stack.wait_ready()
        yield stack
    finally:
        stack.stop()


@contextlib.contextmanager
def second_machine(first: Kind) -> Iterator[tuple[Kind, ...]]:
    """Give what runs beside an installation that is ready: one more on its database where there is a server, else none.

    They are plain processes of this machine, with a CLAW_HOME each; two of each role are at work.
    """
    if not is_scaled():
        yield ()
        return
    keys = {"SECRET_KEY": "secret.key", "CLAW_ENCRYPTION_KEYS": "encryption.key"}
    shared = {name: value for name, value in first.environment.items() if name not in ("CLAW_HOME", "CLAW_PORT")}
    shared |= {name: (first.home / file).read_text().strip() for name, file in keys.items()}
    second = type(first)(first.home.with_name(f"{first.home.name}-second"), shared)
    second.start()
    try:
        second.wait_ready()
        yield (second,)
    finally:
        second.stop()
