"""Developing from a phone: a project is begun, mended, shipped, broken, mended by itself, and taken back in chats.

All roles run as their users run them, against Telegram's emulator, a scripted model and a service on loopback. What
came of it is read with git from outside; nothing here touches our database.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from guardrails.processes import has_sandbox
from tests.clawsite.running import Running, until, up
from tests.e2e.phone import Message, Phone, data_of, text_of
from tests.e2e.working import Repository, Service, served
from tests.faults.stack import product_environment
from tests.programs import need_program
from tests.servers.messages import MessagesServer, text, tool_use
from tests.servers.messages.scripts import Step
from tests.servers.telegram import TelegramServer

FAILING = """import unittest
from pathlib import Path


class GreetingTest(unittest.TestCase):
    def test_it_greets(self) -> None:
        self.assertEqual(Path("site/greeting.txt").read_text(), "hello")
"""
QUEUED = 6


@dataclass
class Office:
    """People and what they work with. Eve is an admin of the bot and no member; Charlie is a stranger."""

    alice: Phone
    bob: Phone
    eve: Phone
    charlie: Phone
    model: MessagesServer
    running: Running
    shop: Repository
    listening: socket.socket

    def repository(self, name: str) -> Repository:
        """Return somebody's project."""
        return Repository(self.running.home, name)

    def plans(self, request: str, *steps: Step, said: str = "Done.") -> None:
        """Have the model answer a /code with these calls, one after the other, and then say something."""
        for number, step in enumerate([*steps, text(said)]):
            self.model.script(step, match=request, on_result=bool(number))


@pytest.fixture
def office(tmp_path: Path, telegram_server: TelegramServer, messages_server: MessagesServer) -> Iterator[Office]:
    """An installation with its people."""
    need_program("bwrap")
    if not has_sandbox():
        pytest.skip("bubblewrap does not work here")
    ids = {name: int(telegram_server.add_user(name)["id"]) for name in ("Alice", "Bob", "Eve", "Charlie")}
    listening = socket.create_server(("127.0.0.1", 0))
    environment = product_environment(telegram_server, messages_server) | {
        "TELEGRAM_ADMIN_USERS": ",".join(str(ids[name]) for name in ("Alice", "Bob", "Eve")),
        "CLAW_PRIVATE_HOSTS": f"127.0.0.1:{listening.getsockname()[1]}",
    }
    home = tmp_path / "home"
    with listening, up(home, **environment) as running:
        phones = {name.lower(): Phone(name, chat, telegram_server, running) for name, chat in ids.items()}
        shop = Repository(home, "shop")
        yield Office(**phones, model=messages_server, running=running, shop=shop, listening=listening)


@pytest.mark.services
@pytest.mark.timeout(600)
def test_a_day_of_remote_development(office: Office) -> None:
    begin(office)
    with served(office.shop.root / "environments", office.listening) as service:
        upload(office, service)
        make_the_test_pass(office)
        look_and_undo(office)
        ship(office, service)
        break_and_recover(office, service)
        follow_logs(office, service)
        roll_back(office, service)
    work_at_once(office)
    queue(office)
    keep_out(office)
    for name in ("shop", "attic", "garden"):
        office.repository(name).check()


def begin(office: Office) -> None:
    """Alice begins a project and lets Bob in; his chat gets its news."""
    office.bob.says("/projects")
    office.bob.sees("You have no project yet")
    office.alice.says("/new static-site shop")
    office.alice.sees(r"✅ shop is ready \(static-site\), first commit")
    assert len(office.shop.log()) == 1
    office.alice.says("/project add Bob maintainer")
    office.alice.sees("Bob is maintainer in shop now")
    office.bob.says("/switch shop")
    office.bob.sees("This chat is about shop now")
    office.bob.says("/project watch")
    office.bob.sees("This chat gets the news of shop")


def upload(office: Office, service: Service) -> None:
    """Alice sends files: what the environments are, what says that the site is well, and a test that fails."""
    office.alice.sends("claw.yaml", service.manifest("shop"), to="claw.yaml")
    office.alice.presses(office.alice.sees("claw.yaml is there already in shop"), "Replace it")
    office.alice.sees(r"✅ claw.yaml is in shop now", since=0)
    office.alice.sends("ready.txt", "yes", to="site/")
    office.alice.sees(r"✅ site/ready.txt is in shop now")
    office.alice.sends("test_greeting.py", FAILING, to="tests/")
    office.alice.sees(r"✅ tests/test_greeting.py is in shop now")
    assert office.shop.log()[:3] == ["Add tests/test_greeting.py", "Add site/ready.txt", "Add claw.yaml"]


def make_the_test_pass(office: Office) -> None:
    """The model needs two steps; each is a commit, and it is merged because the tests pass."""
    office.plans(
        "failing test",
        tool_use("write_file", {"path": "site/greeting.txt", "content": "helo", "why": "Add the greeting"}),
        tool_use("run_tests"),
        tool_use(
            "edit_file", {"path": "site/greeting.txt", "old": "helo", "new": "hello", "why": "Spell the greeting right"}
        ),
        tool_use("run_tests"),
        said="The site greets now.",
    )
    office.alice.says("/code Make the failing test pass")
    done = office.alice.sees(r"✅ shop · /code \d+ · merged.*The site greets now.*greeting.txt.*Tests: passed")
    assert not done.get("disable_notification")
    subjects = office.shop.log()
    assert {"Add the greeting", "Spell the greeting right"} <= set(subjects)
    assert office.shop.show("site/greeting.txt") == "hello"
    results = [str(each["body"]["messages"][-1]["content"]) for each in office.model.requests()]
    assert any("FAILED" in each for each in results)
    assert set(office.shop.log("%an")) == {"Alice"}


def look_and_undo(office: Office) -> None:
    """A long page is looked at as a file and taken back by a new commit."""
    page = "<html><head><title>Long</title></head><body><h1>Long</h1>\n" + "<p>line</p>\n" * 200 + "</body></html>\n"
    office.plans(
        "long page", tool_use("write_file", {"path": "site/long.html", "content": page, "why": "Add a long page"})
    )
    office.alice.says("/code Add a long page")
    done = office.alice.sees(r"✅ shop · /code \d+ · merged.*long.html  \+202")
    office.alice.presses(done, "Diff")
    diff = office.alice.sees(r"📄 shop · /code \d+")
    assert office.alice.opens(diff).count("+<p>line</p>") == 200
    office.alice.presses(done, "Undo")
    office.alice.presses(office.alice.sees("Undo in shop by a new commit.*long.html"), "Approve")
    office.alice.sees(rf"↩️ shop · /code {number_of(done)} · undone", since=0)
    assert office.shop.log()[0] == "Undo: Add a long page"
    assert "Add a long page" in office.shop.log()
    assert not (office.shop.root / "tree" / "site" / "long.html").exists()


def ship(office: Office, service: Service) -> None:
    """To staging, which must be well; then to production, which Bob approves."""
    assert service.get("staging/current/site/greeting.txt") == "404"
    office.alice.says("/deploy staging")
    office.alice.sees("🚀 Deploying to staging")
    office.alice.sees(r"✅ Deployment complete: shop · staging")
    assert service.get("staging/current/site/greeting.txt") == "hello"
    assert office.shop.release("staging") == office.shop.log("%H")[0]

    office.alice.says("/deploy production")
    office.alice.sees(r"shop → production: [0-9a-f]{12}")
    office.bob.sees(r"shop → production: [0-9a-f]{12}.*Checks before the change: .*Switching: current → [0-9a-f]{8}")
    office.alice.says("/approve_production")
    office.alice.sees("Nothing of shop waits for your approval")
    assert service.get("production/current/site/greeting.txt") == "404"
    office.bob.says("/approve-production")
    office.alice.sees(r"✅ Deployment complete: shop · production")
    assert service.get("production/current/site/greeting.txt") == "hello"
    assert office.shop.release("production") == office.shop.log("%H")[0]


def break_and_recover(office: Office, service: Service) -> None:
    """A release that passes the tests and is not well goes back by itself; undone, the next one is well."""
    good = office.shop.release("staging")
    office.plans("Tidy up", tool_use("delete_file", {"path": "site/ready.txt", "why": "Remove what nothing names"}))
    office.alice.says("/code Tidy up")
    done = office.alice.sees(r"✅ shop · /code \d+ · merged.*ready.txt")
    assert office.shop.log()[0] == "Remove what nothing names"
    office.alice.says("/deploy staging")
    office.alice.sees("❌ The release failed, and the one before is back: shop · staging")
    assert office.shop.release("staging") == good
    assert service.get("staging/current/site/ready.txt") == "yes"

    office.alice.says("/undo")
    office.alice.presses(office.alice.sees("Undo in shop by a new commit.*ready.txt"), "Approve")
    office.alice.sees(rf"↩️ shop · /code {number_of(done)} · undone", since=0)
    office.alice.says("/deploy staging")
    office.alice.sees(r"✅ Deployment complete: shop · staging")
    assert office.shop.log("%H")[0] == office.shop.release("staging") != good


def follow_logs(office: Office, service: Service) -> None:
    """What the service writes is seen as it comes, until somebody stops it."""
    office.bob.says("/logs staging 20 follow")
    card = office.bob.sees(r"📄 shop · staging · 🔴 live.*ready.txt")
    assert service.get("who-is-there") == "404"
    office.bob.presses(office.bob.sees(r"🔴 live.*who-is-there"), "Stop")
    stopped = office.bob.sees(r"📄 shop · staging\n.*who-is-there", since=0)
    assert stopped["message_id"] == card["message_id"]


def roll_back(office: Office, service: Service) -> None:
    """The release before is back, and the branch stays as it is."""
    before, log = office.shop.release("staging"), office.shop.log("%H")
    office.alice.says("/rollback staging")
    done = office.alice.sees(r"✅ Rollback complete: shop · staging")
    assert "Roll back" not in str(done["reply_markup"])
    assert office.shop.release("staging") != before
    assert office.shop.release("staging") in log
    assert office.shop.log("%H") == log
    assert service.get("staging/current/site/greeting.txt") == "hello"


def work_at_once(office: Office) -> None:
    """Alice and Bob work in their own projects and in the shared one at the same time; nothing gets mixed up."""
    for person, own in ((office.alice, "attic"), (office.bob, "garden")):
        person.says(f"/new static-site {own}")
        person.sees(f"✅ {own} is ready")
    people = ((office.alice, "attic"), (office.bob, "garden"))
    for person, own in people:
        for place in (own, "shop"):
            name = f"{person.name.lower()}-in-{place}"
            note = {"path": f"site/{name}.txt", "content": f"{name}\n", "why": f"Note {name}"}
            office.plans(f"Write {name}", tool_use("write_file", note))
    for person, own in people:
        for place in (own, "shop"):
            person.says(f"/switch {place}")
            person.sees(f"This chat is about {place} now")
            person.says(f"/code Write {person.name.lower()}-in-{place}")
    for person, own in people:
        for place in (own, "shop"):
            person.sees(rf"✅ {place} · /code \d+ · merged.*{person.name.lower()}-in-{place}.txt", since=0)
            written = office.repository(place).log("%an: %s")
            assert f"{person.name}: Note {person.name.lower()}-in-{place}" in written
    assert set(office.repository("attic").log("%an")) == {"Alice"}
    assert set(office.repository("garden").log("%an")) == {"Bob"}


def queue(office: Office) -> None:
    """Files that come all at once wait for each other, and each is committed once."""
    for number in range(QUEUED):
        person = (office.alice, office.bob)[number % 2]
        person.sends(f"{number:02}.txt", f"{number}\n", to="notes/")
    wanted = {f"Add notes/{number:02}.txt" for number in range(QUEUED)}

    def done() -> bool:
        return wanted <= set(office.shop.log())

    until(done, seconds=120, what=f"{QUEUED} files in {office.shop.log()}; {office.running.tail()}")
    subjects = office.shop.log()
    assert [each for each in subjects if each in wanted] == subjects[:QUEUED]
    assert {office.shop.show(f"notes/{number:02}.txt") for number in range(QUEUED)} == {
        f"{number}\n" for number in range(QUEUED)
    }


def keep_out(office: Office) -> None:
    """Eve, who is let in but no member, and Charlie, a stranger, learn and change nothing."""
    live = office.alice.sees("✅ Deployment complete: shop · staging", since=0)
    key = data_of(live, "Logs").rpartition(" ")[2]
    before = {name: office.repository(name).log("%H") for name in ("shop", "attic", "garden")}
    office.charlie.says("/projects")
    office.charlie.sees(".")
    office.eve.says("/projects")
    office.eve.sees("You have no project yet")
    for line in closed_doors(key):
        for person in (office.eve, office.charlie):
            person.says(line)
        office.eve.sees(".")
    told = "\n".join([*office.eve.texts(), *office.charlie.texts()])
    for secret in ("greeting", "hello", "ready.txt", "attic", "garden", "Alice", "Bob", "static-site"):
        assert secret not in told
    assert before == {name: office.repository(name).log("%H") for name in before}


def number_of(message: Message) -> int:
    """Return the number of the work that a message is about."""
    (found,) = re.findall(r"/code (\d+)", text_of(message))
    return int(found)


def closed_doors(key: str) -> list[str]:
    """Return what somebody might try who has heard of a project and of work in it."""
    named = ["/switch shop", f"/switch {key}", f"/project show {key}", f"/project members {key}"]
    placed = [f"/{verb} staging in {key}" for verb in ("logs", "deploy", "rollback", "unlock")]
    numbered = ["/code undo 1", "/code up 1", "/diff 1", "/undo 1"]
    return [*named, *placed, *numbered, "/approve_production", "/tree", "/get claw.yaml", "/code Write something"]
