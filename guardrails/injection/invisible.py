"""Characters a reader does not see: removed, counted, and read when they carry a hidden message.

Invariant: what is honest (flags of emoji, joiners in Arabic or Indic words, soft hyphens, a byte order mark) is removed
from the folded copy but never counted against the writer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_CLASS = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff9-\ufffb\U0001bca0-\U0001bca3\U000e0000-\U000e007f\U000e0100-\U000e01ef"
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f"
)
_ANY = re.compile(f"[{_CLASS}]")
_BETWEEN_LETTERS = re.compile(
    "(?<=[A-Za-z\u0400-\u04ff])[\u200b-\u200f\u2060-\u2064\ufeff\u034f\u180e\x00-\x08]+(?=[A-Za-z\u0400-\u04ff])"
)
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_RIGHT_TO_LEFT_TEXT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{1,8}\U000e007f")
_TAG = re.compile("[\U000e0020-\U000e007e]")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Unseen:
    """What was invisible in a text: the text without it, counts, and the message it spelled (or "")."""

    text: str
    inside_words: int = 0
    bidi: int = 0
    tags: int = 0
    message: str = ""


def reveal(text: str) -> Unseen:
    """Strip every invisible character; decode tag characters and runs of variation selectors into `message`."""
    if not _ANY.search(text):
        return Unseen(text=text)
    without_flags = _FLAG.sub("", text)
    tags = _TAG.findall(without_flags)
    selectors = _SELECTORS.findall(without_flags)
    message = "".join(chr(ord(char) - 0xE0000) for char in tags) + " ".join(map(_bytes_of_selectors, selectors))
    return Unseen(
        text=_ANY.sub("", text),
        inside_words=len(_BETWEEN_LETTERS.findall(text)),
        bidi=0 if _RIGHT_TO_LEFT_TEXT.search(text) else len(_BIDI.findall(text)),
        tags=len(tags) + sum(map(len, selectors)),
        message=message.strip(),
    )


def _bytes_of_selectors(run: str) -> str:
    """Variation selectors 1-16 stand for bytes 0-15, selectors 17-256 for bytes 16-255."""
    codes = (ord(char) for char in run)
    data = bytes(code - 0xFE00 if code < 0xFE10 else code - 0xE0100 + 16 for code in codes)
    return data.decode("utf-8", errors="ignore")
