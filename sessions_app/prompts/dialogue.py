"""From stored lines to the messages a model takes, with authors that nobody can fake. Pure.

Invariants: roles alternate, the first and the last message are the user's, an assistant's text is left as it was. In a
group the only line that begins with a square bracket is the one that clawsite put there to name the author.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from sessions_app.memory.history import Line
from sessions_app.models import Message

NAME_CHARS = 40
_NOBODY = "someone"
_LINE_ENDS = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
# A bracket that would begin a line, behind blanks or characters nobody sees.
_OPENING = re.compile(r"^([\s\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]*)([\[［【〔⟦])", re.MULTILINE)


def fold_name(name: str) -> str:
    """Return a display name fit for a label: one short line of letters, digits and mild punctuation."""
    plain = unicodedata.normalize("NFKC", name)
    kept = "".join(char if _is_harmless(char) else " " for char in plain)
    return " ".join(kept.split())[:NAME_CHARS].strip() or _NOBODY


def _is_harmless(char: str) -> bool:
    return unicodedata.category(char)[0] in "LNM" or char in " .-'_"


def name_author(name: str, text: str) -> str:
    """Return a group message under its author's name; brackets that begin its own lines are escaped."""
    lines = _OPENING.sub(r"\1\\\2", _LINE_ENDS.sub("\n", text))
    return f"[{fold_name(name)}] {lines}"


def to_messages(lines: Sequence[Line], question: str, *, group: bool) -> tuple[dict[str, Any], ...]:
    """Return the dialogue: consecutive messages of one side are joined, the question comes last."""
    messages: list[dict[str, Any]] = []
    for line in lines:
        is_user = line.role == Message.Role.USER
        text = name_author(line.name, line.text) if group and is_user else line.text
        _append(messages, "user" if is_user else "assistant", text)
    _append(messages, "user", question)
    return tuple(messages)


def _append(messages: list[dict[str, Any]], role: str, text: str) -> None:
    if messages and messages[-1]["role"] == role:
        messages[-1]["content"] += f"\n\n{text}"
    elif messages or role == "user":
        messages.append({"role": role, "content": text})
