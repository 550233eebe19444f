"""Keys of sessions on the wire. Pure: which key means which place, and how a place is called.

    main, agent:main:main, agent:main:<rest>      the caller's own session of that name
    agent:main:<kind>:<channel>:<direct|group>:<chat>[:topic:<thread>]
                                                  a chat of any channel, for who sees all

A key that has the second shape is never the name of an own session, so no name can be mistaken for somebody's chat.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bots.channels.gateway.updates import MAX_KEY, chat_id_of, is_key
from clawsite.core.errors import BadInput
from clawsite.gateway.overview import AGENT
from sessions_app.channels import GATEWAY
from sessions_app.models import Session

PREFIX = f"agent:{AGENT}:"
MAIN_KEY = f"{PREFIX}main"
MAX_FOREIGN = 400
_FOREIGN = re.compile(r"(?i:agent:main):([a-z]+):([1-9][0-9]{0,17}):(direct|group):(.+?)(?::topic:([^:]+))?")


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnKey:
    """The caller's own session `name`."""

    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceKey:
    """A chat of a channel."""

    kind: str
    channel_id: int
    chat_id: str
    thread_id: str


def parse_key(text: str) -> OwnKey | PlaceKey:
    """Return what a key means; BadInput when it means nothing. Names of own sessions are in lower case."""
    key = text.strip()
    found = _FOREIGN.fullmatch(key) if len(key) <= MAX_FOREIGN else None
    if found is not None:
        kind, channel, _, chat, thread = found.groups()
        return PlaceKey(kind=kind, channel_id=int(channel), chat_id=chat, thread_id=thread or "")
    if len(key) > MAX_KEY:
        raise BadInput(f"a session key may have {MAX_KEY} characters; this one has {len(key)}")
    name = key.lower()
    if name.startswith("agent:"):
        agent, _, name = name.removeprefix("agent:").partition(":")
        if agent != AGENT:
            raise BadInput(f"unknown agent id {agent!r}: there is one agent, {AGENT!r}")
    if not is_key(name):
        raise BadInput("a session key is made of visible characters without spaces, / and #")
    return OwnKey(name=name)


def own_key(name: str) -> str:
    """Return the key of an own session."""
    return PREFIX + name


def place_key(session: Session) -> str:
    """Return the key by which others than its owner know a session. Reads the channel."""
    topic = f":topic:{session.thread_id}" if session.thread_id else ""
    return f"{PREFIX}{session.channel.kind}:{session.channel_id}:{session.kind}:{session.chat_id}{topic}"


def owner_of(session: Session) -> str:
    """Return the owner of a session of the gateway, "" for one of another channel. Reads the channel."""
    return session.chat_id.partition("/")[0] if session.channel.kind == GATEWAY else ""


def key_for(owner: str, session: Session) -> str:
    """Return a session's key as one owner knows it. Reads the channel."""
    if owner and owner == owner_of(session):
        return own_key(session.chat_id.partition("/")[2])
    return place_key(session)


def own_chat(owner: str, key: OwnKey) -> str:
    """Return the chat id of an own session."""
    return chat_id_of(owner, key.name)


def session_id_of(session: Session) -> str:
    """Return the id of a session's present conversation; a reset gives a new one."""
    return f"{session.pk}-{session.epoch}"
