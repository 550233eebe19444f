"""Who may use what: Alice (admin), Bob (operator), a viewer, and Charlie, whom nobody knows."""

from __future__ import annotations

import pytest

from bots import texts
from bots.commands.registry import all_commands
from sessions_app import facts
from sessions_app.contacts import issue_pairing
from sessions_app.models import Contact, Session
from tests.bots.commands.conftest import Say
from tests.sessions_app.people import People


def session_of_charlie(people: People) -> Session:
    return Session.objects.create(channel=people.channel, chat_id="charlie")


def viewer(people: People) -> Contact:
    people.charlie.state = Contact.State.APPROVED
    people.charlie.save()
    return people.charlie


@pytest.mark.parametrize("name", sorted(command.name for command in all_commands()))
def test_strangers_hear_that_a_command_does_not_exist(people: People, say: Say, name: str) -> None:
    facts.remember(people.alices, "The safe opens at nine")
    answers = say(people.charlie, session_of_charlie(people), f"/{name} x")
    assert [answer.text for answer in answers] == [texts.unknown_command()]
    answers = say(people.charlie, people.alices, f"/{name}")
    assert [answer.text for answer in answers] == [texts.unknown_command()]


@pytest.mark.parametrize("name", ["settings language ru", "reset"])
def test_in_a_group_only_operators_change_the_session(people: People, say: Say, name: str) -> None:
    answers = say(viewer(people), people.group, f"/{name}")
    assert [answer.text for answer in answers] == [texts.unknown_command()]
    people.group.refresh_from_db()
    assert (people.group.language, people.group.epoch) == ("", 1)
    assert say(people.bob, people.group, f"/{name}")[0].text != texts.unknown_command()
    people.group.refresh_from_db()
    assert (people.group.language, people.group.epoch) != ("", 1)


def test_in_their_own_chat_viewers_change_it(people: People, say: Say) -> None:
    session = session_of_charlie(people)
    say(viewer(people), session, "/settings language ru")
    session.refresh_from_db()
    assert session.language == "ru"


@pytest.mark.parametrize("name", ["start", "status", "pair"])
def test_a_blocked_person_is_a_stranger(people: People, say: Say, name: str) -> None:
    people.charlie.state = Contact.State.BLOCKED
    people.charlie.save()
    assert say(people.charlie, session_of_charlie(people), f"/{name}")[0].text == texts.unknown_command()


def test_help_lists_what_one_may_use_and_no_more(people: People, say: Say) -> None:
    full = say(people.bob, people.bobs, "/help")[0].text
    assert all(f"/{command.name} " in full for command in all_commands() if not command.hidden)
    in_group = say(viewer(people), people.group, "/help")[0].text
    assert "/reset" not in in_group
    assert "/settings" not in in_group
    assert "/memory" in in_group


def test_help_on_a_command_that_is_not_yours_says_it_does_not_exist(people: People, say: Say) -> None:
    about = say(viewer(people), people.group, "/help reset")[0].text
    assert about == say(people.charlie, people.group, "/help nosuch")[0].text == texts.unknown_command()
    assert "new conversation" in say(people.bob, people.bobs, "/help /reset")[0].text


def test_a_code_is_never_shown_in_a_group(people: People, say: Say) -> None:
    assert "direct chat" in say(people.alice, people.group, "/pair")[0].text


def test_only_admins_see_who_waits_and_no_message_lets_anybody_in(people: People, say: Say) -> None:
    code = issue_pairing(people.charlie).code
    for contact, session in ((people.bob, people.bobs), (people.charlie, people.group)):
        shown = "".join(answer.text for answer in say(contact, session, "/pair"))
        assert code[:4] not in shown
    listed = say(people.alice, people.alices, f"/pair approve {code} admin")[0].text
    assert "Charlie" in listed
    assert f"{code[:4]}-{code[4:]}" in listed
    assert "pair approve CODE" in listed
    people.charlie.refresh_from_db()
    assert people.charlie.state == Contact.State.PENDING


def test_nobody_waiting_is_said(people: People, say: Say) -> None:
    assert say(people.alice, people.alices, "/pair")[0].text == "Nobody waits to be let in."
    assert "operator" in say(people.bob, people.bobs, "/pair")[0].text
