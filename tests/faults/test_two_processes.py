"""Two bots processes on one token: one polls and sends. What a frozen one still finishes is refused."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conversation import Conversation
from tests.faults.ledger import numbered
from tests.faults.stack import Program, product_environment, wait_for
from tests.faults.store import Store
from tests.fixtures.reached import Figure, Reached
from tests.servers.messages import MessagesServer, pause, text
from tests.servers.telegram import TelegramServer

LEASE_SECONDS = 4
# Longer than it takes to start the other one: nothing of this answer may be there before the freeze.
LATE_SECONDS = 12.0
# As an installation has it when nobody says otherwise, and a process that is frozen for twice as long.
USUAL_LEASE_SECONDS, LONG_FREEZE_SECONDS = 60, 120.0
NOTHING_AMISS = (Figure("late answers taken", 0), Figure("lost", 0), Figure("done twice", 0))
PREPARE = (
    "from django.core.management import call_command; from sessions_app.channels import sync_channels_from_settings;"
    "call_command('migrate', verbosity=0); sync_channels_from_settings()"
)


@pytest.fixture
def people(telegram_server: TelegramServer) -> Conversation:
    return Conversation(telegram_server, count=4)


@pytest.fixture
def lease_seconds() -> int:
    """After how long a silence a process is overtaken; other tests ask for other values by their parameters."""
    return LEASE_SECONDS


@pytest.fixture
def programs(
    people: Conversation,
    telegram_server: TelegramServer,
    messages_server: MessagesServer,
    lease_seconds: int,
    tmp_path: Path,
) -> Iterator[list[Program]]:
    """Two programs on one state directory, which is prepared; the first one runs and polls."""
    environment = product_environment(telegram_server, messages_server) | {
        "TELEGRAM_ALLOWED_USERS": people.allowed,
        "CLAW_LEASE_SECONDS": str(lease_seconds),
    }
    both = [Program(tmp_path / "home", environment, "bots", name=name) for name in ("first", "second")]
    done = both[0].manage("shell", "-c", PREPARE)
    assert done.returncode == 0, done.stderr
    both[0].start()
    try:
        wait_for(lambda: telegram_server.calls(method="getUpdates"), timeout=60, what="the first one polls")
        yield both
    finally:
        for program in both:
            program.stop()


def start_second(second: Program, telegram: TelegramServer) -> None:
    """Start the second one, and wait until it has opened the account and would take over."""
    asked = len(telegram.calls(method="getMe"))
    second.start()
    wait_for(lambda: len(telegram.calls(method="getMe")) > asked, timeout=60, what="the second one knows the account")


@pytest.mark.faults
@pytest.mark.alone
def test_a_frozen_process_is_replaced_and_its_late_answer_refused(
    programs: list[Program],
    people: Conversation,
    telegram_server: TelegramServer,
    messages_server: MessagesServer,
    reached: Reached,
) -> None:
    took = overtake(programs, people, telegram_server, messages_server, within=LEASE_SECONDS + 6.0)
    figure = Figure("work taken over after", took, "s", LEASE_SECONDS + 6)
    reached(3, f"frozen, leases of {LEASE_SECONDS} s", figure, *NOTHING_AMISS)


@pytest.mark.soak
@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("lease_seconds", [USUAL_LEASE_SECONDS])
def test_a_process_that_was_frozen_for_two_minutes_is_replaced_and_its_late_answer_refused(
    programs: list[Program],
    people: Conversation,
    telegram_server: TelegramServer,
    messages_server: MessagesServer,
    reached: Reached,
) -> None:
    most = USUAL_LEASE_SECONDS + 15.0
    took = overtake(programs, people, telegram_server, messages_server, within=most, frozen=LONG_FREEZE_SECONDS)
    figure = Figure("work taken over after", took, "s", most)
    reached(3, f"frozen for {LONG_FREEZE_SECONDS:.0f} s, leases of {USUAL_LEASE_SECONDS} s", figure, *NOTHING_AMISS)


def overtake(
    programs: list[Program],
    people: Conversation,
    telegram_server: TelegramServer,
    messages_server: MessagesServer,
    *,
    within: float,
    frozen: float = 0.0,
) -> float:
    """Freeze the one that polls, sends and answers, at least for so long; return after how many seconds the other does.

    All three are taken over within a time. What the frozen one says when it goes on counts for nothing.
    """
    first, second = programs
    store = Store(first.home)
    slow = people.chats[0]
    late = pause(LATE_SECONDS, ping_every=0.5)
    messages_server.script(text("Stale. "), late, text(numbered(1, slow)), match="message 1 of 1001")
    people.write(chats=[slow])
    wait_for(lambda: store.owner("lane:") == first.pid and messages_server.requests(), timeout=60, what="a turn runs")
    assert (store.owner("poll:"), store.owner("send:")) == (first.pid, first.pid)
    start_second(second, telegram_server)

    first.signal(signal.SIGSTOP)
    begun = time.monotonic()
    people.write(each=3)
    wait_for(lambda: store.owner("poll:") == second.pid, timeout=within, what="the poller moves")
    wait_for(lambda: store.owner("send:") == second.pid, timeout=within, what="the sender moves")
    took = time.monotonic() - begun
    people.wait_answered(timeout=60)
    wait_for(lambda: time.monotonic() >= begun + frozen, timeout=frozen + 1, what="it was frozen for so long")

    wait_for(
        lambda: messages_server.requests()[0]["outcome"] == "complete", timeout=60, what="the late answer is complete"
    )
    before = telegram_server.last_call()
    first.signal(signal.SIGCONT)
    people.write(each=2)
    people.wait_answered(timeout=60)
    wait_for(lambda: store.waiting() == 0, timeout=60, what="nothing waits")

    people.check()
    assert not [said for said in telegram_server.bot_messages(slow) if "Stale" in said["text"]], first.tail()
    assert store.value("SELECT count(*) FROM sessions_app_turn") == sum(people.sent.values())
    assert [call for call in telegram_server.calls(method="getUpdates") if call["status"] == 409] == []
    assert store.owner("poll:") == second.pid
    assert first.is_running(), first.tail()
    assert telegram_server.calls(since=before, method="getUpdates"), "somebody went on polling"
    return took


@pytest.mark.faults
@pytest.mark.parametrize("lease_seconds", [USUAL_LEASE_SECONDS])
def test_when_the_holder_ends_the_other_takes_over_at_once(
    programs: list[Program], people: Conversation, telegram_server: TelegramServer
) -> None:
    first, second = programs
    start_second(second, telegram_server)
    people.write()
    people.wait_answered(timeout=60)
    assert first.stop() == 0, first.tail()
    people.write()
    # No lease has to run out for that.
    people.wait_answered(timeout=USUAL_LEASE_SECONDS / 2)
    people.check()
    assert [call for call in telegram_server.calls(method="getUpdates") if call["status"] == 409] == []
