"""Chats that the bot may write to by itself: where it was spoken to before, or where somebody was let in."""

from __future__ import annotations

from dataclasses import dataclass

from clawsite.core.errors import BadInput
from sessions_app.models import Channel, Contact, GroupAccess, Session
from sessions_app.sessions import get_or_create_session


@dataclass(frozen=True, kw_only=True, slots=True)
class Chat:
    """A place to write to. Its session may not be there yet."""

    channel: Channel
    chat_id: str
    thread_id: str = ""
    direct: bool = True

    def open(self) -> Session:
        """Return its session, made when it is missing."""
        session = get_or_create_session(
            self.channel.pk, chat_id=self.chat_id, thread_id=self.thread_id, direct=self.direct
        )
        session.channel = self.channel
        return session

    def is_at(self, session: Session) -> bool:
        """Tell whether this is the place of a session."""
        place = (session.channel_id, session.chat_id, session.thread_id)
        return place == (self.channel.pk, self.chat_id, self.thread_id)


def chat_of(session: Session) -> Chat:
    """Return the place of a session. Reads the channel."""
    return Chat(
        channel=session.channel,
        chat_id=session.chat_id,
        thread_id=session.thread_id,
        direct=session.kind == Session.Kind.DIRECT,
    )


def find_chat(to: str, *, channel: str = "", account: str = "", thread_id: str = "") -> Chat:
    """Return a chat by the platform's id; BadInput says what is missing.

    `channel` is a channel's kind or name, `account` its name.
    """
    row = _find_channel(channel, account)
    known = Session.objects.filter(channel=row, chat_id=to)
    session = known.filter(thread_id=thread_id).first()
    if session is not None:
        direct = session.kind == Session.Kind.DIRECT
        return Chat(channel=row, chat_id=to, thread_id=thread_id, direct=direct)
    group = GroupAccess.objects.filter(channel=row, chat_id=to, allowed=True).exists()
    person = Contact.objects.filter(channel=row, external_id=to, state=Contact.State.APPROVED).exists()
    if not (known.exists() or group or person):
        raise BadInput(f"unknown target {to[:80]!r} for {row.name}: nobody was let in from there")
    return Chat(channel=row, chat_id=to, thread_id=thread_id, direct=person and not group)


def _find_channel(channel: str, account: str) -> Channel:
    rows = Channel.objects.filter(enabled=True)
    for wanted in (account, channel):
        if wanted:
            rows = rows.filter(name=wanted) if rows.filter(name=wanted).exists() else rows.filter(kind=wanted)
    found = list(rows.order_by("pk")[:2])
    if not found:
        raise BadInput("there is no such channel, or it is switched off")
    if len(found) > 1:
        raise BadInput("there are several channels: name one with channel or accountId")
    return found[0]
