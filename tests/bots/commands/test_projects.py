"""/new, /projects, /switch and /project: what they ask, what they make, and who may."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pytest_django import Settings

from bots import texts
from bots.cards import CardView, render_card
from bots.cards.project import draw_tree
from bots.commands.new import TYPES
from bots.commands.registry import match_command
from clawsite.core.models import AuditEvent
from runbooks.models import CurrentProject, Job, Project, ProjectMember
from runbooks.runner import perform
from runbooks.workspaces.operations import record_operation
from runbooks.workspaces.templates import list_templates
from runbooks.workspaces.watchers import sessions_of
from sessions_app.models import Card, Contact, GroupAccess, Session
from tests.bots.commands.conftest import Say
from tests.runbooks.workspaces.making import row
from tests.sessions_app.people import People

pytestmark = pytest.mark.django_db(transaction=True)
VIEW = CardView(zone=ZoneInfo("UTC"))


@pytest.fixture(autouse=True)
def home(settings: Settings, tmp_path: Path) -> None:
    """Keep the projects of each test apart."""
    settings.CLAW_HOME = tmp_path


def let_in(people: People) -> tuple[Contact, Session]:
    """Make Charlie a viewer with a chat."""
    people.charlie.state = Contact.State.APPROVED
    people.charlie.save()
    return people.charlie, Session.objects.create(channel=people.channel, chat_id="Charlie")


def shop(people: People) -> Project:
    """Return a project of Bob's that his chat is about."""
    made = row(owner=people.bob.subject, owner_name="Bob")
    CurrentProject.objects.create(session=people.bobs, subject=people.bob.subject, project=made)
    return made


def test_what_is_missing_is_asked_for_with_buttons(people: People, say: Say) -> None:
    (asked,) = say(people.bob, people.bobs, "/new")
    buttons = [button for line in asked.buttons for button in line]
    assert "🤖 telegram-bot — A bot that answers" in asked.text
    assert [button.data for button in buttons][:2] == ["cmd:new django-app", "cmd:new fastapi-service"]

    (named,) = say(people.bob, people.bobs, "/new bot", pressed="9")
    assert named.edit_ids == ("9",)
    assert named.buttons[0][0].data == "cmd:new telegram-bot my-bot"

    (typed,) = say(people.bob, people.bobs, "novo projeto shop")
    assert typed.text.startswith("Which type of project is shop?")
    assert typed.buttons[0][0].data == "cmd:new django-app shop"
    assert not Project.objects.exists()


def test_the_card_of_a_new_project_shows_its_files_and_what_may_be_done(people: People, say: Say) -> None:
    assert say(people.bob, people.bobs, "/new static-site Shop") == ()
    perform(Job.objects.get().pk)

    card = Card.objects.get(kind="project")
    shown = render_card(card.kind, card.data, VIEW)
    assert card.session_id == people.bobs.pk
    assert shown.text.startswith(f"✅ shop is ready (static-site), first commit {card.data['sha'][:8]}.")
    assert "\nsite/\n  about.html\n  index.html\n  style.css\n" in shown.text
    assert "cmd:project show" in {button.data for line in shown.buttons for button in line}
    status = say(people.bob, people.bobs, "/status")[0].text
    assert f"Project: shop (static-site), main {card.data['sha'][:8]}: Begin shop" in status
    assert "Project:" not in say(people.alice, people.alices, "/status")[0].text


def test_one_that_could_not_be_made_says_why(people: People, say: Say) -> None:
    say(people.bob, people.bobs, "/new static-site shop")
    data = {"name": "shop", "error": "The disk is full.", "key": "shop", "type": "static-site"}
    shown = render_card("project", data, VIEW)
    assert shown.text == "❌ shop could not be made: The disk is full."
    assert shown.buttons[0][0].data == "cmd:new"


def test_every_type_is_told_in_the_words_of_the_chat() -> None:
    written = {text for each in list_templates() for text in (each.about.title, each.about.description)}
    assert written == set(TYPES)


def test_a_tree_of_files() -> None:
    assert draw_tree(["a", "b/c", "b/d/e", "f/g"]) == ["a", "b/", "  c", "  d/", "    e", "f/", "  g"]
    assert draw_tree([]) == []


@pytest.mark.parametrize(
    "text", ["/new static-site ../x", "/new static-site a_b", "/new nothing a b", "/new site a b c"]
)
def test_names_that_are_none(people: People, say: Say, text: str) -> None:
    assert len(say(people.bob, people.bobs, text)) == 1
    assert not Project.objects.exists()


def test_viewers_and_strangers_make_nothing(people: People, say: Say) -> None:
    charlie = say(people.charlie, people.bobs, "/new static-site x")
    viewer, chat = let_in(people)
    assert [each.text for each in (*charlie, *say(viewer, chat, "/new static-site x"))] == [texts.unknown_command()] * 2
    assert not Project.objects.exists()


def test_a_viewer_is_not_offered_to_begin_one(people: People, say: Say) -> None:
    viewer, chat = let_in(people)
    (answer,) = say(viewer, chat, "/projects")
    assert ("/new" in answer.text, answer.buttons) == (False, ())
    (answer,) = say(people.bob, people.bobs, "/projects")
    assert "/new begins one" in answer.text
    assert [button.data for row in answer.buttons for button in row] == ["cmd:new"]


def test_a_group_owns_what_is_made_in_it(people: People, say: Say) -> None:
    GroupAccess.objects.create(channel=people.channel, chat_id="group", title="Team", allowed=True)
    assert say(people.bob, people.group, "/new site shop") == ()
    perform(Job.objects.get().pk)

    assert "👥" not in say(people.bob, people.group, "/projects")[0].text  # it is the current one
    assert "Owner: Team; your role: maintainer" in say(people.bob, people.group, "/project")[0].text
    assert "Owner: Team; your role: developer" in say(people.alice, people.group, "/project")[0].text
    assert "no project" in say(people.alice, people.alices, "/projects")[0].text


def test_the_list_shows_where_each_stands_and_switches(people: People, say: Say) -> None:
    made, other = shop(people), row("blog", owner=people.bob.subject)
    row("secret", owner=people.alice.subject)
    record_operation(made, kind="code", sha="abcdef0123", actor=people.bob.actor, summary="Add a page")

    (listed,) = say(people.bob, people.bobs, "meus projetos")
    assert "• blog (python-package, ready)" in listed.text
    assert "▶ shop (python-package), main abcdef01: Add a page" in listed.text
    assert "secret" not in listed.text
    assert [button.data for line in listed.buttons for button in line] == [f"cmd:switch {other.key}", "cmd:new"]

    assert say(people.bob, people.bobs, "/switch blog")[0].text == "This chat is about blog now."
    assert CurrentProject.objects.get().project == other
    assert "• secret" in say(people.alice, people.alices, "/projects")[0].text


def test_nobody_switches_to_what_is_not_theirs(people: People, say: Say) -> None:
    made = shop(people)
    for name in ("shop", made.key, "nothing"):
        (answer,) = say(people.alice, people.alices, f"/switch {name}")
        assert answer.text == f"There is no project “{name}”."
    assert AuditEvent.objects.filter(action="project.refused").count() == 2


def test_people_are_let_in_and_out_by_maintainers(people: People, say: Say) -> None:
    made = shop(people)
    assert say(people.bob, people.bobs, "/project add Alice")[0].text == "Alice is developer in shop now."
    assert say(people.bob, people.bobs, "/project members role alice viewer")[0].text == "Alice is viewer in shop now."
    assert "• Bob — owner\n• Alice — viewer" in say(people.bob, people.bobs, "/project members")[0].text
    say(people.alice, people.alices, "/switch shop")
    refused = say(people.alice, people.alices, "/project add Charlie")[0].text
    assert refused == "In shop this needs the role maintainer."
    assert "nobody called “Zoe”" in say(people.bob, people.bobs, "/project add Zoe")[0].text
    assert "owns the project" in say(people.bob, people.bobs, "/project add Bob viewer")[0].text

    gone = say(people.bob, people.bobs, "/project remove Alice")[0].text
    assert gone == "Alice is not a member of shop any more."
    assert "is no member" in say(people.bob, people.bobs, "/project remove Alice")[0].text
    assert say(people.bob, people.bobs, "/project добавь Alice viewer")[0].text == "Alice is viewer in shop now."
    assert "• Alice — viewer" in say(people.bob, people.bobs, "/project membros")[0].text
    assert "not a member" in say(people.bob, people.bobs, "/project remover Alice")[0].text
    assert "no project" in say(people.alice, people.alices, "/projects")[0].text
    assert not ProjectMember.objects.filter(project=made).exists()


def test_a_chat_asks_for_news_and_for_no_more(people: People, say: Say) -> None:
    made = shop(people)
    say(people.bob, people.bobs, "/project watch")
    assert sessions_of(made) == [people.bobs.pk]
    assert "No news here" in {
        button.label for line in say(people.bob, people.bobs, "/project")[0].buttons for button in line
    }
    say(people.bob, people.bobs, "/project unwatch shop")
    assert sessions_of(made) == []


def test_an_archived_project_comes_back(people: People, say: Say) -> None:
    made = shop(people)
    (answer,) = say(people.bob, people.bobs, "/project archive shop", pressed="3")
    assert answer.text == "shop is archived; nothing is lost."
    assert answer.buttons[0][0].data == f"cmd:project restore {made.key}"
    assert say(people.bob, people.bobs, "/project")[0].text == "Choose a project first: /projects."
    assert "It is archived." in say(people.bob, people.bobs, "/project shop")[0].text
    assert say(people.bob, people.bobs, "/project restore shop")[0].text == "shop can be worked on again."


def test_the_last_changes(people: People, say: Say) -> None:
    made = shop(people)
    assert "Nothing has been changed yet." in say(people.bob, people.bobs, "/project log")[0].text
    record_operation(made, kind="code", sha="abcdef0123", actor=people.bob.actor, summary="Add a page")
    assert "abcdef01 Add a page (Bob)" in say(people.bob, people.bobs, "/project log")[0].text


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("new project", "new"), ("Criar um novo projeto", "new"), ("создай новый проект", "new"),
        ("projects", "projects"), ("мои проекты", "projects"), ("mostra os meus projetos", "projects"),
        ("switch to project shop", "switch"), ("перейди к проекту shop", "switch"), ("the project", "project"),
    ],
)  # fmt: skip
def test_plain_words_in_three_languages(text: str, command: str) -> None:
    found = match_command(text, bot_username="clawbot")
    assert found is not None
    assert found.command.name == command


@pytest.mark.parametrize("text", ["switch to decaf", "a new conversation", "my project is late", "create a plan"])
def test_ordinary_sentences_are_left_alone(text: str) -> None:
    found = match_command(text, bot_username="clawbot")
    assert found is None or found.command.name not in {"new", "projects", "switch", "project"}


def test_a_repository_elsewhere_is_cloned_under_its_name(people: People, say: Say, settings: Settings) -> None:
    url = "https://git.example.invalid/us/My.Shop.git"
    assert say(people.bob, people.bobs, f"/new {url}")[0].text == "This address is not among CLAW_GIT_REMOTES."
    settings.CLAW_GIT_REMOTES = ["https://git.example.invalid/us"]

    assert say(people.bob, people.bobs, f"/new {url}")[0].text == "my-shop is being cloned."
    assert say(people.bob, people.bobs, f"/new {url} other")[0].text == "other is being cloned."
    assert [job.params["url"] for job in Job.objects.filter(kind="project_clone")] == [url, url]
