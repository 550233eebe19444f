"""`manage.py up`: everything on one machine, with one command."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
from argparse import ArgumentParser
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from clawsite.core.errors import ClawError
from clawsite.core.process import void_dead_local_processes
from clawsite.management.address import page_address
from clawsite.management.roles import ROLES, demo_roles
from clawsite.ops.children import Role, fork
from clawsite.ops.crashes import CrashLog
from clawsite.ops.demo import MONITORS, OPTION, PACKAGES, demo_servers
from clawsite.ops.home import HomeLock
from clawsite.ops.life import Life
from clawsite.ops.link import adopt_orphans
from clawsite.ops.listening import open_socket
from clawsite.ops.preload import preload
from clawsite.ops.prepare import prepare
from clawsite.ops.stopping import ending_with_us
from clawsite.ops.supervisor import Supervisor

logger = logging.getLogger(__name__)

ORPHAN_SECONDS = 5.0


class Command(BaseCommand):
    """Prepares the installation, then keeps its roles running until it is told to stop."""

    help = "Start web, bots and worker, and keep them running."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--no-migrate", action="store_true", help="leave the database as it is")
        parser.add_argument(OPTION, action="store_true", help="talk to local emulators instead of real services")
        parser.add_argument("--roles", default=",".join(ROLES), help="which roles to run (web,bots,worker)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the supervisor."""
        roles = _pick(options["roles"])
        if options["demo"]:
            roles = [*demo_roles(), *roles]
        preload()  # first, because meanwhile what a killed supervisor has left works on
        lock = HomeLock(settings.RUN_DIR)
        try:
            lock.take(seconds=settings.CLAW_DRAIN_SECONDS + ORPHAN_SECONDS)
            # Here, so that a restart of web refuses nobody and a taken port is told at once.
            listening = open_socket() if ROLES["web"] in roles else None
        except ClawError as error:
            raise CommandError(error.message) from None
        adopt_orphans()
        link = _prepare(migrate=not options["no_migrate"], link=listening is not None)
        sys.exit(_supervise(roles, lock, listening, _Announcement(self, link, demo=options["demo"])))


def _pick(names: str) -> list[Role]:
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in ROLES]
    if unknown or not wanted:
        raise CommandError(f"There is no role {', '.join(unknown)}. Roles: {', '.join(ROLES)}.")
    return [ROLES[name] for name in wanted]


def _prepare(*, migrate: bool, link: bool) -> str:
    """Prepare the installation in a child and return the first admin's link ("" when none is needed or wanted)."""
    read_fd, write_fd = os.pipe()
    pid = fork(lambda: prepare(write_fd, migrate=migrate, link=link), close=(read_fd,))
    os.close(write_fd)
    with ending_with_us(pid), os.fdopen(read_fd, "rb") as pipe:
        text = pipe.read()
        os.waitpid(pid, 0)
    answer: dict[str, str] = json.loads(text or "{}")
    if "link" not in answer:
        raise CommandError(answer.get("error", "The installation could not be prepared; see the error above."))
    return answer["link"]


class _Announcement:
    """Says once, when web answers, where everything is."""

    def __init__(self, command: Command, link: str, *, demo: bool) -> None:
        self._command = command
        self._link = link
        self._demo = demo
        self._said = False

    def __call__(self, role: str) -> None:
        """Print the addresses when the role is web, the first time."""
        if role != "web" or self._said:
            return
        self._said = True
        root = page_address()
        lines = [f"Web chat     {root}/chat/", f"Admin        {root}/admin/"]
        if self._link:
            lines.append(f"First login  {root}{self._link}  (works once, for one hour)")
        if self._demo:
            lines += _demo_lines()
            lines.append(f"State        {settings.CLAW_HOME}  (other commands need it as CLAW_HOME)")
        elif self._link:
            lines.append("Next         manage.py onboard, in another shell: Telegram, model, language, service")
        with suppress(OSError):  # nobody reads any more, which is no reason to stop
            self._command.stdout.write("\n".join(lines) + "\n")
            self._command.stdout.flush()


def _demo_lines() -> list[str]:
    """Return where the servers of the demo are, or what to install for those that are missing."""
    places = demo_servers(os.environ)
    lines = [
        f"Telegram     {settings.TELEGRAM_API_URL}/  (an emulator: write to the bot there)",
        f"Guardian     http://{places['guardian']}/  (the example of a monitored system: make it misbehave there)",
    ]
    if "prometheus" not in places:
        return [*lines, f"Alerts       nothing watches the example; for that: sudo apt-get install {PACKAGES}"]
    return [*lines, *(f"{name.capitalize():<12} http://{places[name]}/" for name in MONITORS)]


def _supervise(roles: list[Role], lock: HomeLock, listening: socket.socket | None, announce: _Announcement) -> int:
    supervisor = Supervisor(
        roles,
        drain_seconds=settings.CLAW_DRAIN_SECONDS,
        hang_seconds=settings.CLAW_HANG_SECONDS,
        sweep=void_dead_local_processes,
        on_ready=announce,
        on_fork=lock.note_children,
        crashes=CrashLog(settings.RUN_DIR),
        on_sound=Life(settings.RUN_DIR).show,
        listen_fd=None if listening is None else listening.fileno(),
    )
    return supervisor.run()
