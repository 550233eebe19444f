"""Who sees and changes a project: its owner, members, the people of its group; and nobody else, admins included."""

from __future__ import annotations

import pytest

from clawsite.core.errors import BadInput, NotAllowed, NotFound
from clawsite.core.models import AuditEvent, User
from guardrails.types import Actor, Role
from runbooks.models import CurrentProject, Project, ProjectMember
from runbooks.workspaces.access import access_project, current_project, list_projects, maintainers_of, role_of
from sessions_app.models import Channel, Contact, GroupAccess, Session
from tests.runbooks.people import ALICE, BOB, CHARLIE, VIEWER
from tests.runbooks.workspaces.making import row

pytestmark = pytest.mark.django_db


def member(project: Project, actor: Actor, role: str) -> None:
    """Let somebody in."""
    ProjectMember.objects.create(project=project, subject=actor.subject, name=actor.name, role=role)


@pytest.mark.parametrize("actor", [ALICE, CHARLIE, VIEWER])
def test_what_is_not_theirs_is_as_if_it_were_not_there(actor: Actor) -> None:
    made = row()
    messages = set()
    for name in (made.name, made.key, "nothing"):
        with pytest.raises(NotFound) as caught:
            access_project(name, actor=actor)
        messages.add(caught.value.message.replace(name, "X"))
    assert len(messages) == 1
    assert list_projects(actor) == []
    assert AuditEvent.objects.filter(action="project.refused", actor=actor.subject, subject=made.ref).count() == 2


def test_the_owner_is_a_maintainer() -> None:
    made = row()

    assert access_project("shop", actor=BOB, role="maintainer") == made
    assert list_projects(BOB) == [made]
    assert maintainers_of(made) == [BOB.subject]


def test_each_role_includes_the_ones_before_it() -> None:
    made = row()
    member(made, ALICE, "developer")

    assert access_project(made.key, actor=ALICE, role="developer") == made
    with pytest.raises(NotAllowed) as caught:
        access_project(made.key, actor=ALICE, role="maintainer")
    assert not isinstance(caught.value, NotFound)


def test_changing_needs_an_operator_whatever_the_project_says() -> None:
    made = row()
    member(made, VIEWER, "maintainer")

    assert access_project("shop", actor=VIEWER) == made
    with pytest.raises(NotAllowed, match="Only operators"):
        access_project("shop", actor=VIEWER, role="developer")


def test_a_stranger_sees_not_even_their_own() -> None:
    row(owner=CHARLIE.subject)

    assert list_projects(CHARLIE) == []
    with pytest.raises(NotFound):
        access_project("shop", actor=CHARLIE)


def test_an_archived_project_is_looked_at_only() -> None:
    made = row(archived=True)

    assert access_project("shop", actor=BOB) == made
    assert list_projects(BOB) == []
    with pytest.raises(NotAllowed, match="archived"):
        access_project("shop", actor=BOB, role="developer")
    assert access_project("shop", actor=BOB, role="maintainer", archived=True) == made


class Place:
    """A group and the direct chats of two people in it."""

    def __init__(self, *, listed: bool) -> None:
        channel = Channel.objects.create(kind="telegram", name="t")
        self.group = GroupAccess.objects.create(channel=channel, chat_id="-5", allowed=True)
        self.chat = Session.objects.create(channel=channel, chat_id="-5", kind=Session.Kind.GROUP)
        self.direct = Session.objects.create(channel=channel, chat_id="1")
        self.bob, self.dora = (self._contact(channel, number) for number in ("1", "2"))
        if listed:
            self.group.members.add(self.bob)

    def _contact(self, channel: Channel, number: str) -> Contact:
        return Contact.objects.create(
            channel=channel, external_id=number, name=number, state="approved", role="operator"
        )


def test_the_people_of_a_group_are_developers_of_its_projects() -> None:
    place = Place(listed=True)
    made = row(owner=f"group:{place.group.pk}")

    assert role_of(made, actor=place.bob.actor) == "developer"
    assert role_of(made, actor=place.bob.actor, session_id=place.chat.pk) == "developer"
    assert role_of(made, actor=place.dora.actor, session_id=place.chat.pk) == ""
    GroupAccess.objects.update(allowed=False)
    assert role_of(made, actor=place.bob.actor, session_id=place.chat.pk) == ""


def test_a_group_without_a_list_is_whoever_is_let_in_and_talks_there() -> None:
    place = Place(listed=False)
    made = row(owner=f"group:{place.group.pk}")

    assert access_project("shop", actor=place.dora.actor, session_id=place.chat.pk, role="developer") == made
    assert current_project(place.chat.pk, place.dora.actor) == made
    with pytest.raises(NotFound):
        access_project("shop", actor=place.dora.actor, session_id=place.direct.pk)
    Contact.objects.update(state="blocked")
    place.dora.refresh_from_db()
    with pytest.raises(NotFound):
        access_project("shop", actor=place.dora.actor, session_id=place.chat.pk)


def test_of_one_name_the_groups_comes_first_in_the_group() -> None:
    place = Place(listed=False)
    own = row(owner=place.bob.subject)
    shared = row(owner=f"group:{place.group.pk}")

    assert access_project("shop", actor=place.bob.actor, session_id=place.chat.pk) == shared
    assert access_project("shop", actor=place.bob.actor, session_id=place.direct.pk) == own


def test_a_person_is_the_same_by_all_their_names() -> None:
    place = Place(listed=False)
    made = row(owner=place.bob.subject)
    user = User.objects.create(username="bob")
    Contact.objects.filter(pk=place.bob.pk).update(user=user)

    linked = Actor(subject=f"user:{user.pk}", role=Role.OPERATOR, name="Bob")
    assert access_project("shop", actor=linked, role="maintainer") == made


def test_the_current_project_is_chosen_for_each_person_and_chat() -> None:
    place = Place(listed=False)
    made = row(owner=place.bob.subject)
    with pytest.raises(BadInput, match="Choose a project first"):
        current_project(place.direct.pk, place.bob.actor)

    CurrentProject.objects.create(session=place.direct, subject=place.bob.subject, project=made)
    assert current_project(place.direct.pk, place.bob.actor, role="maintainer") == made
    with pytest.raises(BadInput):
        current_project(place.chat.pk, place.bob.actor)
    ProjectMember.objects.all().delete()
    Project.objects.update(owner="user:99")  # it was given away
    with pytest.raises(NotFound):
        current_project(place.direct.pk, place.bob.actor)


def test_a_key_is_not_taken_by_a_name() -> None:
    """Buttons and programs name keys; whoever lets somebody into a project of that name must not catch them."""
    made = row(key="z-shop-1")
    member(made, ALICE, "viewer")
    trap = row("z-shop-1", owner=ALICE.subject, key="a-trap")
    assert access_project("z-shop-1", actor=ALICE) == made
    assert access_project("a-trap", actor=ALICE) == trap
