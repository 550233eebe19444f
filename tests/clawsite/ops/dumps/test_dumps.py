"""A look into a running process shows places and numbers, is bounded, and one at a time."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
from pathlib import Path

import pytest
from pytest_django import Settings

from clawsite.core.nudge import NudgeListener
from clawsite.ops import dumps
from clawsite.ops.dumps import Wanted, ask, places, take

CANARY = "canary-value-in-a-local"


@pytest.fixture(autouse=True)
def run_dir(settings: Settings, tmp_path: Path) -> Path:
    """A place for dumps of this test alone."""
    settings.RUN_DIR = tmp_path / "run"
    run: Path = settings.RUN_DIR
    return run


async def waiting(canary: str) -> None:
    """Wait with a value that no dump may hold."""
    assert canary
    await asyncio.Event().wait()


async def test_tasks_are_shown_by_name_and_place_and_without_values() -> None:
    task = asyncio.create_task(waiting(CANARY), name="the one that waits")
    await asyncio.sleep(0)
    found = await take("tasks", role="bots")
    task.cancel()
    (shown,) = [each for each in found["tasks"] if each["name"] == "the one that waits"]
    assert shown["what"] == "waiting"
    assert "test_dumps.py" in shown["stack"][-1]
    assert CANARY not in json.dumps(found)


async def test_threads_are_shown_where_they_are() -> None:
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="sleeper")
    thread.start()
    found = await take("threads", role="bots")
    end.set()
    thread.join()
    (stack,) = [each["stack"] for each in found["threads"] if each["name"] == "sleeper"]
    assert "threading.py" in stack[-1]


async def test_memory_names_the_lines_that_ask_for_most() -> None:
    kept: list[bytearray] = []

    async def grow() -> None:
        while True:
            kept.append(bytearray(100_000))
            await asyncio.sleep(0.01)

    task = asyncio.create_task(grow())
    found = await take("memory", role="bots", seconds=0.3)
    task.cancel()
    assert found["rss"] > 1_000_000
    assert found["types"]["function"] > 100
    assert any("test_dumps.py" in each["line"] for each in found["grown"])


async def test_sockets_are_counted_by_state() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = await take("sockets", role="bots")
    assert found["states"]["LISTEN"] >= 1
    assert any(each["local"] == f"127.0.0.1:{port}" for each in found["sockets"])
    assert found["files"] > 3


def busy(end: threading.Event) -> None:
    """Use the processor."""
    while not end.is_set():
        sum(range(1000))


async def test_a_profile_names_the_function_at_work() -> None:
    end = threading.Event()
    thread = threading.Thread(target=busy, args=[end])
    thread.start()
    found = await take("profile", role="bots", seconds=0.5)
    end.set()
    thread.join()
    assert any(place.endswith("test_dumps.py:busy") for place in found["functions"])
    assert any(";" in stack and "busy" in stack for stack in found["stacks"])


async def test_seconds_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clawsite.ops.dumps.taking.MOST_SECONDS", 0.1)
    assert (await take("profile", role="bots", seconds=1e9))["seconds"] == 0.1


async def test_who_is_asked_answers_with_a_private_file(run_dir: Path) -> None:
    async with NudgeListener("bots") as listener:
        dumps.listen(listener)
        found, missing = await ask(Wanted(kind="tasks", pids=(os.getpid(),)), grace=30)
    assert missing == []
    assert (found[0]["role"], found[0]["pid"], found[0]["kind"]) == ("bots", os.getpid(), "tasks")
    (path,) = (run_dir / "dumps").glob("*.json")
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


async def test_who_is_not_meant_or_not_there_is_named() -> None:
    async with NudgeListener("bots") as listener:
        dumps.listen(listener)
        assert await ask(Wanted(kind="tasks", pids=(2**22 + 7,)), grace=0.1) == ([], [2**22 + 7])


async def test_a_name_leads_nowhere_else(run_dir: Path) -> None:
    async with NudgeListener("bots") as listener:
        dumps.listen(listener)
        wanted = Wanted(kind="tasks", pids=(os.getpid(),), id="../../elsewhere")
        assert (await ask(wanted, grace=0.2))[0] == []
    assert not list(run_dir.parent.rglob("*elsewhere*"))


async def test_only_one_look_at_a_time(caplog: pytest.LogCaptureFixture) -> None:
    async with NudgeListener("bots") as listener:
        dumps.listen(listener)
        dumps.on_signal("bots")
        dumps.on_signal("bots")
        async with asyncio.timeout(30):
            while not list(places.folder().glob("signal-*.json")):  # noqa: ASYNC110 - the file is the sign
                await asyncio.sleep(0.02)
    assert "taken already" in caplog.text
    (path,) = places.folder().glob("signal-*.json")
    assert {"tasks", "threads", "types", "states"} <= set(json.loads(path.read_text()))


def test_the_oldest_are_forgotten() -> None:
    for number in range(places.KEPT + 5):
        path = places.keep(f"old-{number:03}", {})
        os.utime(path, (number, number))
    places.keep("new", {})
    left = sorted(path.stem for path in places.folder().glob("*.json"))
    assert len(left) == places.KEPT
    assert "new" in left
    assert "old-000" not in left
