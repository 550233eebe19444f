"""What a process no longer needs goes back to the system, and what it keeps of the database has a bound."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from clawsite.ops import memory
from clawsite.ops.memory import keep_giving_back

MIB = 1024 * 1024
# Larger than what Python keeps in arenas of its own, smaller than what the C library maps by itself.
BLOCK = 5000
BLOCKS = 64 * MIB // BLOCK
# Of so many blocks one stays, so that nothing but holes becomes free.
KEPT = 16
ROWS, ROW_BYTES = 6000, 4000
# Makes what sockets leave behind: 60 open at a time, of 65 objects that hold one another.
RINGS = """
from collections import deque
from clawsite.ops.memory import note_ended
class Ring(list):
    alive = 0
    def __init__(self):
        super().__init__([self] for _ in range(64))
        Ring.alive += 1
    def __del__(self):
        Ring.alive -= 1
window, most = deque(), 0
for _ in range(1000):
    window.append(Ring())
    if len(window) > 60:
        window.popleft()
        note_ended(60)
    most = max(most, Ring.alive)
print(most)
"""
# Reads all of a database, and prints how much memory it keeps of that, and how much it read.
READING = """
import psutil, sqlite3, sys
path, begin = sys.argv[1:]
reader = sqlite3.connect(path)
reader.executescript(begin)
reader.execute("SELECT 1 FROM page LIMIT 1").fetchone()
used = psutil.Process().memory_info
before = used().rss
read = reader.execute("SELECT sum(length(hex(data))) FROM page").fetchone()[0]
print(used().rss - before, read)
"""


def used() -> int:
    """Return the bytes of this process that are in memory."""
    return int(psutil.Process().memory_info().rss)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this C library gives back by itself")
async def test_holes_between_what_is_kept_go_back_to_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "OFTEN_SECONDS", 0.01)
    blocks = [bytes([number % 256]) * BLOCK for number in range(BLOCKS)]
    full = used()
    kept = blocks[::KEPT]
    del blocks
    task = asyncio.create_task(keep_giving_back())
    try:
        deadline = time.monotonic() + 30
        while used() > full - 32 * MIB and time.monotonic() < deadline:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
        assert used() <= full - 32 * MIB
        assert len(kept) == len(range(0, BLOCKS, KEPT))
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def test_what_ended_sockets_leave_behind_is_found_soon() -> None:
    assert 60 < int(run_python(RINGS)) <= 60 + 1 + memory.MOST_ENDED


@pytest.mark.sqlite  # it keeps pages in the process
def test_reading_a_large_database_keeps_little_of_it(tmp_path: Path) -> None:
    path = tmp_path / "large.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as writer, writer:
        writer.execute("CREATE TABLE page (data BLOB)")
        writer.executemany("INSERT INTO page VALUES (?)", [(bytes(ROW_BYTES),)] * ROWS)
    begin = settings.DATABASES["default"]["OPTIONS"]["init_command"]
    grown, read = (int(each) for each in run_python(READING, str(path), begin).split())
    assert read == 2 * ROWS * ROW_BYTES
    assert grown < 8 * MIB


def run_python(code: str, *arguments: str) -> str:
    """Return what a process of its own prints, in whose memory nothing else is going on."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=settings.BASE_DIR, check=True, capture_output=True, text=True, timeout=60).stdout
