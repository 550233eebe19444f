"""A new version begins where an older one was cut off: nothing of it fails.

left/0.1.0.sql is what version 0.1.0 really left behind when it was killed with three turns at the model, six messages
behind them and three jobs that nobody had begun.
"""

from __future__ import annotations

import base64
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tests.faults.conversation import Conversation
from tests.faults.ledger import NUMBERED
from tests.faults.stack import Stack, product_environment, wait_for
from tests.faults.store import Store
from tests.fixtures.reached import Figure, Reached
from tests.servers.messages import MessagesServer
from tests.servers.telegram import TelegramServer

LEFT = Path(__file__).with_name("left") / "0.1.0.sql"
KEY = base64.urlsafe_b64encode(b"old version, for tests of today!").decode()
CHATS, ANSWERED, WRITTEN, JOBS = 3, 2, 5, 3
pytestmark = [pytest.mark.faults, pytest.mark.sqlite, pytest.mark.timeout(300)]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A state directory whose database is that of the old version, as if it had stopped a moment ago."""
    place = tmp_path / "home"
    place.mkdir()
    with closing(sqlite3.connect(place / "clawsite.sqlite3")) as database:
        database.executescript(LEFT.read_text(encoding="utf-8"))
        for table, column in (("sessions_app_inbox", "received_at"), ("runbooks_job", "created_at")):
            database.execute(f"UPDATE {table} SET {column} = datetime('now'), not_before = datetime('now')")  # noqa: S608
        database.commit()
    return place


def answers(telegram: TelegramServer, chat: int) -> list[int]:
    """Return the numbers of the messages that were answered in a chat, in their order."""
    texts = [message.get("text", "") for message in telegram.bot_messages(chat)]
    found = [NUMBERED.search(text) for text in texts]
    return [int(match[1]) for match in found if match and int(match[2]) == chat]


def has_answers(telegram: TelegramServer, chat: int, *, count: int) -> bool:
    """Tell whether so many answers have come to a chat."""
    return len(answers(telegram, chat)) >= count


def test_what_the_old_version_left_is_finished_by_the_new_one(home: Path, reached: Reached) -> None:
    store = Store(home)
    assert store.waiting() == CHATS * (WRITTEN - ANSWERED)
    assert store.rows("SELECT DISTINCT state FROM runbooks_job") == [("queued",)]
    with TelegramServer().running() as telegram, MessagesServer().running() as model:
        people = Conversation(telegram, count=CHATS)
        settings = product_environment(telegram, model) | {
            "TELEGRAM_ALLOWED_USERS": people.allowed,
            "CLAW_ENCRYPTION_KEYS": KEY,
        }
        new = Stack(home, settings)
        new.start()
        try:
            new.wait_ready()
            expected = list(range(ANSWERED + 1, WRITTEN + 1))
            for chat in people.chats:
                come = partial(has_answers, telegram, chat, count=len(expected))
                wait_for(come, timeout=60, what="answers")
            done = "SELECT count(*) FROM runbooks_job WHERE state = 'succeeded'"
            wait_for(lambda: store.value(done) == JOBS, timeout=60, what="jobs are done")
            wait_for(lambda: store.waiting() == 0, timeout=60, what="nothing waits")
            assert {chat: answers(telegram, chat) for chat in people.chats} == dict.fromkeys(people.chats, expected)
        finally:
            new.stop()

    assert store.value("SELECT count(*) FROM sessions_app_inbox WHERE state IN ('dead', 'unparsed')") == 0
    assert store.value("SELECT count(*) FROM sessions_app_outbox WHERE state = 'dead'") == 0
    assert store.value("SELECT count(*) FROM sessions_app_turn WHERE state != 'done'") == 0
    assert store.is_whole()
    rows = Figure("rows of the old version finished", CHATS * (WRITTEN - ANSWERED) + JOBS)
    reached(17, "killed at work, begun by the new version", rows, Figure("failed", 0))
