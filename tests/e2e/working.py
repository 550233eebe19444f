"""What remote development is looked at with from outside: git beside the product, and a service that serves a site."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.clawsite.running import ROOT, until

TESTS = ["python", "-m", "unittest", "discover", "-s", "tests", "-t", "."]


class Repository:
    """A project as it lies on the disk."""

    def __init__(self, home: Path, name: str) -> None:
        self.home, self.name = home, name

    @property
    def root(self) -> Path:
        """Where everything of the project is."""
        (found,) = (self.home / "workspaces").glob(f"*/{self.name}")
        return found

    def log(self, form: str = "%s") -> list[str]:
        """Return the commits of its branch, the newest first, each as one line of this form."""
        return self._git("log", f"--format={form}", "main").splitlines()

    def show(self, path: str) -> str:
        """Return a file as its branch has it."""
        return self._git("show", f"main:{path}")

    def check(self) -> None:
        """Fail unless the repository is whole, what people see is what its branch says, and no job left files."""
        self._git("fsck", "--strict", "--no-dangling")
        until(self._is_tidy, seconds=60, what=f"{self.name} is tidy")

    def release(self, environment: str) -> str:
        """Return the commit that is current in an environment."""
        return (self.root / "environments" / environment / "current").resolve().name

    def _is_tidy(self) -> bool:
        differs = self._git("--work-tree", str(self.root / "tree"), "diff", "--stat", "main")
        return not differs and not list((self.root / "jobs").glob("*"))

    def _git(self, *args: str) -> str:
        command = ["git", "--git-dir", str(self.root / "repo.git"), *args]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


class Service:
    """A web server in a process of its own that serves what is current in the environments, and writes a log."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str) -> str:
        """Return what it answers, or its status when that is not a good one."""
        try:
            with urllib.request.urlopen(f"{self.url}/{path}", timeout=10) as answer:  # noqa: S310 - loopback
                return str(answer.read().decode()).strip()
        except urllib.error.HTTPError as error:
            with error:
                return str(error.code)

    def manifest(self, name: str) -> str:
        """Return the claw.yaml of a site that it serves (JSON is YAML)."""
        health = {"url": f"{self.url}/staging/current/site/ready.txt", "seconds": 10}
        staging = {"health": health, "logs": {"file": "service.log"}}
        production = {"after": ["staging"], "approval": True}
        told = {"name": name, "test": {"argv": TESTS, "seconds": 120}}
        return json.dumps(told | {"environments": {"staging": staging, "production": production}}, indent=1)


@contextmanager
def served(environments: Path, listening: socket.socket) -> Iterator[Service]:
    """Start the service of a project on this socket; its log lies where claw.yaml says."""
    log = environments / "staging" / "service.log"
    log.parent.mkdir(mode=0o700, parents=True)
    number = listening.fileno()
    command = [sys.executable, "-m", "tests.e2e.serving", str(number), str(environments)]
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file, pass_fds=[number])
    try:
        yield Service(f"http://127.0.0.1:{listening.getsockname()[1]}")
    finally:
        process.kill()
        process.wait(10)
