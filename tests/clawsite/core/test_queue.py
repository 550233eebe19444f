"""The queue: transactional, woken by a nudge, and robust against a database that is away for a moment."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from django.db import InterfaceError, OperationalError, connection, transaction
from django_q.signing import SignedPackage
from pytest_django import Settings

from clawsite.core import queue
from clawsite.core.nudge import QUEUE, NudgeListener, QueueSocket, _directory, nudge
from clawsite.core.queue import NudgeBroker, count_waiting, enqueue

TASK = "clawsite.core.queue.sing"


@pytest.fixture
def run_dir(tmp_path: Path, settings: Settings) -> Path:
    settings.RUN_DIR = tmp_path
    return tmp_path


@pytest.fixture
def broker(run_dir: Path) -> NudgeBroker:
    made = NudgeBroker(list_key="clawsite")
    made._canary_at = time.monotonic() + 600
    return made


@pytest.mark.django_db
def test_a_task_of_a_rolled_back_transaction_does_not_exist(run_dir: Path) -> None:
    def work() -> None:
        with transaction.atomic():
            enqueue(TASK)
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        work()
    assert count_waiting() == 0


@pytest.mark.django_db
def test_tasks_come_out_once_and_in_order(broker: NudgeBroker) -> None:
    for number in range(3):
        enqueue(TASK, number, {"a": [1, None]})
    found = []
    for _ in range(3):
        tasks = broker.dequeue()
        assert tasks is not None
        found += [SignedPackage.loads(text)["args"] for _, text in tasks]
    assert found == [(number, {"a": [1, None]}) for number in range(3)]
    assert not broker._dequeue_now()


@pytest.mark.django_db
def test_the_canary_is_a_task_without_a_row(broker: NudgeBroker) -> None:
    broker._canary_at = 0.0
    tasks = broker.dequeue()
    assert tasks is not None
    [(key, text)] = tasks
    package = SignedPackage.loads(text)
    assert (key, package["func"], package["save"]) == (None, TASK, False)
    assert count_waiting() == 0
    assert broker._canary_at > time.monotonic()


@pytest.mark.django_db(transaction=True)
def test_a_nudge_wakes_an_idle_broker(broker: NudgeBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clawsite.core.queue.Conf.POLL", 60.0)
    listening = threading.Event()
    original = QueueSocket.wait

    def wait(self: QueueSocket, seconds: float) -> bool:
        listening.set()
        return original(self, seconds)

    monkeypatch.setattr(QueueSocket, "wait", wait)
    found: list[object] = []

    def run() -> None:
        found.append(broker.dequeue())  # nothing yet: it waits for the nudge
        found.append(broker.dequeue())
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert listening.wait(30)
    begun = time.monotonic()
    enqueue(TASK)
    thread.join(30)
    assert time.monotonic() - begun < 15
    assert found[0] == []
    assert isinstance(found[1], list)
    assert len(found[1]) == 1
    assert broker._socket is not None
    broker._socket.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [OperationalError("database is locked"), InterfaceError("connection already closed")])
def test_a_database_that_is_away_does_not_end_the_pusher(
    broker: NudgeBroker, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail() -> list[tuple[int | None, str]]:
        raise error

    monkeypatch.setattr(broker, "_dequeue_now", fail)
    monkeypatch.setattr(queue, "ERROR_SECONDS", 0.0)
    assert broker.dequeue() is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.sqlite
def test_a_database_that_is_away_does_not_end_the_monitor_nor_run_a_task_again(
    broker: NudgeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "ERROR_SECONDS", 0.01)
    enqueue(TASK)
    [(key, _)] = broker._dequeue_now()
    connection.cursor().execute("PRAGMA busy_timeout = 1")
    with closing(sqlite3.connect(connection.settings_dict["NAME"], check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        end = threading.Timer(0.3, other.rollback)
        end.start()
        broker.acknowledge(key)
        end.join()
    assert count_waiting() == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.sqlite
def test_a_monitor_does_not_wait_for_ever(broker: NudgeBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "DELETE_SECONDS", 0.0)
    enqueue(TASK)
    [(key, _)] = broker._dequeue_now()
    connection.cursor().execute("PRAGMA busy_timeout = 1")
    with closing(sqlite3.connect(connection.settings_dict["NAME"])) as other:
        other.execute("BEGIN IMMEDIATE")
        broker.acknowledge(key)
        other.rollback()
    assert count_waiting() == 1


async def test_only_the_queue_hears_of_the_queue(run_dir: Path) -> None:
    heard: list[object] = []
    async with NudgeListener("bots") as listener:
        listener.on(QUEUE, heard.append)
        wake = listener.event("inbox")
        waiting = QueueSocket()
        nudge(QUEUE)
        nudge("inbox")
        assert await wake.within(30)
        assert await asyncio.to_thread(waiting.wait, 30.0)
        assert not waiting.wait(0.0)
        waiting.close()
    assert heard == []
    assert not list(_directory(run_dir).iterdir())
