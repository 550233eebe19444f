"""The roles there are, put together from the parts below: what each one runs, alone or under the supervisor."""

from __future__ import annotations

import os
from functools import partial
from importlib import import_module

from django.conf import settings

from bots.agent.targets import is_configured_here, states
from bots.main import run as run_bots
from clawsite.ops.children import Role
from clawsite.ops.demo import emulator_commands, exec_emulator
from clawsite.ops.link import Link
from clawsite.ops.role import run_role
from clawsite.ops.worker import run_worker
from clawsite.web.entry import application, on_nudges


def serve_web(link: Link | None = None) -> int:
    """Run the web role. Its server is imported here, in its own process, because that installs an event loop."""
    run_web = import_module("clawsite.ops.webserver").run_web
    code: int = run_web(application, listen=on_nudges, link=link)
    return code


def serve_bots(link: Link | None = None) -> int:
    """Run the bots role."""
    return run_role("bots", run_bots, link=link, note=lambda: {"targets": states(), "model": is_configured_here()})


def serve_worker(link: Link | None = None) -> int:
    """Run the worker role."""
    return run_worker(link)


ROLES = {
    "web": Role(name="web", run=serve_web, listens=True),
    "bots": Role(name="bots", run=serve_bots),
    "worker": Role(name="worker", run=serve_worker),
}


def demo_roles() -> list[Role]:
    """Return the emulators of the outside APIs as roles."""
    return [
        Role(name=name, run=partial(_run_emulator, command), beats=False)
        for name, command in emulator_commands(os.environ).items()
    ]


def _run_emulator(command: list[str], _: Link) -> int:
    return exec_emulator(command, settings.BASE_DIR)
