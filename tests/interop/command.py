"""OpenClaw's command line, run as a person would run it who has configured a gateway on this machine."""

from __future__ import annotations

import json
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.stack import wait_for
from tests.interop.installed import Installed

RUN_SECONDS = 120.0
SCREEN = (120, 40)


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


class CommandLine:
    """`openclaw` with a configuration that names one gateway of this machine, in a folder of its own."""

    def __init__(self, installed: Installed, folder: Path, *, port: int, token: str) -> None:
        self.installed = installed
        self.folder = folder
        self.url = f"ws://127.0.0.1:{port}"
        self.token = token
        self.environment = installed.environment(folder)
        self._configure({"mode": "local", "port": port, "auth": {"mode": "token", "token": token}})

    def _configure(self, gateway: dict[str, Any]) -> None:
        quiet = {"update": {"checkOnStart": False}, "logging": {"file": str(self.folder / "log")}}
        (self.folder / "openclaw.json").write_text(json.dumps(quiet | {"gateway": gateway}), encoding="utf-8")

    def run(self, *arguments: str) -> Said:
        """Run a command to its end."""
        done = subprocess.run(
            self.installed.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        return Said(code=done.returncode, out=done.stdout, err=done.stderr)

    def call(self, method: str, params: dict[str, Any] | None = None, *more: str, token: str = "") -> Said:
        """`openclaw gateway call METHOD`, with the address and the token on the command line."""
        given = ["--params", json.dumps(params)] if params is not None else []
        target = ["--url", self.url, "--token", token or self.token]
        return self.run("gateway", "call", method, *target, *given, "--json", *more)


class Terminal:
    """A program in a terminal of tmux, which reads keys and shows a screen."""

    def __init__(self, tmux: str, folder: Path, command: list[str], environment: dict[str, str]) -> None:
        self.tmux = [tmux, "-S", str(folder / "tmux"), "-f", "/dev/null"]
        clean = ["env", "-i", *(f"{name}={value}" for name, value in environment.items()), "TERM=xterm-256color"]
        width, height = map(str, SCREEN)
        # The shell stays, so that the last words of a program that ends can be read.
        kept = f"{shlex.join([*clean, *command])}; echo; echo ended with $?; sleep 600"
        self._tmux("new-session", "-d", "-x", width, "-y", height, kept)

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run([*self.tmux, *arguments], capture_output=True, text=True, timeout=20, check=True)
        return done.stdout

    def screen(self) -> str:
        """Return what a person sees, without empty lines."""
        lines = self._tmux("capture-pane", "-p").splitlines()
        return "\n".join(line.rstrip() for line in lines if line.strip())

    def type(self, text: str) -> None:
        """Type a line, and Enter."""
        self._tmux("send-keys", "-l", text)
        self._tmux("send-keys", "Enter")

    def wait_for(self, text: str, *, timeout: float = 90.0) -> str:
        """Wait until the screen shows a text, and return the screen; AssertionError shows what was there instead."""
        try:
            wait_for(lambda: text in self.screen(), timeout=timeout, what=text)
        except TimeoutError as error:
            raise AssertionError(f"{error}; the screen:\n{self.screen()}") from None
        return self.screen()

    def close(self) -> None:
        """End the program and its terminal."""
        subprocess.run([*self.tmux, "kill-server"], capture_output=True, timeout=20, check=False)
