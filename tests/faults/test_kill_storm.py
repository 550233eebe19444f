"""The kill storm: random processes die once a second while people write. Nothing may be lost or out of order."""

from __future__ import annotations

import contextlib
import random
import time
from pathlib import Path

import psutil
import pytest

from tests.faults.ledger import numbered, read_ledger
from tests.faults.stack import Stack, product_environment, running_stack, wait_for
from tests.faults.store import Store
from tests.fixtures.reached import Figure, Reached
from tests.servers.messages import MessagesControl
from tests.servers.services import PostgresService
from tests.servers.telegram import TelegramControl

CHATS = 25
MESSAGES = 1500
SECONDS = 60.0
KILLS = 60
# Planned a little faster, so that a moment without anything to kill does not cost one.
PLANNED = 66
# A machine with much else to do takes longer to start again what was killed, and so to have all of it killed.
LONGEST_SECONDS = 150.0
# Kills that are behind (nothing ran that could be killed) come no faster than this.
APART_SECONDS = 0.5
FIRST_CHAT = 1001


@pytest.fixture
def telegram(telegram_process: TelegramControl) -> TelegramControl:
    for number in range(CHATS):
        telegram_process.add_user(f"User {number}", user_id=FIRST_CHAT + number)
    telegram_process.set_options(repeat_every=7)
    return telegram_process


@pytest.fixture
def environment(telegram: TelegramControl, messages_process: MessagesControl) -> dict[str, str]:
    chats = ",".join(str(FIRST_CHAT + number) for number in range(CHATS))
    return product_environment(telegram, messages_process) | {"TELEGRAM_ALLOWED_USERS": chats}


@pytest.mark.faults
@pytest.mark.paired
@pytest.mark.xdist_group("storms")
@pytest.mark.sqlite
@pytest.mark.timeout(300)
def test_on_sqlite(telegram: TelegramControl, environment: dict[str, str], tmp_path: Path, reached: Reached) -> None:
    home = tmp_path / "home"
    with running_stack(home, environment) as stack:
        figures = storm(stack, telegram)
    assert Store(home).is_whole()
    reached(1, "SQLite", *figures)


@pytest.mark.faults
@pytest.mark.paired
@pytest.mark.xdist_group("storms")
@pytest.mark.services
@pytest.mark.timeout(300)
def test_on_postgresql(
    telegram: TelegramControl,
    environment: dict[str, str],
    tmp_path: Path,
    postgres_service: PostgresService,
    reached: Reached,
) -> None:
    with running_stack(tmp_path / "home", environment | {"DATABASE_URL": postgres_service.database("storm")}) as stack:
        figures = storm(stack, telegram)
    reached(1, "PostgreSQL", *figures)


def storm(stack: Stack, telegram: TelegramControl) -> list[Figure]:
    """Write and kill for a minute or until enough died, then give it 30 seconds to finish, and compare."""
    store = Store(stack.home, url=stack.environment.get("DATABASE_URL", ""))
    chats = [FIRST_CHAT + number for number in range(CHATS)]
    sent = dict.fromkeys(chats, 0)
    chance = random.Random(20)
    kills, begin, next_kill = 0, time.monotonic(), 0.0
    total = 0
    while (passed := time.monotonic() - begin) < SECONDS or total < MESSAGES or kills < KILLS:
        assert passed < LONGEST_SECONDS, f"only {kills} kills"
        while total < min(MESSAGES, MESSAGES * passed / SECONDS):
            chat = chats[total % CHATS]
            sent[chat] += 1
            telegram.user_sends(chat, numbered(sent[chat], chat))
            total += 1
        if kills < PLANNED * passed / SECONDS and time.monotonic() >= next_kill:
            kills += kill_one(stack, chance)
            next_kill = time.monotonic() + APART_SECONDS
        stack.keep_alive()
        time.sleep(0.01)
    stack.keep_alive()
    over = time.monotonic()
    try:
        wait_for(
            lambda: read_ledger(telegram, chats, sent=sent).answered == MESSAGES and store.waiting() == 0,
            timeout=30,
            what="queues empty",
        )
    except TimeoutError:
        pytest.fail(f"after {kills} kills: {read_ledger(telegram, chats, sent=sent)}\n{stack.log.read_text()[-3000:]}")
    emptied = time.monotonic() - over
    result = read_ledger(telegram, chats, sent=sent)
    print(f"{kills} kills: {result}")
    assert (result.lost, result.out_of_order) == (0, 0), result
    assert result.duplicates <= kills / 10, result
    return [
        Figure("kills", kills),
        Figure("messages", MESSAGES),
        Figure("lost", result.lost),
        Figure("out of order", result.out_of_order),
        Figure("sent twice", result.duplicates, most=kills // 10),
        Figure("queues empty after", emptied, "s", 30),
    ]


def kill_one(stack: Stack, chance: random.Random) -> int:
    """Kill a random process of the installation, busy or idle; the supervisor is one of them."""
    family = stack.family()
    if len(family) < 3:
        return 0
    victim = chance.choice(family)
    with contextlib.suppress(psutil.NoSuchProcess):
        victim.kill()
        return 1
    return 0
