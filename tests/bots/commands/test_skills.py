"""/skills: looked at by all who are known, switched by operators, one conversation at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bots import texts
from bots.channels.base import Button
from bots.skills.folder import folder_of
from bots.skills.offered import forget_cached
from clawsite.core.models import AuditEvent
from sessions_app.models import Contact, Session
from tests.bots.commands.conftest import Say
from tests.bots.skills.making import install, switched_on, write
from tests.sessions_app.people import People


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Remember no skill of another test."""
    forget_cached()
    yield
    forget_cached()


def viewer(people: People) -> Contact:
    people.charlie.state = Contact.State.APPROVED
    people.charlie.save()
    return people.charlie


def skills_of(session: Session) -> list[int]:
    session.refresh_from_db()
    return list(session.skills)


def buttons(answer: object) -> list[Button]:
    return [button for row in answer.buttons for button in row]  # type: ignore[attr-defined]


def test_without_any_it_says_who_can_change_that(people: People, say: Say) -> None:
    assert "An admin installs and enables them" in say(people.bob, people.bobs, "/skills")[0].text


def test_an_operator_switches_one_on_and_off_here_and_nowhere_else(people: People, say: Say, tmp_path: Path) -> None:
    skill = switched_on(write(tmp_path / "tea"))
    listed = say(people.bob, people.bobs, "show skills")[0]
    assert "▫️ tea: Knows how long tea steeps." in listed.text
    assert [button.data for button in buttons(listed)] == ["cmd:skills on tea"]
    on = say(people.bob, people.bobs, "/skills on tea", pressed="55")[0]
    assert on.text.startswith("tea is on in this chat.")
    assert "✅ tea" in on.text
    assert on.edit_ids == ("55",)
    assert (skills_of(people.bobs), skills_of(people.alices)) == ([skill.pk], [])
    assert say(people.bob, people.bobs, "/skills off tea")[0].text.startswith("tea is off in this chat.")
    assert skills_of(people.bobs) == []
    said = AuditEvent.objects.filter(action="session.skill", actor=people.bob.subject).order_by("id")
    assert [event.data for event in said] == [{"skill": "tea", "on": True}, {"skill": "tea", "on": False}]


def test_a_viewer_looks_and_switches_nothing(people: People, say: Say, tmp_path: Path) -> None:
    switched_on(write(tmp_path / "tea"))
    listed = say(viewer(people), people.group, "/skills")[0]
    assert ("tea" in listed.text, buttons(listed)) == (True, [])
    assert say(viewer(people), people.group, "/skills on tea")[0].text == "Only an operator may do this."
    assert skills_of(people.group) == []


def test_charlie_hears_that_there_is_no_such_command(people: People, say: Say, tmp_path: Path) -> None:
    switched_on(write(tmp_path / "tea"))
    for line in ("/skills", "/skills on tea", "/skills off tea"):
        assert say(people.charlie, people.group, line)[0].text == texts.unknown_command()


def test_what_is_not_enabled_is_not_there(people: People, say: Say, tmp_path: Path) -> None:
    install(write(tmp_path / "tea"))
    switched_on(write(tmp_path / "ant", front="name: ant\ndescription: x\n"))
    for name in ("tea", "<b>x</b>", "../ant", ""):
        said = say(people.bob, people.bobs, f"/skills on {name}")[0]
        assert said.text == "There is no skill of this name. Skills: ant."
    assert say(people.bob, people.bobs, "/skills burn ant")[0].text.startswith("Use /skills")


def test_files_that_changed_are_told_instead_of_switched_on(people: People, say: Say, tmp_path: Path) -> None:
    skill = switched_on(write(tmp_path / "tea"))
    (folder_of("tea", skill.digest) / "SKILL.md").write_text("other")
    said = say(people.bob, people.bobs, "/skills on tea")[0].text
    assert said == "tea was switched off: its files are not those that an admin looked at."
    assert "No skill is switched on here." in say(people.bob, people.bobs, "/skills")[0].text
