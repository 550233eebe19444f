"""What a process no longer needs goes back to the system, and what it keeps of the database has a bound."""

from __future__ import annotations

import contextlib
import ctypes
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from clawsite.ops import memory

MIB = 1024 * 1024
ROWS, ROW_BYTES = 6000, 4000
# Takes 64 MB and frees all but every sixteenth block, so that nothing but holes becomes free; prints how much memory
# goes back to the system within half a minute. A block is larger than what Python keeps in arenas of its own, and
# smaller than what the C library maps by itself.
HOLES = """
import asyncio, psutil, time
from clawsite.ops import memory
memory.OFTEN_SECONDS = 0.01
used = lambda: psutil.Process().memory_info().rss
async def main():
    blocks = [bytes([number % 256]) * 5000 for number in range(2**26 // 5000)]
    full = used()
    kept = blocks[::16]
    del blocks
    task = asyncio.create_task(memory.keep_giving_back())
    end = time.monotonic() + 30
    while full - used() < 2**25 and time.monotonic() < end:
        await asyncio.sleep(0.05)
    task.cancel()
    print(full - used(), sum(map(len, kept)))
asyncio.run(main())
"""
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


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this C library gives back by itself")
def test_holes_between_what_is_kept_go_back_to_the_system() -> None:
    gone, kept = (int(each) for each in run_python(HOLES).split())
    assert gone >= 32 * MIB
    assert kept > 4 * 10**6, "what is kept is still there"


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
