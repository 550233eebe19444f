"""What the model is told at the beginning of a /code: our rules, the project, and what was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bots.agent.wrap import shorten, wrap_data
from runbooks.models import CodeRun
from sessions_app.prompts.layers import CORE, get_layers, load_prompt

TREE_CHARS = 4000
EARLIER_CHARS = 3000
LANGUAGES = {"pt-br": "Brazilian Portuguese", "ru": "Russian", "en": "English"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A block of the system prompt."""

    text: str
    stable: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is known of the project. `test` is the command of its tests as people read it, "" without one; `problem` is
    what is wrong with its claw.yaml."""

    name: str
    type: str
    files: str
    test: str
    problem: str = ""
    allowed: Sequence[str] = ()


def write_system() -> tuple[Part, ...]:
    """Return the rules of every conversation, as admins have them, then those of this work. Reads rows."""
    core = next((layer.text for layer in get_layers() if layer.key == CORE), "")
    return tuple(Part(text=text) for text in (core, load_prompt("code")) if text)


def write_task(run: CodeRun, facts: Facts) -> tuple[dict[str, Any], ...]:
    """Return the messages that begin the conversation: the facts as data, the request as the person's own words."""
    test = f"Its tests are run by: {facts.test}" if facts.test else "It names no command for tests."
    allowed = f"Commands that run without asking begin with: {'; '.join(facts.allowed)}" if facts.allowed else ""
    lines = [
        f"The project {facts.name} ({facts.type}). {test}",
        *([f"Its claw.yaml cannot be used: {facts.problem}"] if facts.problem else []),
        *([allowed] if allowed else []),
        "Its files:",
        wrap_data(shorten(facts.files, limit=TREE_CHARS), source="list of files"),
        *_earlier(run),
        f"Answer in {LANGUAGES.get(run.language, 'the language of the request')}.",
        "",
        "What is asked for:",
        run.request,
    ]
    return ({"role": "user", "content": "\n".join(lines)},)


def _earlier(run: CodeRun) -> list[str]:
    """Tell what the work before this one was about, where the person goes on from it."""
    before = run.earlier
    if before is None:
        return []
    became = {
        CodeRun.Outcome.MERGED: "It is merged: its changes are in the files.",
        CodeRun.Outcome.KEPT: "It is not merged: its changes are NOT in the files.",
        CodeRun.Outcome.UNDONE: "It was undone: its changes are NOT in the files.",
        CodeRun.Outcome.DROPPED: "It was thrown away: its changes are NOT in the files.",
    }.get(CodeRun.Outcome(before.outcome), "It changed no file.")
    files = ", ".join(row[0] for row in before.files)
    told = f"Asked: {before.request}\nSaid: {before.summary}\nFiles: {files or 'none'}"
    return [load_prompt("code_again"), became, wrap_data(shorten(told, limit=EARLIER_CHARS), source="earlier work")]
