"""/sync: looked at by the project's people, pushed and pulled by its developers, and nothing to anybody else."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from bots.cards.registry import CardView, render_card
from bots.channels.base import OutboundMessage
from clawsite.core.models import AuditEvent
from runbooks.models import Job, Project, Remote
from sessions_app.models import Contact
from tests.bots.commands.conftest import Say
from tests.sessions_app.people import People

CHOICES = [f"cmd:sync pull {choice} shop-1" for choice in ("ours", "theirs", "branch")]
URL = "ssh://git@forge.test/us/shop.git"


@pytest.fixture
def project(people: People) -> Project:
    """A project of Bob's, chosen in his chat and in the group."""
    made = Project.objects.create(key="shop-1", name="shop", owner=people.bob.person, type="fastapi", state="ready")
    for session in (people.bobs, people.group):
        made.current_in.create(session=session, subject=people.bob.person)
    return made


@pytest.fixture
def remote(project: Project) -> Remote:
    """Its remote, which has what is not here."""
    return Remote.objects.create(
        project=project, url=URL, state="diverged", error="fetch first", ahead=2, behind=1, pushed_sha="a" * 40
    )


def buttons(answer: OutboundMessage) -> list[str]:
    return [button.data or "" for row in answer.buttons for button in row]


def kinds() -> list[tuple[str, dict[str, object]]]:
    return [(job.kind, job.params) for job in Job.objects.order_by("pk")]


def test_it_tells_how_it_stands(people: People, remote: Remote, say: Say) -> None:
    (answer,) = say(people.bob, people.bobs, "/sync")

    assert answer.text.splitlines() == [
        f"shop → {URL}",
        "The remote has changes that are not here.",
        "> fetch first",
        "Here only: 2 commits. There only: 1.",
        "Pushed last: aaaaaaaa",
    ]
    assert buttons(answer) == ["cmd:sync push shop-1", "cmd:sync pull shop-1"]


@pytest.mark.parametrize("words", ["/sync push", "/sync отправить", "/sync enviar"])
def test_a_developer_pushes(people: People, remote: Remote, say: Say, words: str) -> None:
    assert "is being pushed" in say(people.bob, people.bobs, words)[0].text
    say(people.bob, people.bobs, words)

    assert kinds() == [("git_push", {"project": "shop-1"})]  # one waits, however often it is asked for
    assert AuditEvent.objects.filter(action="remote.push", actor=people.bob.person).count() == 2


def test_a_developer_pulls_and_says_who_wins(people: People, remote: Remote, say: Say) -> None:
    assert say(people.bob, people.bobs, "/sync pull") == ()
    assert say(people.bob, people.bobs, "/sync pull ours shop-1", pressed="9") == ()

    assert [params["choice"] for _, params in kinds()] == ["", "ours"]


def test_without_a_remote_it_says_who_sets_one_up(people: People, project: Project, say: Say) -> None:
    assert "An admin sets one up in the admin pages, under Remotes." in say(people.bob, people.bobs, "/sync")[0].text


def test_one_that_is_off_stays_off(people: People, remote: Remote, say: Say) -> None:
    Remote.objects.update(enabled=False)
    assert "switched off" in say(people.bob, people.bobs, "/sync")[0].text
    assert "switched off" in say(people.bob, people.bobs, "/sync push")[0].text
    assert kinds() == []


@pytest.mark.parametrize("words", ["/sync dance", "/sync push a b", "/sync pull ours a b"])
def test_what_is_not_understood_is_answered_with_how_to(people: People, remote: Remote, say: Say, words: str) -> None:
    assert say(people.bob, people.bobs, words)[0].text == "Use /sync, /sync push or /sync pull."


def test_a_viewer_of_the_project_looks_and_no_more(people: People, remote: Remote, say: Say) -> None:
    remote.project.members.create(subject=people.alice.person, role="viewer")
    assert URL in say(people.alice, people.alices, "/sync status shop-1")[0].text
    assert "needs the role developer" in say(people.alice, people.alices, "/sync push shop-1")[0].text
    assert kinds() == []


def stranger(people: People) -> Contact:
    people.charlie.state = Contact.State.APPROVED
    people.charlie.save()
    return people.charlie


@pytest.mark.parametrize("words", ["/sync", "/sync push", "/sync push shop-1", "/sync pull ours shop-1"])
def test_charlie_and_an_admin_who_is_no_member_see_nothing(
    people: People, remote: Remote, say: Say, words: str
) -> None:
    for contact in (stranger(people), people.alice):
        (answer,) = say(contact, people.group, words)
        assert answer.text in ("Choose a project first: /projects.", "There is no project “shop-1”.")
    assert kinds() == []


@pytest.mark.parametrize(
    ("what", "state", "said", "pressed"),
    [
        ("trouble", "diverged", "There only: 1.", ["cmd:sync pull shop-1"]),
        ("trouble", "denied", "> fetch first", ["cmd:sync push shop-1"]),
        ("recovered", "ok", "has everything again", []),
        ("pulled", "ok", "3 commits came", []),
        ("same", "ok", "nothing new", []),
        ("conflict", "diverged", "• a.txt", CHOICES),
        ("branch", "diverged", "as the branch 3", []),
    ],
)  # fmt: skip
def test_the_card_says_what_is_to_be_done(what: str, state: str, said: str, pressed: list[str]) -> None:
    data = {
        "project": "shop", "key": "shop-1", "url": URL, "what": what, "state": state, "error": "fetch first",
        "ahead": 2, "behind": 1, "paths": ["a.txt"], "count": 1, "text": "3", "next": "2026-11-26T12:00:00+00:00",
    }  # fmt: skip
    message = render_card("sync", data, CardView(zone=ZoneInfo("UTC")))

    assert message.plain
    assert said in message.text
    assert buttons(message) == pressed
