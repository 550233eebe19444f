"""The folded copy of a text: what rules and classifier read instead of the original.

Invariant: folding is linear in the length of the text, never raises, and the original is kept beside the copy. The copy
is for matching only; it is never shown, stored as the message, or sent on.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from guardrails.injection import confusables, invisible

WINDOW_CHARS = 65_536
OVERLAP_CHARS = 2_048
MAX_WINDOWS = 16  # 1,015,808 characters; beyond that only head and tail are read and the result says so

_APOSTROPHES = re.compile(r"(?<=[^\W_])['`\u00b4\u2018\u2019\u02bc\u02b9](?=[^\W_])")
_SPACED = re.compile(r"(?<![^\W_])(?:[^\W_][ \t.\-_*|/\\\u00b7,+]{1,3}){4,}[^\W_](?![^\W_])")
_WIDE_GAP = re.compile(r"[ \t]{2,}")
_NOT_WORD = re.compile(r"[\W_]+")
_LEET_WORD = re.compile(r"(?<![\w@$])[a-z0-9@$]{3,40}(?![\w@$])")
_LEET_HINT = re.compile(r"[a-z][0-9@$][a-z]|\b[0-9][a-z]{2}|[@$][a-z]")
_LEET = str.maketrans({"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Folded:
    """The original, the copy to match, what invisible characters spelled, and how often each trick was met."""

    original: str
    text: str
    hidden: str = ""
    invisible: int = 0
    bidi: int = 0
    tags: int = 0
    lookalikes: int = 0
    spaced: int = 0
    leet: int = 0

    def flags(self) -> tuple[str, ...]:
        """Names of the tricks met, for the verdict's record."""
        names = ("invisible", "bidi", "tags", "lookalikes", "spaced", "leet")
        return tuple(name for name in names if getattr(self, name))


def fold(text: str) -> Folded:
    """Fold one window: compatibility forms, case, accents, invisible and look-alike characters, spacing, leetspeak."""
    seen = invisible.reveal(text)
    copy, lookalikes = seen.text.lower(), 0
    if not copy.isascii():
        copy, lookalikes = confusables.unmix(_plain_letters(seen.text))
    copy = _APOSTROPHES.sub("", copy)
    copy, spaced = _SPACED.subn(_join_letters, copy)
    copy, leet = _unleet(copy)
    return Folded(
        original=text,
        text=copy,
        hidden=seen.message,
        invisible=seen.inside_words,
        bidi=seen.bidi,
        tags=seen.tags,
        lookalikes=lookalikes,
        spaced=spaced,
        leet=leet,
    )


def windows(text: str) -> Iterator[str]:
    """Cut a long text into overlapping windows; of one too long even for that, the first ones and the tail."""
    step = WINDOW_CHARS - OVERLAP_CHARS
    starts = list(range(0, max(1, len(text) - OVERLAP_CHARS), step))
    if len(starts) > MAX_WINDOWS:
        starts = [*starts[: MAX_WINDOWS - 1], len(text) - WINDOW_CHARS]
    for start in starts:
        yield text[start : start + WINDOW_CHARS]


def is_fully_read(text: str) -> bool:
    """Tell whether `windows` covers every character of the text."""
    return len(text) <= MAX_WINDOWS * (WINDOW_CHARS - OVERLAP_CHARS) + OVERLAP_CHARS


def _plain_letters(text: str) -> str:
    """Compatibility decomposition, marks dropped (accents, stacked diacritics), case folded, styled letters plain."""
    decomposed = unicodedata.normalize("NFKD", text.translate(confusables.STYLED_LETTERS))
    kept = "".join([char for char in decomposed if not unicodedata.combining(char)])
    return kept.casefold().translate(confusables.STYLED_LETTERS)


def _join_letters(match: re.Match[str]) -> str:
    """Join `i g n o r e` to `ignore`; two or more blanks in the run part words."""
    return " ".join(_NOT_WORD.sub("", part) for part in _WIDE_GAP.split(match[0]))


def _unleet(text: str) -> tuple[str, int]:
    if not _LEET_HINT.search(text):
        return text, 0
    changed = 0

    def one_word(match: re.Match[str]) -> str:
        nonlocal changed
        word = match[0]
        core = word.rstrip("0123456789")
        letters = sum(map(str.isalpha, core))
        if letters == len(core) or letters < 2 or letters * 2 < len(core):
            return word
        if len(word) - len(core) == 1:  # one figure at the end belongs to the word: `1gn0r3`
            core = word
        plain = core.replace("11", "ll").translate(_LEET) + word[len(core) :]
        changed += plain != word
        return plain

    return _LEET_WORD.sub(one_word, text), changed
