"""A container engine of this machine, Docker or Podman, with what it takes to use it here; else what is missing.

Podman runs in a network namespace of its own: its bridges and published ports are not this machine's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

BUILD_SECONDS = 1200
MIRRORED = (Path("/etc/pip.conf"), Path("/etc/ssl/certs/ca-certificates.crt"))
PACKAGES = "ca-certificates,python3,python3-venv,python3-pip"


@dataclass(frozen=True, kw_only=True)
class Engine:
    """`prefix`: what puts a command where the containers' networks are."""

    name: str
    compose: list[str]
    prefix: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, seconds: float = 120) -> str:
        """Run a command of the engine and return what it printed."""
        return self.call([self.name, *arguments], seconds=seconds)

    def call(self, command: Sequence[str], *, seconds: float = 120, code: int = 0, **more: str) -> str:
        """Run any command where the networks are and return what it printed."""
        return self._finish([*self.prefix, *command], seconds, code, more)

    def _finish(self, command: list[str], seconds: float, code: int, more: dict[str, str]) -> str:
        done = subprocess.run(
            command, env={**os.environ, **self.environment, **more},
            capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
        assert done.returncode == code, f"{command}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout.strip()

    def has_image(self, tag: str) -> bool:
        """Tell whether there is an image of that name."""
        done = subprocess.run([self.name, "image", "inspect", tag], capture_output=True, timeout=60, check=False)
        return done.returncode == 0

    def build(self, folder: Path, *options: str) -> None:
        """Build an image; its packages come over this machine's network."""
        network = ["--network", "host"]
        form = ["--format", "docker"] if self.name == "podman" else []
        self._finish([self.name, "build", *network, *form, *options, str(folder)], BUILD_SECONDS, 0, {})

    def is_healthy(self, container: str) -> bool:
        """Ask the health check now, where nothing asks it by itself, and tell what it says."""
        if self.name == "podman":
            check = [self.name, "healthcheck", "run", container]
            done = subprocess.run([*self.prefix, *check], env={**os.environ, **self.environment}, capture_output=True,
                                  timeout=60, check=False)  # fmt: skip
            return done.returncode == 0
        return self.run("inspect", "--format", "{{.State.Health.Status}}", container) == "healthy"


@contextmanager
def open_engine() -> Iterator[Engine]:
    """Give an engine that works here, or skip the test and say what is missing."""
    if _works(["docker", "compose", "version"]) and _works(["docker", "info"]):
        yield Engine(name="docker", compose=["docker", "compose"])
        return
    composer = shutil.which("podman-compose")
    missing = [name for name in ("podman", "nsenter", "ip", "iptables", "debootstrap") if shutil.which(name) is None]
    if missing or composer is None or os.geteuid() != 0:
        pytest.skip(
            "There is no Docker with its compose plugin that answers, and for Podman it takes root, and: "
            f"{', '.join(missing) or 'podman-compose'}. On Debian or Ubuntu: apt-get install podman buildah runc "
            "netavark aardvark-dns iptables iproute2 uidmap debootstrap, and pip install podman-compose"
        )
    with _own_network() as prefix, tempfile.NamedTemporaryFile("w", suffix=".conf") as config:
        config.write(_podman_config())
        config.flush()
        yield Engine(name="podman", compose=[composer], prefix=prefix, environment={"CONTAINERS_CONF": config.name})


def _works(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _podman_config() -> str:
    """Return a configuration without systemd; limits may only be lowered, and the old cgroups need runc."""
    lines = ["[containers]", 'default_ulimits = ["nofile=16384:16384", "nproc=4096:4096"]', "[engine]"]
    lines += ['cgroup_manager = "cgroupfs"', 'events_logger = "file"']
    if shutil.which("runc") and not Path("/sys/fs/cgroup/cgroup.controllers").exists():
        lines.append('runtime = "runc"')
    return "\n".join(lines) + "\n"


@contextmanager
def _own_network() -> Iterator[list[str]]:
    name = f"clawsite-{os.getpid()}"
    prefix = ["nsenter", f"--net=/run/netns/{name}"]
    subprocess.run(["ip", "netns", "add", name], check=True, timeout=30)
    try:
        subprocess.run([*prefix, "ip", "link", "set", "lo", "up"], check=True, timeout=30)
        yield prefix
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True, timeout=30)


def make_base(engine: Engine, tag: str) -> None:
    """Make a base image out of Debian's packages, because none can be pulled here; kept for the next run."""
    if engine.has_image(tag):
        return
    with tempfile.TemporaryDirectory() as place:
        root, archive = Path(place) / "base", Path(place) / "base.tar"
        make = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(root)]
        subprocess.run(make, check=True, capture_output=True, timeout=BUILD_SECONDS)
        for path in MIRRORED:  # how this machine reaches its package index
            if path.exists():
                shutil.copy(path, root / path.relative_to("/"))
        subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True, timeout=300)
        engine.run("import", str(archive), tag, seconds=300)


@contextmanager
def asking_health(engine: Engine, *containers: str) -> Iterator[None]:
    """Have health checks asked for the length of a block: Podman leaves that to systemd, which may not be there."""
    over = threading.Event()

    def ask() -> None:
        while not over.wait(1.0):
            for container in containers:
                engine.is_healthy(container)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(120)
