"""What a message over the gateway becomes, and what its sender cannot reach or claim."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bots.channels.base import InboundFile, Unparsed
from bots.channels.gateway.updates import external_id_of, get_external_id, parse_update, run_ref
from guardrails.types import Role

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(categories=None), max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
FIELDS = st.sampled_from(["id", "owner", "key", "role", "name", "text", "files", "callback", "date"])


def raw(**fields: Any) -> dict[str, Any]:
    return {"id": "run-1", "owner": "user:1", "key": "main", "role": "operator", "text": "hi"} | fields


def test_message_with_a_file() -> None:
    file = {"kind": "photo", "ref": "gw.user:1/abc", "name": "кот.png", "mime": "image/png", "size": 5}
    found = parse_update(raw(files=[file], name="Alice", date=1.5))
    assert found is not None
    assert found.files == (InboundFile(kind="photo", ref="gw.user:1/abc", name="кот.png", mime="image/png", size=5),)
    assert (found.address.chat_id, found.message_id, found.direct) == ("user:1/main", "run-1", True)
    assert (found.sender.external_id, found.sender.name, found.sender.role) == ("user:1", "Alice", Role.OPERATOR)


def test_same_key_of_two_owners_are_two_updates() -> None:
    assert get_external_id(raw()) != get_external_id(raw(owner="user:2"))
    assert get_external_id(raw()) == get_external_id(raw(text="another"))


@pytest.mark.parametrize("run_id", ["x" * 512, "\ud800", "a\x00b", "a\nb", "☃" * 300, "~"])
def test_odd_run_ids_have_a_name_that_rows_can_hold(run_id: str) -> None:
    for owner in ("env", "user:1", "x" * 64):
        name = external_id_of(owner, run_id)
        assert 0 < len(name.encode()) <= 400
        assert len(name) <= 100
        assert name != external_id_of(owner, run_id + "!")
    assert len(run_ref(run_id)) <= 64


@pytest.mark.parametrize("fields", [{"text": "  "}, {"text": 5}, {"text": "", "files": []}])
def test_empty_message_is_none(fields: dict[str, Any]) -> None:
    assert parse_update(raw(**fields)) is None


@pytest.mark.parametrize("ref", ["gw.user:2/abc", "user:1/abc", "gw.user:1/a/b", "/etc/passwd", "gw.user:1/", 7])
def test_file_of_somebody_else_is_refused(ref: object) -> None:
    with pytest.raises(Unparsed):
        parse_update(raw(files=[{"kind": "document", "ref": ref}]))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(FIELDS, JSON), st.lists(st.dictionaries(st.sampled_from(["kind", "ref", "size"]), JSON)))
def test_only_unparsed_is_raised(fields: dict[str, Any], files: list[Any]) -> None:
    for update in (fields, raw(**fields), raw(files=files)):
        try:
            found = parse_update(update)
        except Unparsed:
            continue
        assert found is None or found.text.encode() is not None
