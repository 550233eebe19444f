"""Poison: updates of every malformed shape, text that no database takes, and a message that ends its process."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.faults.site import Site, open_site
from tests.faults.stack import wait_for
from tests.servers.messages import pause, text
from tests.servers.services import PostgresService

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]

CHAT = 1001
PERSON: dict[str, Any] = {"id": CHAT, "is_bot": False, "first_name": "User"}
PLACE: dict[str, Any] = {"id": CHAT, "type": "private", "first_name": "User"}
DEEP: Any = 0
for _ in range(200):
    DEEP = [DEEP]


def message(**change: Any) -> dict[str, Any]:
    """A message as Telegram sends it, but for the change; None takes a field away."""
    whole = {"message_id": 7, "date": 1, "chat": PLACE, "from": PERSON, "text": "hi"} | change
    return {"message": {key: value for key, value in whole.items() if value is not None}}


# Given with a number of their own, which must be confirmed.
MALFORMED: list[dict[str, Any]] = [
    {"message": None},
    {"message": 5},
    {"message": []},
    {"message": {}},
    {"callback_query": {}},
    {"callback_query": {"id": 5, "from": PERSON, "message": {}}},
    {"callback_query": {"id": "1", "from": [], "message": {"chat": PLACE, "message_id": 1}, "data": "x"}},
    {"message_reaction": {"chat": PLACE, "user": {}, "message_id": "x"}},
    {"edited_message": {"chat": {"id": None}}},
    {"unheard_of": {"a": DEEP}},
    message(chat=None),
    message(chat={"id": "1001", "type": "private"}),
    message(chat={"id": 2**70, "type": "private"}),
    message(chat={"id": True, "type": "private"}),
    message(**{"from": None}),
    message(**{"from": "User"}),
    message(**{"from": {"id": -(2**64)}}),
    message(message_id=None),
    message(message_id="7"),
    message(text=None),
    message(text=["hi"]),
    message(text={"deep": DEEP}),
    message(entities={"type": "bold"}),
    message(text=None, photo="no list"),
    message(text=None, photo=[{"file_id": 5}]),
    message(text=None, document={"file_id": None, "file_name": ["x"]}),
    message(text=None, voice={"file_id": "x" * 100_000, "file_size": "many"}),
    message(reply_to_message="earlier", quote=7),
    message(migrate_to_chat_id="x"),
    message(date="yesterday"),
]
# Given once, without a number that could be confirmed.
NUMBERLESS: list[Any] = [None, 5, "update", [], [[]], {}, {"update_id": None}, {"update_id": "x"}, {"update_id": -1}]
HOSTILE = [
    "nul \x00 in the middle",
    "\x00",
    "lone \ud800 surrogate",
    "\udfff\ud800 the wrong way round",
    "\u202e\u2066 turned round \ufeff\u200b",
    "z\u0336" * 2000,
    "x" * (1024 * 1024 + 1),
    "\x00" * 5000,
    "' OR 1=1; DROP TABLE core_lease; --",
    "%s %(name)s {0} {name} \\u0000 \\x00",
    "<b>&lt;script&gt;</b> & [link](javascript:alert(1))",
]


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    url = ""
    if request.param == "postgresql":
        service: PostgresService = request.getfixturevalue("postgres_service")
        url = service.database("poison")
    with open_site(tmp_path_factory.mktemp("poison") / "home", database=url, people=3) as opened:
        yield opened


def check_alive(site: Site, before: set[int]) -> None:
    """Everything that ran still runs, the queue of the platform is empty, and people are answered."""
    wait_for(lambda: site.telegram.pending_updates() == [], timeout=60, what="everything is confirmed")
    site.people.write(each=2)
    site.people.wait_answered(timeout=60)
    wait_for(lambda: site.store.waiting() == 0, timeout=60, what="nothing waits")
    site.people.check()
    assert before <= {process.pid for process in site.stack.family()}, site.stack.tail()


def test_malformed_updates_are_kept_and_passed_over(site: Site) -> None:
    before = {process.pid for process in site.stack.family()}
    for update in MALFORMED:
        site.telegram.inject(update)
    for update in NUMBERLESS:
        site.telegram.inject(update, force=True)
    check_alive(site, before)
    kept = site.store.value("SELECT count(*) FROM sessions_app_inbox WHERE state = 'unparsed'")
    assert kept >= 15
    assert site.store.value("SELECT count(*) FROM sessions_app_inbox WHERE state = 'dead'") == 0


def test_text_that_no_database_takes_is_cleaned_or_refused(site: Site) -> None:
    before = {process.pid for process in site.stack.family()}
    for number, words in enumerate(HOSTILE):
        site.telegram.inject(message(text=words, message_id=5000 + number))
        site.telegram.inject(message(text=None, caption=words, document={"file_id": "none", "file_name": words}))
        site.telegram.inject(message(**{"from": PERSON | {"first_name": words[:4096], "username": words[:4096]}}))
    check_alive(site, before)
    assert site.store.value("SELECT count(*) FROM sessions_app_inbox WHERE state = 'dead'") == 0
    assert site.store.value("SELECT count(*) FROM sessions_app_outbox WHERE state = 'dead'") == 0
    longest = site.store.value("SELECT max(length(raw)) FROM sessions_app_inbox")
    assert longest <= 1024 * 1024


def poisoned(site: Site, seen: int) -> list[dict[str, Any]]:
    """Return the model calls since `seen` that somebody made for the poison."""
    return [call for call in site.model.requests(since=seen) if call["last_user"].endswith("poison")]


OPEN_ANSWERS = "SELECT count(*) FROM sessions_app_outbox WHERE state IN ('new', 'sending')"


def test_a_message_that_ends_its_process_is_given_up_and_the_others_go_on(site: Site) -> None:
    """Whatever in it is deadly (here: somebody kills the process that works on it), five times are enough."""
    site.model.script(pause(90, ping_every=1), text("never"), match=r"poison\Z", times=None)
    seen = site.model.last_request()
    site.telegram.user_sends(CHAT, "this is poison")
    for attempt in range(5):
        asked = wait_for(partial(poisoned, site, seen), timeout=60, what=f"attempt {attempt + 1}")
        seen = asked[-1]["seq"]
        # Only the poison is in work when the process dies, so nothing may come twice.
        site.people.wait_answered(timeout=60)
        wait_for(lambda: site.store.value(OPEN_ANSWERS) == 0, timeout=60, what="answers are recorded")
        victim = site.stack.role("bots")
        victim.kill()
        victim.wait(60)
        site.people.write(chats=site.people.chats[1:])
    dead = "SELECT count(*) FROM sessions_app_inbox WHERE state = 'dead'"
    wait_for(lambda: site.store.value(dead) == 1, timeout=60, what="the row is given up")
    site.people.write()
    site.people.wait_answered(timeout=60)
    wait_for(lambda: site.store.waiting() == 0, timeout=60, what="nothing waits")
    site.people.check()
    told = [said["text"] for said in site.telegram.bot_messages(CHAT) if "error" in said["text"]]
    assert len(told) == 1, told
