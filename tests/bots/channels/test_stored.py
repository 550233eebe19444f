"""Whatever JSON comes in, it becomes a row that every database takes, or nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.channels.base import Account, ChannelAdapter
from bots.channels.gateway.adapter import GatewayAdapter
from bots.channels.telegram.adapter import TelegramAdapter
from bots.channels.webchat.adapter import WebchatAdapter
from bots.polling import to_stored
from sessions_app.models import Inbox

ADAPTERS: list[ChannelAdapter] = [
    TelegramAdapter(Account(channel_id=1, name="tg", token="99:x")),
    WebchatAdapter(Account(channel_id=2, name="web")),
    GatewayAdapter(Account(channel_id=3, name="gateway")),
]
TEXTS = st.text(st.characters(categories=None), max_size=150)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=4),
)
KEYS = (
    st.sampled_from(
        ["update_id", "message", "callback_query", "id", "visitor", "owner", "key", "role", "text", "files"]
    )
    | TEXTS
)


def check(adapter: ChannelAdapter, raw: dict[str, Any]) -> None:
    row = to_stored(adapter, raw, channel_id=1, username="claw_bot")
    if row is not None:
        for text in (row.external_id, row.lane, row.raw):
            text.encode()
            assert "\x00" not in text
        assert 0 < len(row.external_id) <= 100
        assert len(row.lane) <= 200


@given(st.sampled_from(ADAPTERS), st.dictionaries(KEYS, JSON, max_size=5))
def test_any_json_becomes_a_storable_row(adapter: ChannelAdapter, raw: dict[str, Any]) -> None:
    check(adapter, raw)


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.kind)
@pytest.mark.parametrize("value", ["\ud800", "x" * 5000, "\x00", [], {"a": "\udfff"}, 10**200, -1, None, True, ""])
def test_odd_ids_become_a_storable_row(adapter: ChannelAdapter, value: Any) -> None:
    check(
        adapter,
        {
            "update_id": value,
            "id": value,
            "visitor": "v",
            "owner": "o",
            "key": value,
            "role": "admin",
            "text": "\ud83d",
            "message": {"text": "\ud83d"},
        },
    )


def test_message_with_half_a_character_is_still_a_message() -> None:
    person = {"id": 7, "first_name": "A\ud800"}
    message = {"message_id": 1, "chat": {"id": 7, "type": "private"}, "from": person, "text": "hi \ud83d"}
    row = to_stored(ADAPTERS[0], {"update_id": 5, "message": message}, channel_id=1, username="claw_bot")
    assert row is not None
    assert (row.external_id, row.lane, row.state) == ("5", "1/7/", Inbox.State.NEW)
