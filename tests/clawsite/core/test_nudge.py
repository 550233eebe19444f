"""Nudges reach every listener, never block the sender, and leave no dead sockets behind."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from pytest_django import Settings

from clawsite.core import nudge as nudges
from clawsite.core.db import close_pool, run_db
from clawsite.core.nudge import MAX_BYTES, NudgeListener, nudge, nudge_on_commit


@pytest.fixture
def run_dir(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Path:
    """A folder with a short name: where the path of a socket is too long, sockets lie elsewhere."""
    settings.RUN_DIR = tmp_path_factory.mktemp("n") / "run"
    return Path(settings.RUN_DIR)


async def until(condition: Callable[[], bool], *, seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - a condition of outside parts has no event
            await asyncio.sleep(0.005)


async def test_every_listener_hears_the_topics_it_asked_for(run_dir: Path) -> None:
    heard: list[tuple[str, dict[str, Any]]] = []
    async with NudgeListener("web") as web, NudgeListener("bots") as bots:
        web.on("session", lambda data: heard.append(("web", data)))
        bots.on("session", lambda data: heard.append(("bots", data)))
        bots.on("inbox", lambda data: heard.append(("inbox", data)))
        nudge("session", session=7)
        await until(lambda: len(heard) == 2)
    assert sorted(heard, key=lambda pair: pair[0]) == [("bots", {"session": 7}), ("web", {"session": 7})]


async def test_each_waiter_has_its_own_event(run_dir: Path) -> None:
    async with NudgeListener("bots") as listener:
        first, second = listener.event("inbox"), listener.event("inbox")
        nudge("inbox")
        assert await first.within(30)
        assert await second.within(30)
        assert not await first.within(0.02)


async def test_a_removed_callback_hears_nothing_more(run_dir: Path) -> None:
    heard: list[dict[str, Any]] = []
    async with NudgeListener("web") as listener:
        wake = listener.event("delta")
        remove = listener.on("delta", heard.append)
        remove()
        nudge("delta", text="x")
        assert await wake.within(30)
    assert heard == []


async def test_a_failing_callback_does_not_stop_the_next(run_dir: Path) -> None:
    def fail(_: dict[str, Any]) -> None:
        raise ValueError("broken")

    async with NudgeListener("web") as listener:
        listener.on("session", fail)
        wake = listener.event("session")
        nudge("session", session=1)
        assert await wake.within(30)


async def test_text_too_long_for_a_datagram_is_skipped(run_dir: Path) -> None:
    heard: list[dict[str, Any]] = []
    async with NudgeListener("web") as listener:
        listener.on("delta", heard.append)
        nudge("delta", text="x" * MAX_BYTES)
        nudge("delta", text="y" * (MAX_BYTES - 100))
        await until(lambda: bool(heard))
    assert [data["text"][0] for data in heard] == ["y"]


async def test_a_flood_of_text_neither_blocks_the_sender_nor_crowds_out_a_wake(run_dir: Path) -> None:
    async with NudgeListener("web") as listener:
        listener.on("delta", lambda _: None)
        wake = listener.event("session")
        begun = time.monotonic()
        for number in range(2000):
            nudge("delta", text="x" * 1000, number=number)
        nudge("session", session=1)
        assert time.monotonic() - begun < 2.0
        assert await wake.within(30)


async def test_wakes_beyond_a_full_receiver_arrive_late_but_arrive(run_dir: Path) -> None:
    heard: list[int] = []
    async with NudgeListener("web") as listener:
        listener.on("session", lambda data: heard.append(data["session"]))
        for number in range(300):
            nudge("session", session=number)
        await until(lambda: len(heard) == 300)
    assert sorted(heard) == list(range(300))


async def test_a_nudge_from_another_process_arrives(run_dir: Path) -> None:
    code = "import django; django.setup()\nfrom clawsite.core.nudge import nudge\nnudge('channel', channel=3)\n"
    heard: list[dict[str, Any]] = []
    async with NudgeListener("bots") as listener:
        listener.on("channel", heard.append)
        environment = {
            **os.environ, "CLAW_HOME": str(run_dir.parent), "DJANGO_SETTINGS_MODULE": "clawsite.settings",
        }  # fmt: skip
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", code, env=environment)
        assert await asyncio.wait_for(child.wait(), 30) == 0
        await until(lambda: heard == [{"channel": 3}])


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_transaction_nudges_nobody(run_dir: Path) -> None:
    def work(*, fail: bool) -> None:
        with transaction.atomic():
            nudge_on_commit("inbox", fail=fail)
            if fail:
                raise ValueError("rolled back")

    heard: list[dict[str, Any]] = []

    async def listen() -> None:
        async with NudgeListener("bots") as listener:
            listener.on("inbox", heard.append)
            with pytest.raises(ValueError, match="rolled back"):
                await run_db(work, fail=True)
            await run_db(work, fail=False)
            await until(lambda: bool(heard))

    try:
        asyncio.run(listen())
    finally:
        close_pool()
    assert heard == [{"fail": False}]


def test_sockets_of_dead_processes_are_removed_and_live_ones_kept(run_dir: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    assert child.wait(30) == 0
    directory = run_dir / "nudge"
    directory.mkdir(parents=True, mode=0o700)
    dead, mine = directory / f"{child.pid}.1.w", directory / f"{os.getpid()}.1.w"
    for path in (dead, mine):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left_over:
            left_over.bind(str(path))
    nudge("inbox")
    assert not dead.exists()
    assert mine.exists()


async def test_the_sockets_are_gone_after_the_listener(run_dir: Path) -> None:
    async with NudgeListener("web"):
        assert len(list((run_dir / "nudge").iterdir())) == 2
    assert list((run_dir / "nudge").iterdir()) == []


async def test_a_long_home_gets_a_short_private_directory(tmp_path: Path, settings: Settings) -> None:
    settings.RUN_DIR = tmp_path / ("long" * 30) / "run"
    async with NudgeListener("web") as listener:
        wake = listener.event("inbox")
        nudge("inbox")
        assert await wake.within(30)
        directory = nudges._directory(settings.RUN_DIR)
        assert directory.stat().st_mode & 0o777 == 0o700
        assert directory.name.startswith(f"claw-{os.getuid()}-")
    directory.rmdir()


async def test_a_directory_that_others_may_write_to_is_not_used(run_dir: Path) -> None:
    directory = run_dir / "nudge"
    directory.mkdir(parents=True)
    directory.chmod(0o777)
    async with NudgeListener("web"):
        nudge("inbox")
        assert list(directory.iterdir()) == []
