"""The last step of a restore: the web role is started for a moment, and asked on /health how it is."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from typing import Any

from django.conf import settings

from clawsite.ops.backups.errors import BackupFailed
from guardrails.processes import Limits, run

SECONDS = 120.0
EVERY_SECONDS = 0.3
_LIMITS = Limits(seconds=SECONDS, cpu_seconds=0, memory_bytes=0, file_bytes=0)


class _Answered(Exception):
    """Ends the role when it has answered."""

    def __init__(self, report: dict[str, Any]) -> None:
        super().__init__("answered")
        self.report = report


def ask_health() -> dict[str, Any]:
    """Return what /health says on this installation as it is on the disk now; BackupFailed when it is not well."""
    port = _free_port()
    env = {**os.environ, "CLAW_HOST": "127.0.0.1", "CLAW_PORT": str(port), "CLAW_TLS_CERT": "", "CLAW_TLS_KEY": ""}
    try:
        done = run(
            [sys.executable, str(settings.BASE_DIR / "manage.py"), "web"],
            cwd=settings.BASE_DIR,
            env=env,
            limits=_LIMITS,
            check=_asking(port),
            with_parent=True,
        )
    except _Answered as answer:
        return answer.report
    told = done.stderr.decode(errors="replace").strip().splitlines() or ["it did not answer in time"]
    raise BackupFailed(f"Everything is restored, but /health is not well: {told[-1][:200]}")


def _asking(port: int) -> Callable[[], None]:
    """Return a check that raises what /health answers, as soon as it is well."""
    due = time.monotonic()

    def ask() -> None:
        nonlocal due
        if time.monotonic() < due:
            return
        due = time.monotonic() + EVERY_SECONDS
        report = _ask(port)
        if report.get("status") == "ok":
            raise _Answered(report)

    return ask


def _ask(port: int) -> dict[str, Any]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/health")
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
    except (OSError, HTTPException, ValueError):
        return {}
    finally:
        connection.close()
    return answer


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
