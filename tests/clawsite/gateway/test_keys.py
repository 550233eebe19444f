"""Keys of sessions: what they mean, and that no name passes for somebody's chat."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawsite.core.errors import BadInput
from clawsite.gateway.keys import OwnKey, PlaceKey, key_for, parse_key, place_key
from sessions_app.models import Channel, Session


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("main", "main"),
        ("agent:main:main", "main"),
        (" Main ", "main"),
        ("agent:main:tui-1234", "tui-1234"),
        ("AGENT:MAIN:Work", "work"),
        ("telegram:5:direct:7", "telegram:5:direct:7"),
        ("agent:main:subagent:x", "subagent:x"),
        ("agent:main:telegram:direct:7", "telegram:direct:7"),
    ],
)
def test_own_keys(key: str, name: str) -> None:
    assert parse_key(key) == OwnKey(name=name)


def place(kind: str, channel: int, sort: str, chat: str, thread: str = "") -> Session:
    row = Channel(pk=channel, kind=kind, name="x")
    return Session(pk=1, channel=row, kind=sort, chat_id=chat, thread_id=thread)


@pytest.mark.parametrize(
    "session",
    [
        place("telegram", 5, "direct", "7"),
        place("telegram", 5, "group", "-100123", "42"),
        place("webchat", 1, "direct", "user:3"),
        place("gateway", 2, "direct", "token:7/main"),
        place("gateway", 2, "direct", "user:3/" + "x" * 120),
        place("slack", 9, "group", "C0ABC"),
    ],
)
def test_keys_of_places_lead_back_to_them(session: Session) -> None:
    found = parse_key(place_key(session))
    assert isinstance(found, PlaceKey)
    assert (found.kind, found.channel_id, found.chat_id, found.thread_id) == (
        session.channel.kind,
        session.channel_id,
        session.chat_id,
        session.thread_id,
    )


def test_a_session_has_its_short_name_for_its_owner_only() -> None:
    session = place("gateway", 2, "direct", "token:7/main")
    assert key_for("token:7", session) == "agent:main:main"
    for other in ("token:70", "token", "", "user:7"):
        assert key_for(other, session) == "agent:main:gateway:2:direct:token:7/main"
    assert key_for("7", place("telegram", 5, "direct", "7/main")) == "agent:main:telegram:5:direct:7/main"


@given(st.text(max_size=140))
def test_a_key_is_understood_or_refused(text: str) -> None:
    try:
        found = parse_key(text)
    except BadInput:
        return
    if isinstance(found, OwnKey):
        assert parse_key(f"agent:main:{found.name}") in (found, parse_key(text))
        assert "/" not in found.name
        assert "#" not in found.name
