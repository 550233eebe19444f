"""A socket that has ended leaves nothing in memory that only a search for garbage would find."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clawsite.running import ROOT, until
from tests.faults.gate import TOKEN
from tests.faults.rawsocket import TEXT, raw_socket
from tests.ports import free_port
from tests.template import put_database

pytestmark = pytest.mark.faults

SOCKETS = 20
NAMES = {"clawsite.ops.wire.WebSocket", "clawsite.ops.wire.Request", "clawsite.gateway.connection.Connection"}
# The web role, which looks for no garbage from the first line on that it reads, and tells at each further one what is
# there of sockets.
WEB = """
import gc, sys, threading
from django.core.management import execute_from_command_line
def tell():
    for line in sys.stdin:
        gc.disable()
        kinds = {f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects()}
        print(*sorted(kinds & {NAMES}), flush=True)
threading.Thread(target=tell, daemon=True).start()
execute_from_command_line(["manage.py", "web"])
""".replace("{NAMES}", repr(NAMES))


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The process and its port."""
    port, home = free_port(), tmp_path / "home"
    own = put_database(home) | {"CLAW_HOME": str(home), "CLAW_PORT": str(port), "CLAW_GATEWAY_TOKEN": TOKEN}
    process = subprocess.Popen(
        [sys.executable, "-c", WEB],
        cwd=ROOT, env={**os.environ, "DJANGO_SETTINGS_MODULE": "clawsite.settings", **own},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        assert any("web runs" in line for line in iter(process.stderr.readline, ""))
        yield process, port
    finally:
        process.kill()
        process.communicate()


def ask(process: subprocess.Popen[str]) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return process.stdout.readline()


async def come_and_go(process: subprocess.Popen[str], port: int) -> None:
    """Open a socket, ask for something that takes a task, and cut it."""
    async with raw_socket(port) as socket:
        await socket.connect(TOKEN)
        socket.write((TEXT, b'{"type":"req","id":"a","method":"sessions.list","params":{}}'))
        await socket.read_until(b'"id":"a"')
        assert "WebSocket" in await asyncio.to_thread(ask, process)  # so what is left would be seen


def test_ended_sockets_are_gone_at_once(web: tuple[subprocess.Popen[str], int]) -> None:
    process, port = web
    ask(process)
    for _ in range(SOCKETS):
        asyncio.run(come_and_go(process, port))
    until(lambda: not ask(process).strip(), seconds=30, what="nothing is left of any socket")
