"""What is checked in a tool call's arguments, and which schemas are refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.agent.tools.schema import check_arguments, check_schema

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 2, "maxLength": 5, "pattern": "^[a-z]+$"},
        "count": {"type": "integer", "minimum": 1, "maximum": 9},
        "share": {"type": "number"},
        "loud": {"type": "boolean"},
        "mode": {"type": "string", "enum": ["a", "b"]},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
        "inner": {"type": "object", "properties": {"x": {"type": "null"}}, "required": ["x"]},
    },
    "required": ["name"],
}


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": "abc"},
        {"name": "abc", "count": 9, "share": 0.5, "loud": False, "mode": "a", "tags": ["x"], "inner": {"x": None}},
        {"name": "abc", "share": 1},
    ],
)
def test_what_fits_passes(arguments: dict[str, Any]) -> None:
    assert check_arguments(SCHEMA, arguments) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "arguments.name is missing"),
        ({"name": "a"}, "arguments.name must have at least 2 characters"),
        ({"name": "abcdef"}, "arguments.name must have at most 5 characters"),
        ({"name": "ABC"}, "arguments.name must match ^[a-z]+$"),
        ({"name": 5}, "arguments.name must be of type string"),
        ({"name": "abc", "count": 0}, "arguments.count must be at least 1"),
        ({"name": "abc", "count": True}, "arguments.count must be of type integer"),
        ({"name": "abc", "count": "3"}, "arguments.count must be of type integer"),
        ({"name": "abc", "count": 2.5}, "arguments.count must be of type integer"),
        ({"name": "abc", "mode": "c"}, "arguments.mode must be one of a, b"),
        ({"name": "abc", "tags": ["x", "y", "z"]}, "arguments.tags must have at most 2 items"),
        ({"name": "abc", "tags": [1]}, "arguments.tags[0] must be of type string"),
        ({"name": "abc", "inner": {}}, "arguments.inner.x is missing"),
        ({"name": "abc", "more": 1}, "arguments.more is not known"),
        ([], "arguments must be of type object"),
    ],
)
def test_what_does_not_fit_is_explained(arguments: object, says: str) -> None:
    assert check_arguments(SCHEMA, arguments) == [says]


def test_at_most_five_things_are_said() -> None:
    assert len(check_arguments(SCHEMA, {str(number): 1 for number in range(50)})) == 5


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": "object", "properties": {"a": {"$ref": "#/x"}}},
        {"type": "object", "properties": {"a": {"type": "date"}}},
        {"type": "object", "properties": {"a": {"type": "array", "items": {"oneOf": []}}}},
    ],
)
def test_schemas_that_are_not_checked_whole_are_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"object|supported|type"):
        check_schema(schema)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
)


@given(arguments=JSON)
def test_nothing_a_model_sends_breaks_the_check(arguments: object) -> None:
    assert all(isinstance(sentence, str) for sentence in check_arguments(SCHEMA, arguments))
