"""Parameters in steps: whole values only, whatever they hold, so nothing can be added to what runs."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawsite.core.errors import BadInput
from runbooks.books.parameters import check_parameter, read_values
from runbooks.books.plan import make_plan
from runbooks.books.spec import Parameter
from runbooks.books.steps.http import Http, address
from runbooks.books.substitution import as_text, fill, render
from tests.runbooks.books.making import book, step

LINE = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=60)
HOSTILE = ["; rm -rf /", "$(id)", "`id`", "a b", "'\"", "{other}", "{value}", "../..", "&x=1", "a/b", "%2e", "| cat"]
LITERAL = [
    "{}",
    "{a.b}",
    "{{value}}",
    "x{value}",
    "{value}y",
    "{Value}",
    "stash@{0}",
    "--format={{.Names}}",
    "{ value }",
]


def no_book(name: str) -> Any:
    raise AssertionError(name)


def plan(value: Any, *steps: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the plan of steps with one parameter."""
    made = book(*steps, parameters=[{"name": "value", "required": True}])
    return make_plan(made, read_values(made.parameters, {"value": value}), find=no_book)


@given(LINE.filter(lambda text: not text.startswith("-")))
def test_a_value_is_exactly_one_argument(value: str) -> None:
    [row] = plan(value, step("command", argv=["echo", "{value}", "x{value}"], env={"A": "{value}"}))
    assert row["with"]["argv"] == ["echo", value, "x{value}"]
    assert row["with"]["env"] == {"A": value}


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_stay_what_they_are(value: str) -> None:
    [row] = plan(value, step("command", argv=["echo", "{value}"]))
    assert row["with"]["argv"] == ["echo", value]


@pytest.mark.parametrize("text", LITERAL)
def test_what_is_not_exactly_a_name_in_braces_is_left_alone(text: str) -> None:
    assert render(text, {"value": "v"}) == text


@given(LINE.filter(lambda text: not text.startswith("-") and text not in (".", "..")))
def test_a_value_is_one_segment_and_one_field_of_an_address(value: str) -> None:
    [row] = plan(value, step("http", url="http://h:1/a", path=["{value}", "end"], query={"q": "{value}", "r": "1"}))
    parts = urlsplit(address(msgspec.convert(row["with"], Http)))
    assert (parts.netloc, [unquote(each) for each in parts.path.split("/")]) == ("h:1", ["", "a", value, "end"])
    assert parse_qsl(parts.query, keep_blank_values=True) == [("q", value), ("r", "1")]


@pytest.mark.parametrize("value", [".", ".."])
def test_a_value_does_not_lead_to_another_folder(value: str) -> None:
    [row] = plan(value, step("http", url="http://h:1/a", path=["b", "{value}", "end"]))
    with pytest.raises(BadInput, match="A part of the path must not be"):
        address(msgspec.convert(row["with"], Http))


@given(
    st.recursive(
        LINE | st.integers() | st.booleans() | st.none(),
        lambda each: st.lists(each) | st.dictionaries(LINE, each),
        max_leaves=10,
    )
)
def test_values_come_into_json_as_values_and_never_as_shape(value: Any) -> None:
    shape = {"keep": value, "{value}": 1, "list": ["{value}", 2]}
    made = render(shape, {"value": '"}, {"x": 1}'} | dict.fromkeys(_names(value), "v"))
    assert made["list"] == ['"}, {"x": 1}', 2]
    assert made["{value}"] == 1


def _names(value: Any) -> set[str]:
    if isinstance(value, str):
        return {value[1:-1]} - {"value"} if value[:1] == "{" and value[-1:] == "}" else set()
    if isinstance(value, dict):
        return set().union(*map(_names, value.values()))
    return set().union(*map(_names, value)) if isinstance(value, list) else set()


def test_texts_for_people_hold_values_anywhere_once() -> None:
    assert fill("Scaling {a} to {b}", {"a": "{b}", "b": 5}) == "Scaling {b} to 5"
    assert [as_text(each) for each in (True, 5, 5.0, 0.5, "x")] == ["true", "5", "5", "0.5", "x"]


@pytest.mark.parametrize(
    ("declared", "given_value", "reason"),
    [
        ({"type": "integer"}, "1.5", "whole number"),
        ({"type": "integer"}, "nan", "whole number"),
        ({"type": "integer"}, True, "whole number"),
        ({"type": "integer", "min": 1}, 0, "at least 1"),
        ({"type": "number", "max": 2}, "1e309", "must be a number"),
        ({"type": "boolean"}, "maybe", "yes or no"),
        ({"type": "choice", "choices": ["a", "b"]}, "c", "one of: a, b"),
        ({}, "--privileged", "begin with a dash"),
        ({}, "two\nlines", "one line"),
        ({}, "x\x00", "one line"),
        ({}, "x" * 501, "500 characters"),
        ({"pattern": "[a-z]+"}, "A", "must look like"),
        ({"pattern": "[a-z]+"}, "a\n", "one line"),
        ({}, ["a"], "must be a text"),
    ],
)
def test_values_are_checked_before_anything_runs(declared: dict[str, Any], given_value: Any, reason: str) -> None:
    parameter = msgspec.convert({"name": "x", "required": True} | declared, Parameter)
    with pytest.raises(BadInput, match=reason):
        read_values([parameter], {"x": given_value})


def test_values_have_their_types_and_defaults() -> None:
    declared = [
        Parameter(name="n", type="integer", default=3),
        Parameter(name="on", type="boolean", default=False),
        Parameter(name="flag", pattern="-?[a-z]+", default="-v"),
    ]
    assert read_values(declared, {}) == {"n": 3, "on": False, "flag": "-v"}
    assert read_values(declared, {"n": "7", "on": "sim", "flag": ""}) == {"n": 7, "on": True, "flag": "-v"}


@pytest.mark.parametrize(
    "pattern", [r"\w*" * 6 + "x", "a?" * 40 + "a", r"[a-z]{1,200}" * 5, "(a|b|ab)" * 20, r"\w{1,9}" * 12]
)
def test_patterns_that_try_without_end_are_refused(pattern: str) -> None:
    with pytest.raises(BadInput, match="a pattern has three of"):
        check_parameter(Parameter(name="x", pattern=pattern, required=True))


@pytest.mark.parametrize(
    "pattern",
    [
        r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}",
        r"[a-z][a-z0-9-]*(\.[a-z0-9-]+)",
        r"[*+?|{]+\*\+\?",
        r"v\d+\.\d+\.\d+",
        "a{500}",
    ],
)
def test_usual_patterns_are_taken(pattern: str) -> None:
    check_parameter(Parameter(name="x", pattern=pattern, required=True))
