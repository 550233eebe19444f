"""Leaks of the prompt: runs of its words at every offset, and a canary that stands nowhere else.

Text is compared by its words alone, folded: case, punctuation, layout and invisible characters do not matter. Time is
linear in the text. What the user wrote in the same message, and phrases that everybody uses, are no leak.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

RUN_WORDS = 8
_INVISIBLE = "\u00ad\u200b-\u200f\u2060-\u2064\ufeff"
_WORD = re.compile(rf"[^\W_](?:[^\W_]|[{_INVISIBLE}])*")
_INVISIBLE_CHARS = re.compile(f"[{_INVISIBLE}]")

COMMON_PHRASES = (
    "please let me know if there is anything else that i can help you with today",
    "let me know if you have any other questions or if there is anything else i can do for you",
    "i am sorry but i can not help you with that request is there anything else",
    "me avise se houver mais alguma coisa em que eu possa ajudar você hoje",
    "se você tiver mais alguma dúvida ou precisar de mais alguma coisa é só me avisar",
    "дайте мне знать если у вас есть ещё вопросы или я могу ещё чем то вам помочь",
)


def fold_words(text: str, start: int = 0) -> tuple[list[str], list[int]]:
    """Return the folded words from `start` on, and where each begins."""
    words: list[str] = []
    places: list[int] = []
    for match in _WORD.finditer(text, start):
        word = match[0]
        if not word.isascii():
            word = unicodedata.normalize("NFKC", _INVISIBLE_CHARS.sub("", word))
        words.append(word.casefold())
        places.append(match.start())
    return words, places


def runs_of(words: Sequence[str]) -> set[int]:
    """Return the hashes of all runs of RUN_WORDS consecutive words."""
    return set(map(hash, zip(*(words[shift:] for shift in range(RUN_WORDS)), strict=False)))


@lru_cache(maxsize=64)
def _runs_of_text(text: str) -> frozenset[int]:
    return frozenset(runs_of(fold_words(text)[0]))


def _common() -> frozenset[int]:
    return frozenset().union(*(_runs_of_text(phrase) for phrase in COMMON_PHRASES))


def has_leak(words: Sequence[str], *, prompts: Iterable[str], user_text: str = "") -> bool:
    """Tell whether the words hold a run of a prompt text that is neither the user's own nor a common phrase."""
    runs = runs_of(words)
    leaked = {
        run for prompt in prompts if not (secret := _runs_of_text(prompt)).isdisjoint(runs) for run in runs & secret
    }
    if leaked:
        leaked -= _common()
        leaked -= runs_of(fold_words(user_text)[0])
    return bool(leaked)


def has_canary(text: str, canary: str, start: int = 0) -> bool:
    """Tell whether the canary stands in the text from `start` on, in any letter case and with anything invisible in it."""
    if not canary:
        return False
    tail = text[start:].casefold()
    if not tail.isascii():
        tail = _INVISIBLE_CHARS.sub("", unicodedata.normalize("NFKC", tail))
    return canary.casefold() in tail
