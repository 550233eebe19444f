"""Alice (admin), Bob (operator) and Charlie (stranger), with a direct chat each and one group of all."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from django.db import connection

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
    """Store many alternating messages: the first as any other is stored, the rest by one statement like it."""
    first = session.last_seq + 1
    last = first + count - 1
    role = Message.Role.USER if first % 2 else Message.Role.ASSISTANT
    row = Message.objects.create(session=session, seq=first, role=role, text=f"message {first}", tokens=tokens)
    columns = [str(field.column) for field in Message._meta.concrete_fields if not field.primary_key]
    copied = {column: column for column in columns}
    copied |= {"seq": "number", "text": "'message ' || number"}
    copied["role"] = f"CASE number % 2 WHEN 1 THEN '{Message.Role.USER}' ELSE '{Message.Role.ASSISTANT}' END"
    table = Message._meta.db_table
    statement = f"""
        WITH RECURSIVE numbers (number) AS (
            VALUES ({first}) UNION ALL SELECT number + 1 FROM numbers WHERE number < {last}
        )
        INSERT INTO {table} ({", ".join(copied)}) SELECT {", ".join(copied.values())}
        FROM numbers, {table} WHERE number > {first} AND id = {row.pk}
    """  # noqa: S608 - nothing in it comes from outside
    with connection.cursor() as cursor:
        cursor.execute(statement)
    Session.objects.filter(pk=session.pk).update(last_seq=last)
    session.refresh_from_db()
