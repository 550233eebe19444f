"""What can be wrong with the row of a system or of a query: a sentence for each field. Pure; nothing is asked."""

from __future__ import annotations

import re
from typing import Protocol

from clawsite.core.errors import ClawError
from guardrails.addresses import parse_target
from runbooks.sources.credentials import find_mistake

MOST_ENTRIES, MOST_CHARS = 30, 200
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_ADDRESSES = ("health_url", "stats_url", "prometheus_url", "alertmanager_url")


class SystemFields(Protocol):
    """The fields of a system that people fill in."""

    name: str
    labels: dict[str, str]
    credentials: str


class QueryFields(Protocol):
    """The fields of a query that people fill in."""

    name: str
    promql: str
    words: list[str]


def find_mistakes(row: SystemFields) -> dict[str, str]:
    """Return what is wrong with a system, by field; {} when it can be used."""
    found = {
        "name": _name(row.name),
        "labels": _labels(row.labels),
        "credentials": find_mistake(row.credentials),
        **{field: _address(getattr(row, field)) for field in _ADDRESSES},
    }
    return {field: sentence for field, sentence in found.items() if sentence}


def find_query_mistakes(row: QueryFields) -> dict[str, str]:
    """Return what is wrong with a query, by field; {} when it can be used."""
    found = {"name": _name(row.name), "promql": _promql(row.promql), "words": _words(row.words)}
    return {field: sentence for field, sentence in found.items() if sentence}


def _name(name: str) -> str:
    return "" if NAME.fullmatch(name) else "A name is made of letters, digits, dashes and underscores, 64 at most."


def _address(url: str) -> str:
    if not url:
        return ""
    try:
        parse_target(url)
    except ClawError as error:
        return error.message
    return "" if "#" not in url else "The address must have no part after #."


def _labels(labels: object) -> str:
    if not isinstance(labels, dict) or len(labels) > MOST_ENTRIES:
        return f"Labels are at most {MOST_ENTRIES} pairs of a name and a value."
    for name, value in labels.items():
        if not _LABEL.fullmatch(name):
            return f"{name[:64]} cannot be the name of a label: letters, digits and underscores only."
        if not isinstance(value, str) or not 0 < len(value) <= MOST_CHARS or not value.isprintable():
            return f"The value of {name} must be a text of 1 to {MOST_CHARS} visible characters."
    return ""


def _promql(text: str) -> str:
    return "" if text.strip() else "The expression must not be empty."


def _words(words: object) -> str:
    if not isinstance(words, list) or len(words) > MOST_ENTRIES:
        return f"There can be {MOST_ENTRIES} names."
    fine = all(isinstance(each, str) and 0 < len(each) <= MOST_CHARS and each.isprintable() for each in words)
    return "" if fine else f"Each name is a text of 1 to {MOST_CHARS} visible characters."
