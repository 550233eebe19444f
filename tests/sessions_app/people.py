"""Alice (admin), Bob (operator) and Charlie (stranger), with a direct chat each and one group of all."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sessions_app.models import Channel, Contact, Message, Session
from sessions_app.sessions import add_message


@dataclass(frozen=True, kw_only=True)
class People:
    """Everybody, and where they talk."""

    channel: Channel
    alice: Contact
    bob: Contact
    charlie: Contact
    alices: Session
    bobs: Session
    group: Session


def make_people() -> People:
    """Create the rows; names of channel and chats are fresh, so it may be called again."""
    channel = Channel.objects.create(kind="webchat", name=f"test-{secrets.token_hex(4)}")

    def contact(name: str, state: str, role: str) -> Contact:
        return Contact.objects.create(channel=channel, external_id=name, name=name, state=state, role=role)

    def session(chat: str, kind: str = Session.Kind.DIRECT) -> Session:
        return Session.objects.create(channel=channel, chat_id=chat, kind=kind)

    approved = Contact.State.APPROVED
    return People(
        channel=channel,
        alice=contact("Alice", approved, Contact.RoleChoice.ADMIN),
        bob=contact("Bob", approved, Contact.RoleChoice.OPERATOR),
        charlie=contact("Charlie", Contact.State.PENDING, Contact.RoleChoice.VIEWER),
        alices=session("alice"),
        bobs=session("bob"),
        group=session("group", Session.Kind.GROUP),
    )


def talk(session: Session, *texts: str, contact: Contact | None = None) -> list[Message]:
    """Store a dialogue: the user's text, the assistant's, and so on."""
    rows = []
    for place, text in enumerate(texts):
        role = Message.Role.ASSISTANT if place % 2 else Message.Role.USER
        author = contact.pk if contact and role == Message.Role.USER else None
        rows.append(add_message(session.pk, role=role, text=text, contact_id=author))
    session.refresh_from_db()
    return rows


def fill(session: Session, count: int, *, tokens: int = 20) -> None:
    """Store many alternating messages in bulk."""
    roles = (Message.Role.ASSISTANT, Message.Role.USER)
    first = session.last_seq + 1
    rows = [
        Message(session=session, seq=seq, role=roles[seq % 2], text=f"message {seq}", tokens=tokens)
        for seq in range(first, first + count)
    ]
    Message.objects.bulk_create(rows, batch_size=2000)
    Session.objects.filter(pk=session.pk).update(last_seq=first + count - 1)
    session.refresh_from_db()
