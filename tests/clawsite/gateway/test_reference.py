"""METHODS.md is current, every method says what it is for, no schema is open, and no event is missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from clawsite.gateway.eventkinds import EVENTS
from clawsite.gateway.reference import PATH, schema_of, write_reference
from clawsite.gateway.registry import all_methods
from clawsite.rpc import codes

GATEWAY = PATH.parent
# What the protocol's clients send along with schedules has grown faster than any list of it.
TOLERANT = "cron."
_SENT = re.compile(r"""(?:event=|\b(?:push|tell|_tell|broadcast)\(\s*)"([a-z][a-zA-Z.]+)\"""")


def test_the_reference_is_current() -> None:
    assert PATH.read_text(encoding="utf-8") == write_reference(), "run manage.py methods"


@pytest.mark.parametrize("name", sorted(all_methods()))
def test_a_method_is_described_and_closed(name: str) -> None:
    method = all_methods()[name]
    schema, _ = schema_of(method)

    assert re.fullmatch(r"[A-Z][^|\n]{8,100}\.", method.summary)
    assert method.handler.__doc__
    assert (schema.get("additionalProperties") is False) or name.startswith(TOLERANT)
    assert method.params.__doc__


def test_what_clients_detect_by_its_absence_is_absent() -> None:
    assert "taskSuggestions.list" not in all_methods()


def test_every_event_that_is_sent_is_listed() -> None:
    sent = {name for path in _modules() for name in _SENT.findall(path.read_text(encoding="utf-8"))}

    assert {"tick", "job", "connect.challenge"} <= sent
    assert sent - set(EVENTS) == set()
    assert set(EVENTS) - sent == set()


def _modules() -> list[Path]:
    return [path for path in GATEWAY.rglob("*.py") if path.name != "eventkinds.py"]


def test_every_code_is_explained() -> None:
    named = {value for name, value in vars(codes).items() if name.isupper() and isinstance(value, str | int)}

    assert named == {*codes.ERRORS, *codes.CLOSES}
