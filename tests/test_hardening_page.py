"""HARDENING.md is true: whatever it names exists, and every practice says all that a reader needs."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from guardrails.rates import DEFAULTS
from tests.test_house import settings_documented

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("Category", "Problem", "Built in", "Status", "For", "Against", "Use here", "Priority", "Effort")
STATUS = {"built in, on", "built in, to be switched on", "built in, the other half is yours"}
PRIORITY = {"🔥 critical", "⚡ high", "📌 medium", "💡 low"}
CATEGORIES = 10


def page() -> str:
    return (ROOT / "HARDENING.md").read_text(encoding="utf-8")


def practices() -> dict[str, str]:
    """Return the text of each practice by its heading."""
    parts = re.split(r"^### (\d+\. .+)$", page(), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def part(text: str, name: str) -> str:
    match = re.search(rf"\*\*{name}:\*\* (.+?)(?: · |\s*$)", text, flags=re.MULTILINE)
    return match[1].strip() if match else ""


def test_there_are_enough_in_every_category() -> None:
    by_category = Counter(part(text, "Category") for text in practices().values())

    assert len(practices()) >= 30
    assert len(by_category) == CATEGORIES
    assert min(by_category.values()) >= 3


def test_they_are_numbered_as_they_stand() -> None:
    assert [int(title.split(".")[0]) for title in practices()] == list(range(1, len(practices()) + 1))


def test_every_practice_says_everything() -> None:
    for title, text in practices().items():
        assert [name for name in PARTS if not part(text, name)] == [], title
        assert part(text, "Status") in STATUS, title
        assert part(text, "Priority") in PRIORITY, title
        assert part(text, "Effort") in {"low", "medium", "high"}, title
        assert re.search(r"```(?:sh|yaml)\n.+?\n```", text, flags=re.DOTALL), title


def test_the_tables_list_every_practice() -> None:
    matrix = page().partition("## What goes with what")[2].partition("\n## ")[0]
    for title, text in practices().items():
        row = next((line for line in matrix.splitlines() if line.startswith(f"| {title} |")), "")
        assert row.endswith(f"| {part(text, 'Priority')} | {part(text, 'Effort')} |"), title
    assert [f"{number}." for number in range(1, 6)] == re.findall(r"^(\d\.) ", _quick_wins(), flags=re.MULTILINE)


def _quick_wins() -> str:
    return page().partition("## Five quick wins")[2].partition("\n## ")[0]


def test_numbers_in_text_lead_to_the_practice_of_that_name() -> None:
    titles = set(practices())
    roadmap = page().partition("## Roadmap")[2].partition("\n## ")[0]
    named = [name.strip() for name in re.findall(r"\d+\. [^;|]+", roadmap)]

    assert named
    assert [name for name in named if name not in titles] == []


def test_every_setting_exists() -> None:
    known = set(settings_documented())
    names = set(re.findall(r"\b((?:CLAW|TELEGRAM|ANTHROPIC)_[A-Z0-9_]+|DATABASE_URL\w*|REDIS_URL\w*)", page()))

    assert {name for name in names if name.removesuffix("_FILE") not in known} == set()


def test_what_is_shown_as_a_default_is_one_where_nothing_is_to_be_done() -> None:
    known = settings_documented()
    wrong = {
        (title, name): value
        for title, text in practices().items()
        if part(text, "Status") == "built in, on" and part(text, "Use here").startswith(("Nothing to do", "Leave it"))
        for name, value in re.findall(r"^([A-Z_]+)=(.*)$", text, flags=re.MULTILINE)
        if known[name] != value
    }

    assert wrong == {}


def test_every_rate_exists() -> None:
    shown = re.findall(r"^CLAW_RATES=(.*)$", page(), flags=re.MULTILINE)

    assert shown
    assert {entry.split("=")[0] for line in shown for entry in line.split(",")} <= set(DEFAULTS)


@pytest.mark.parametrize("command", sorted(set(re.findall(r"manage\.py ([a-z]+(?: --?[a-z]+| [a-z]+)?)", page()))))
def test_every_command_knows_what_follows_it(command: str) -> None:
    name, _, word = command.partition(" ")
    assert name in get_commands()
    if word and word != "--help":
        usage = load_command_class("clawsite", name).create_parser("manage.py", name).format_help()
        assert re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", usage) or (name, word) in POSITIONAL


# Words that are a value and not the name of a subcommand or option.
POSITIONAL = {("rpc", "logs")}


def test_every_file_exists() -> None:
    names = set(re.findall(r"`((?:clawsite|guardrails|docker|tests|runbooks|bots|sessions_app)/[\w./-]*)`", page()))

    assert names
    assert {name for name in names if not (ROOT / name).exists()} == set()
