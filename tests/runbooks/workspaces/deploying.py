"""Projects with environments for tests, and deploys of them, run the way a worker does it."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from guardrails.types import Actor
from runbooks.models import Deploy, Job, Project
from runbooks.runner import perform
from runbooks.workspaces import deploys
from runbooks.workspaces.roots import environment_root, tree_of
from tests.runbooks.people import BOB
from tests.runbooks.workspaces.making import commit, project, write

PASSES = ["sh", "check.sh"]


def manifest(**values: Any) -> str:
    """Return a claw.yaml (JSON is YAML) whose tests are a script of the project."""
    told = {"name": "shop", "test": {"argv": PASSES, "seconds": 20}, "environments": {"staging": {}}} | values
    return json.dumps({key: value for key, value in told.items() if value is not None})


def shop(*, check: str = "echo 1 passed\n", owner: str = "", **values: Any) -> Project:
    """Return a project that can be deployed."""
    files = {"claw.yaml": manifest(**values), "check.sh": check, "index.html": "one\n"}
    return project(files=files, owner=owner)


def change(made: Project, files: dict[str, str], message: str = "Change.") -> str:
    """Commit a change and return the commit."""
    write(tree_of(made), files)
    return commit(made, message)


def start(made: Project, environment: str = "staging", *, actor: Actor = BOB, **options: Any) -> Job:
    """Ask for a deploy."""
    return deploys.start_deploy(made, environment, actor=actor, **options)


def go(job: Job) -> Job:
    """Run its job until it ends or pauses, and return it."""
    assert perform(job.pk)
    return Job.objects.get(pk=job.pk)


def deploy(made: Project, environment: str = "staging", **options: Any) -> Job:
    """Ask and run."""
    return go(start(made, environment, **options))


def back(made: Project, environment: str = "staging", **options: Any) -> Job:
    """Roll back and run."""
    return deploy(made, environment, kind="rollback", **options)


def page(made: Project, environment: str = "staging") -> str:
    """Return what a web server would serve from the environment now; "" for nothing."""
    path = environment_root(made, environment) / "current" / "index.html"
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def states(made: Project) -> list[str]:
    """Return what became of each deploy, the first one first."""
    return [str(each.state) for each in Deploy.objects.filter(project=made).order_by("pk")]


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing about it."""

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the output of tests readable."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Run a web server on loopback that serves a folder as it is at each request; give its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
