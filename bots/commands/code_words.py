"""What the words after /code mean: something to be done, or one of a few orders about earlier work. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bots.commands.spelling import plain

START, KEEP, UNDO, AGAIN, UP, DOWN, STOP = "start", "keep", "undo", "again", "up", "down", "stop"
_WORDS = {
    KEEP: "keep manter оставить оставь",
    UNDO: "undo desfazer отменить отмени",
    AGAIN: "again repetir снова повтори",
    UP: "up bom хорошо",
    DOWN: "down ruim плохо",
    STOP: "stop parar стоп",
}
_VERBS = {plain(word): verb for verb, words in _WORDS.items() for word in words.split()}
# A number of nothing but digits right after the verb: other sentences that begin with one of these words are work.
_ORDER = re.compile(r"(\w+)\s+#?(\d{1,18})(?:\s+(.*))?", re.DOTALL)
_COMMAND = re.compile(r"(?:@\S+\s+)?/\w+(?:@\w+)?\s+(.*)", re.DOTALL)
_SHA = re.compile(r"[0-9a-f]{4,64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What is wanted. `number` is that of earlier work; `text` what is to be done, a reason, or a commit."""

    verb: str
    text: str = ""
    number: int = 0


def read_order(line: str) -> Order:
    """Return what a line asks for."""
    found = _ORDER.fullmatch(line.strip())
    verb = _VERBS.get(plain(found[1])) if found else None
    rest = (found[3] or "").strip() if found else ""
    if found is None or verb is None or (rest and verb not in (AGAIN, UP, DOWN) and not _SHA.fullmatch(rest)):
        return Order(verb=START, text=line.strip())
    return Order(verb=verb, number=int(found[2]), text=rest)


def whole_words(args: str, text: str) -> str:
    """Return all that stands after a typed command, lines and capitals as they were typed."""
    found = _COMMAND.fullmatch(text.strip())
    return found[1].strip() if found else args
