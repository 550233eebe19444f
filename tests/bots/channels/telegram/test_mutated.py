"""No JSON makes the parser raise anything but Unparsed, and what it returns can be stored."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bots.channels.base import InboundMessage, Unparsed
from bots.channels.telegram.updates import BotName, get_update_id, parse_update
from tests.bots.channels.telegram.test_updates import ALICE, GROUP, message

BOT = BotName(id=99, username="claw_bot")
ENTITY = {"type": "mention", "offset": 1, "length": 9, "user": ALICE}
FULL = message(
    chat=GROUP, entities=[ENTITY], caption="c", caption_entities=[ENTITY], photo=[{"file_id": "p", "width": 1}],
    document={"file_id": "d", "file_name": "n", "mime_type": "m", "file_size": 1}, voice={"file_id": "v"},
    sticker={"emoji": "x"}, location={"latitude": 1.0, "longitude": 2.0}, poll={"question": "q", "options": [{}]},
    reply_to_message=message(), quote={"text": "q"}, forward_origin={}, sender_chat=GROUP, media_group_id="g",
    message_thread_id=3, is_topic_message=True, edit_date=5, contact={"first_name": "f"}, venue={"title": "t"},
)  # fmt: skip
SEEDS: list[dict[str, Any]] = [
    {"update_id": 1, "message": FULL},
    {"update_id": 1, "edited_message": message()},
    {"update_id": 1, "message": {"message_id": 1, "chat": GROUP, "from": ALICE, "migrate_to_chat_id": -1}},
    {"update_id": 1, "callback_query": {"id": "1", "from": ALICE, "message": message(), "data": "d"}},
    {
        "update_id": 1,
        "message_reaction": {"chat": GROUP, "user": ALICE, "message_id": 1, "new_reaction": [{"emoji": "x"}]},
    },
]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(categories=None), max_size=20)
    | st.sampled_from([10**30, -(10**30), 10**4000, "\ud800", "\x00", 1e999, float("nan"), [], {}, [[]], [{}], [None]])
)
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))


def paths(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    found = [prefix] if prefix else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += paths(inner, (*prefix, key))
    return found


PLACES = [(seed, path) for seed in range(len(SEEDS)) for path in paths(SEEDS[seed])]


def mutate(seed: int, changes: list[tuple[tuple[Any, ...], Any, bool]]) -> dict[str, Any]:
    """Replace or remove places of a seed; a place that an earlier change took away is skipped."""
    update = copy.deepcopy(SEEDS[seed])
    for path, value, remove in changes:
        place: Any = update
        try:
            for key in path[:-1]:
                place = place[key]
            if remove:
                del place[path[-1]]
            else:
                place[path[-1]] = copy.deepcopy(value)
        except (KeyError, IndexError, TypeError):
            continue
    return update


def check(update: dict[str, Any]) -> None:
    try:
        found = parse_update(update, BOT)
    except Unparsed:
        return
    if found is not None:
        assert_storable(found)
        assert str(get_update_id(update)) == found.external_id


def assert_storable(found: InboundMessage) -> None:
    texts = [
        found.text, found.quoted, found.sender.name, found.sender.username, found.chat_title, found.callback_data,
        found.reaction, found.group_key, *(file.name for file in found.files), *(file.ref for file in found.files),
    ]  # fmt: skip
    for text in texts:
        assert "\x00" not in text
        text.encode()
    assert len(found.external_id) <= 20
    assert len(found.sender.external_id) <= 64
    assert len(found.sender.name) <= 200
    assert all(0 < len(file.ref) <= 300 and file.size >= 0 for file in found.files)
    assert isinstance(found.date, float)


@given(st.data())
def test_mutated_updates(data: st.DataObject) -> None:
    seed = data.draw(st.integers(0, len(SEEDS) - 1))
    places = [path for number, path in PLACES if number == seed]
    changes = data.draw(st.lists(st.tuples(st.sampled_from(places), JSON, st.booleans()), min_size=1, max_size=4))
    check(mutate(seed, changes))


@given(st.dictionaries(st.sampled_from(["update_id", "message", "callback_query", "message_reaction"]), JSON))
def test_any_json(update: dict[str, Any]) -> None:
    check(update)


def test_every_place_replaced_by_every_kind_of_value() -> None:
    values = [None, True, 0, -1, 2.5, "", "x", [], {}, [1], {"a": 1}, 10**5000, "\ud800\x00"]
    for seed, path in PLACES:
        for value in values:
            check(mutate(seed, [(path, value, False)]))
        check(mutate(seed, [(path, None, True)]))


def test_deeply_nested_json() -> None:
    deep = json.loads('{"reply_to_message":' * 300 + "{}" + "}" * 300)
    check({"update_id": 1, "message": message() | deep})
