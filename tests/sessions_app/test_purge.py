"""A conversation that is removed takes its raw updates along, also those from before it got its new id."""

from __future__ import annotations

import pytest

from guardrails.types import Actor, Role
from sessions_app.models import Channel, Inbox, Session, Turn
from sessions_app.purge import purge_session
from sessions_app.sessions import move_chat

pytestmark = pytest.mark.django_db

ALICE = Actor(subject="user:1", role=Role.ADMIN, name="Alice")


def add(channel: Channel, chat: str, state: str = "done", *, session: Session | None = None) -> Inbox:
    """Store an update of a chat; with a session it has a turn."""
    count = Inbox.objects.count()
    row = Inbox.objects.create(
        channel=channel, external_id=f"{count}", lane=f"{channel.pk}/{chat}/", raw="secret plan", state=state
    )
    if session is not None:
        Turn.objects.create(inbox=row, session=session, epoch=1, state="done")
    return row


def test_the_updates_of_a_place_go_with_it_and_those_of_others_stay() -> None:
    channel = Channel.objects.create(kind="telegram", name="main")
    session = Session.objects.create(channel=channel, chat_id="-1", kind="group")
    add(channel, "-1", session=session)
    for state in ("done", "dead"):  # no turn came of them
        add(channel, "-1", state)
    move_chat(channel.pk, old="-1", new="-1001")
    session.refresh_from_db()
    add(channel, "-1001", session=session)
    for state in ("done", "unparsed", "dead"):
        add(channel, "-1001", state)
    waits, others = add(channel, "-1001", "new"), add(channel, "-10012")

    purge_session(session, actor=ALICE)
    assert set(Inbox.objects.all()) == {waits, others}
