"""The webhook, from Telegram's delivery to the answer: wrong secrets leave no trace, a locked database answers 503.

And what Telegram does not take waits in rows.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from tests.faults.gate import TOKEN
from tests.faults.locking import STORED, lock_out
from tests.faults.site import Site, open_site
from tests.faults.stack import wait_for
from tests.fixtures.reached import Reached

LOCK_SECONDS = 15.0
WAITING, MOST_GROWTH, STOP_SECONDS = 100, 30 * 1024 * 1024, 15.0
UNTRIED = "SELECT count(*) FROM sessions_app_outbox WHERE state = 'new' AND attempts = 0"
pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("webhook") / "home"
    with open_site(home, webhook=True, CLAW_SQLITE_TIMEOUT="2", CLAW_GATEWAY_TOKEN=TOKEN) as opened:
        wait_for(opened.telegram.webhook, timeout=60, what="the webhook is set")
        yield opened


def post(site: Site, *, secret: str, update_id: int = 1) -> int:
    """Deliver an update as somebody else than Telegram and return the status of the answer."""
    webhook = site.telegram.webhook()
    assert webhook is not None
    alice = {"id": site.people.chats[0], "is_bot": False, "first_name": "Mallory"}
    message = {"message_id": 1, "date": 1, "chat": {**alice, "type": "private"}, "from": alice, "text": "let me in"}
    request = urllib.request.Request(  # noqa: S310 - our own address
        webhook["url"],
        data=json.dumps({"update_id": update_id, "message": message}).encode(),
        headers={"Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": secret},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own address
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_what_telegram_posts_is_answered_once(site: Site) -> None:
    site.telegram.set_options(repeat_every=3)
    site.people.write(each=4)
    site.people.wait_answered(timeout=60)
    site.people.check()
    assert site.telegram.pending_updates() == []
    assert site.telegram.calls(method="getUpdates") == []


def test_a_wrong_secret_is_refused_without_a_row(site: Site) -> None:
    before = site.store.value(STORED)
    assert [post(site, secret=secret) for secret in ("", "wrong", "x" * 5000)] == [401, 401, 401]
    assert site.store.value(STORED) == before


def test_while_the_database_is_locked_nothing_is_acknowledged(site: Site, reached: Reached) -> None:
    stored = site.store.value(STORED)
    locked = lock_out(site, seconds=LOCK_SECONDS)
    assert site.store.value(STORED) == stored + 3 * len(site.people.chats)
    assert "503" in str((site.telegram.webhook() or {}).get("last_error_message"))
    assert site.stack.get("/readyz") == 200
    reached(5, f"SQLite locked for {LOCK_SECONDS:.0f} s", *locked.figures())


def test_what_waits_for_telegram_costs_rows_not_memory(site: Site) -> None:
    """Last: the chat is left alone for longer than the installation lives."""
    bots, chat = site.stack.role("bots"), site.people.chats[0]
    site.people.write(chats=[chat])
    site.people.wait_answered(timeout=60)
    wait_for(lambda: site.store.waiting() == 0, timeout=60, what="nothing waits")
    site.telegram.fault("status", method="sendMessage", status=429, retry_after=600, for_seconds=600)
    before, calls = bots.memory_info().rss, site.telegram.last_call()
    site.people.write(each=WAITING, chats=[chat])
    wait_for(lambda: site.store.value(UNTRIED) >= WAITING - 1, timeout=120, what="all answers wait but the first")
    assert bots.memory_info().rss - before < MOST_GROWTH
    assert len(site.telegram.calls(since=calls)) <= 3, "no call to a chat that must be left alone"
    begun = time.monotonic()
    assert site.stack.stop() == 0, site.stack.tail()
    assert time.monotonic() - begun < STOP_SECONDS, "a stop does not wait for Telegram"
