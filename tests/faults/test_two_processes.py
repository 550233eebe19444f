"""Two bots processes on one token: one polls and sends. What a frozen one still finishes is refused."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conversation import Conversation
from tests.faults.ledger import numbered
from tests.faults.stack import Program, product_environment, wait_for
from tests.faults.store import Store
from tests.servers.messages import MessagesServer, pause, text
from tests.servers.telegram import TelegramServer

LEASE_SECONDS = 4
PREPARE = (
    "from django.core.management import call_command; from sessions_app.channels import sync_channels_from_settings;"
    "call_command('migrate', verbosity=0); sync_channels_from_settings()"
)


@pytest.fixture
def people(telegram_server: TelegramServer) -> Conversation:
    return Conversation(telegram_server, count=4)


@pytest.fixture
def programs(
    people: Conversation, telegram_server: TelegramServer, messages_server: MessagesServer, tmp_path: Path
) -> Iterator[list[Program]]:
    """Two programs on one state directory, which is prepared; the first one runs and polls."""
    environment = product_environment(telegram_server, messages_server) | {
        "TELEGRAM_ALLOWED_USERS": people.allowed,
        "CLAW_LEASE_SECONDS": str(LEASE_SECONDS),
    }
    both = [Program(tmp_path / "home", environment, "bots", name=name) for name in ("first", "second")]
    done = both[0].manage("shell", "-c", PREPARE)
    assert done.returncode == 0, done.stderr
    both[0].start()
    try:
        wait_for(lambda: telegram_server.calls(method="getUpdates"), timeout=30, what="the first one polls")
        yield both
    finally:
        for program in both:
            program.stop()


@pytest.mark.faults
def test_a_frozen_process_is_replaced_and_its_late_answer_refused(
    programs: list[Program],
    people: Conversation,
    telegram_server: TelegramServer,
    messages_server: MessagesServer,
) -> None:
    first, second = programs
    store = Store(first.home)
    slow = people.chats[0]
    messages_server.script(
        text("Stale. "), pause(9, ping_every=0.5), text(numbered(1, slow)), match="message 1 of 1001"
    )
    people.write(chats=[slow])
    wait_for(lambda: store.owner("lane:") == first.pid and messages_server.requests(), timeout=60, what="a turn runs")
    assert (store.owner("poll:"), store.owner("send:")) == (first.pid, first.pid)
    second.start()
    wait_for(lambda: store.value("SELECT count(*) FROM core_process") == 2, timeout=60, what="the second one runs")

    first.signal(signal.SIGSTOP)
    people.write(each=3)
    wait_for(lambda: store.owner("poll:") == second.pid, timeout=LEASE_SECONDS + 6, what="the poller moves")
    wait_for(lambda: store.owner("send:") == second.pid, timeout=LEASE_SECONDS + 6, what="the sender moves")
    people.wait_answered(timeout=20)

    before = telegram_server.last_call()
    first.signal(signal.SIGCONT)
    wait_for(
        lambda: messages_server.requests()[0]["outcome"] == "complete", timeout=15, what="the late answer is complete"
    )
    people.write(each=2)
    people.wait_answered(timeout=20)
    wait_for(lambda: store.waiting() == 0, timeout=60, what="nothing waits")

    people.check()
    assert not [said for said in telegram_server.bot_messages(slow) if "Stale" in said["text"]], first.tail()
    assert store.value("SELECT count(*) FROM sessions_app_turn") == sum(people.sent.values())
    assert [call for call in telegram_server.calls(method="getUpdates") if call["status"] == 409] == []
    assert store.owner("poll:") == second.pid
    assert first.is_running(), first.tail()
    assert telegram_server.calls(since=before, method="getUpdates"), "somebody went on polling"


@pytest.mark.faults
def test_when_the_holder_ends_the_other_takes_over_at_once(
    programs: list[Program], people: Conversation, telegram_server: TelegramServer
) -> None:
    first, second = programs
    store = Store(first.home)
    second.start()
    wait_for(lambda: store.value("SELECT count(*) FROM core_process") == 2, timeout=60, what="the second one runs")
    people.write()
    people.wait_answered(timeout=10)
    assert first.stop() == 0, first.tail()
    people.write()
    people.wait_answered(timeout=LEASE_SECONDS)
    people.check()
    assert [call for call in telegram_server.calls(method="getUpdates") if call["status"] == 409] == []
