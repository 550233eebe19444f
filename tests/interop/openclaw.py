"""A real OpenClaw gateway on a free port, with a model emulator behind it."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from typing import ClassVar

import psutil

from tests.interop.installed import Installed
from tests.servers.services import STOP_SECONDS, Service

TOKEN = "interop-token-0123456789"
MODEL = "claude-sonnet-5-5"


class OpenClawService(Service):
    """OpenClaw's gateway, with nothing that would reach beyond this machine. About 8 s of work to start."""

    name = "openclaw"
    ready_seconds: ClassVar[float] = 90.0

    def __init__(self, installed: Installed, *, model_url: str) -> None:
        super().__init__()
        self.installed = installed
        self.token = TOKEN
        self.environment = installed.environment(self.directory)
        (self.directory / "openclaw.json").write_text(json.dumps(self._config(model_url)), encoding="utf-8")

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def _config(self, model_url: str) -> dict[str, object]:
        model = {"id": MODEL, "name": "Emulator", "reasoning": False, "input": ["text"]}
        limits = {"contextWindow": 200_000, "maxTokens": 8192}
        provider = {"baseUrl": model_url, "apiKey": "sk-test", "api": "anthropic-messages", "models": [model | limits]}
        return {
            "gateway": {"mode": "local", "bind": "loopback", "auth": {"mode": "token", "token": TOKEN}},
            "update": {"checkOnStart": False},
            "logging": {"file": str(self.directory / "openclaw.log")},
            "models": {"catalogRefresh": {"enabled": False}, "providers": {"emulator": provider}},
            "agents": {"defaults": {"skipBootstrap": True, "model": {"primary": f"emulator/{MODEL}"}}},
        }

    def command(self) -> list[str]:
        clean = [f"{name}={value}" for name, value in self.environment.items()]
        run = self.installed.command("gateway", "run", "--port", str(self.port))
        return ["env", "--ignore-environment", f"--chdir={self.directory}", *clean, *run]

    def is_ready(self) -> bool:
        """A connect is answered only after /readyz is, two seconds after the port is open."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self) -> None:
        """SIGKILL to it and to its helpers, some of which have sessions of their own and would live on."""
        family = self._family()
        super().kill()
        _end(family)

    def stop(self) -> None:
        family = self._family()
        super().stop()
        _end(family)

    def _family(self) -> list[psutil.Process]:
        if self.process is None:
            return []
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []


def _end(family: list[psutil.Process]) -> None:
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(family, timeout=STOP_SECONDS)
