"""A runbook from an alert's button: what would run is shown first, and a second press starts that and nothing else."""

from __future__ import annotations

import pytest

from bots.channels.base import OutboundMessage
from runbooks.books import Book, save_book
from runbooks.models import AlertGroup, Run
from runbooks.runner import perform
from sessions_app.models import Contact
from tests.bots.commands.conftest import Say
from tests.runbooks.alerts.deliveries import One, fire
from tests.runbooks.books.making import book, step
from tests.runbooks.people import ALICE
from tests.sessions_app.people import People

pytestmark = pytest.mark.django_db
WHERE = [{"name": "place", "default": "here"}, {"name": "why", "default": "no reason"}]


def restart(*words: str) -> Book:
    """Return a runbook that says where it is done."""
    undo = {"title": "Back again", "kind": "command", "with": {"argv": ["true"]}, "host": ["true"]}
    doing = step("command", "Restarting", argv=["echo", "{place}", *words], host=["echo"], rollback=undo)
    return book(doing, name="restart-api", parameters=WHERE, target="{place}")


@pytest.fixture
def group(people: People) -> AlertGroup:
    """An alert whose labels say where."""
    save_book(restart(), actor=ALICE)
    fire(One(labels={"place": "berlin"}))
    return AlertGroup.objects.get()


def go(shown: OutboundMessage) -> str:
    """Return what the button below a plan says."""
    return "/" + shown.buttons[0][0].data.removeprefix("cmd:")


def test_the_first_press_shows_exactly_what_would_run(people: People, say: Say, group: AlertGroup) -> None:
    (shown,) = say(people.bob, people.bobs, f"/runbook restart-api group={group.pk}", pressed="77")
    assert shown.text.splitlines() == [
        "🔍 This would run:", "The runbook restart-api · berlin", "• place = berlin", "• why = no reason", "",
        "1. Restarting: echo berlin", "   ↩️ Back again: true",
    ]  # fmt: skip
    assert shown.edit_ids == ()
    assert not Run.objects.exists()


def test_the_second_press_starts_it_once(people: People, say: Say, group: AlertGroup) -> None:
    (shown,) = say(people.bob, people.bobs, f"/runbook restart-api group={group.pk}", pressed="77")
    (started,) = say(people.bob, people.bobs, go(shown), pressed="78")
    say(people.bob, people.bobs, go(shown), pressed="78")
    run = Run.objects.get()
    assert (run.target, run.group_id, run.requested_by) == ("berlin", group.pk, people.bob.person)
    assert started.text.startswith("🔍 Started by Bob:\nThe runbook restart-api · berlin")
    assert (started.edit_ids, started.buttons) == (("78",), ())


def test_who_presses_later_finds_it_started(people: People, say: Say, group: AlertGroup) -> None:
    (shown,) = say(people.bob, people.group, f"/runbook restart-api group={group.pk}", pressed="77")
    say(people.bob, people.group, go(shown), pressed="78")
    perform(Run.objects.get().job_id)
    (again,) = say(people.alice, people.group, go(shown), pressed="78")
    assert again.text.startswith("🔍 Started by Bob:")
    assert Run.objects.count() == 1


@pytest.mark.parametrize("what", ["runbook", "labels"])
def test_what_changed_in_between_is_shown_again(people: People, say: Say, group: AlertGroup, what: str) -> None:
    (shown,) = say(people.bob, people.bobs, f"/runbook restart-api group={group.pk}", pressed="77")
    if what == "runbook":
        save_book(restart("twice"), actor=ALICE)
    else:
        AlertGroup.objects.update(labels={"place": "rome"})
    (again,) = say(people.bob, people.bobs, go(shown), pressed="78")
    assert again.text.startswith("🔍 ⚠️ Nothing was started: the runbook or the alert has changed.")
    assert ("echo berlin twice" if what == "runbook" else "echo rome") in again.text
    assert again.edit_ids == ("78",)
    assert not Run.objects.exists()
    say(people.bob, people.bobs, go(again), pressed="78")
    assert Run.objects.get().plan[0]["shown"] == again.text.splitlines()[5].partition(": ")[2]


def test_values_that_were_typed_are_part_of_what_is_agreed_to(people: People, say: Say, group: AlertGroup) -> None:
    line = f'/runbook restart-api group={group.pk} place=\'the "old" town\' why="it is a very slow day"'
    (shown,) = say(people.bob, people.bobs, line)
    assert '• place = the "old" town' in shown.text
    assert shown.buttons == ()
    words = shown.text.splitlines()[-1].removeprefix("To start exactly this, write: ")
    assert "was started" not in shown.text
    assert say(people.bob, people.bobs, words.replace("slow", "fast"))[0].text.startswith("🔍 ⚠️ Nothing was started")
    assert say(people.bob, people.bobs, words) == ()
    assert Run.objects.get().parameters == {"place": 'the "old" town', "why": "it is a very slow day"}


def test_charlie_and_a_viewer_start_nothing(people: People, say: Say, group: AlertGroup) -> None:
    line = f"/runbook restart-api group={group.pk}"
    button = go(say(people.bob, people.bobs, line)[0])
    for words in (line, button):
        assert "do not know this command" in say(people.charlie, people.group, words)[0].text
    people.bob.role = Contact.RoleChoice.VIEWER
    people.bob.save()
    for words in (line, button):
        assert say(people.bob, people.bobs, words)[0].text.startswith("Only the role operator")
    assert not Run.objects.exists()


@pytest.mark.parametrize("line", ["go 999 1 0123456789abcdef", "go 1 999 0123456789abcdef", "go 1 1 forged"])
def test_forged_buttons_start_nothing(people: People, say: Say, group: AlertGroup, line: str) -> None:
    assert say(people.bob, people.bobs, f"/runbook {line}", pressed="78")[0].text
    assert not Run.objects.exists()
