"""Leaks of the prompt: runs of its words at every offset, and a canary that stands nowhere else.

Text is compared by its words alone, folded: case, punctuation, layout and invisible characters do not matter. Time is
linear in the text. What the user wrote in the same message, and phrases that everybody uses, are no leak.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

RUN_WORDS = 8
_INVISIBLE = "\u00ad\u200b-\u200f\u2060-\u2064\ufeff"
# A link is one word: long ones stand in prompts, and giving one to the user is no leak.
_WORD = re.compile(rf"https?://[^\s<>\"`)\]]+|[^\W_](?:[^\W_]|[{_INVISIBLE}])*")
_NEAR_CHARS = 120
_INVISIBLE_CHARS = re.compile(f"[{_INVISIBLE}]")

COMMON_PHRASES = (
    "please let me know if there is anything else that i can help you with today",
    "let me know if you have any other questions or if there is anything else i can do for you",
    "i am sorry but i can not help you with that request is there anything else",
    "me avise se houver mais alguma coisa em que eu possa ajudar você hoje",
    "se você tiver mais alguma dúvida ou precisar de mais alguma coisa é só me avisar",
    "дайте мне знать если у вас есть ещё вопросы или я могу ещё чем то вам помочь",
)


def fold_words(text: str) -> list[str]:
    """Return the words of a text, folded."""
    if not text.isascii():
        text = _INVISIBLE_CHARS.sub("", unicodedata.normalize("NFKC", text))
    return _WORD.findall(text.casefold())


def start_of_last_words(text: str, start: int = 0) -> int:
    """Return where the last RUN_WORDS words of text[start:] begin, or `start` when it has fewer."""
    for low in (max(start, len(text) - _NEAR_CHARS), start):
        places = [match.start() for match in _WORD.finditer(text, low)]
        if len(places) > RUN_WORDS:
            return places[-RUN_WORDS]
    return start


def runs_of(words: Sequence[str]) -> set[int]:
    """Return the hashes of all runs of RUN_WORDS consecutive words."""
    return set(map(hash, zip(*(words[shift:] for shift in range(RUN_WORDS)), strict=False)))


@lru_cache(maxsize=64)
def _runs_of_text(text: str) -> frozenset[int]:
    return frozenset(runs_of(fold_words(text)))


def has_leak(text: str, *, prompts: tuple[str, ...], user_text: str = "") -> bool:
    """Tell whether a text holds a run of words of a prompt that is neither the user's own nor a common phrase.

    Each text of the prompt is looked at by itself: most of them are the same in every message, and known already.
    """
    if not prompts:
        return False
    runs = runs_of(fold_words(text))
    said = [runs & secret for secret in map(_runs_of_text, prompts) if not secret.isdisjoint(runs)]
    if not said:
        return False
    harmless = set().union(*map(_runs_of_text, COMMON_PHRASES), runs_of(fold_words(user_text)))
    return not set().union(*said) <= harmless


def has_canary(text: str, canary: str) -> bool:
    """Tell whether the canary stands in a text, in any letter case and with anything invisible in it."""
    if not canary:
        return False
    if not text.isascii():
        text = _INVISIBLE_CHARS.sub("", unicodedata.normalize("NFKC", text))
    return canary.casefold() in text.casefold()
