"""Cutting long text into pieces at the place where it hurts least: paragraph, line, sentence, word, character.

Invariant: every piece is within the limit (UTF-16 units) and not blank, and the pieces in order are the whole text
without some white space at the cuts.
"""

from __future__ import annotations

import re
import unicodedata

from bots.channels.rich import Rich, Style, utf16_len

# Where a cut may be, best first, and the least share of the limit that the piece before it must fill.
_PLACES = (
    (re.compile(r"\n[ \t]*\n"), 0.4),
    (re.compile(r"\n"), 0.4),
    (re.compile(r"[.!?…][\"')\]»”]*\s|[。！？]"), 0.5),
    (re.compile(r"\s"), 0.5),
)
_JOINERS = {"\u200d", "\ufe0e", "\ufe0f", "\u20e3"}


def split(rich: Rich, *, limit: int) -> list[Rich]:
    """Return the pieces of a text, each at most `limit` UTF-16 units long. Blank text gives no piece."""
    pieces = []
    start = 0
    while start < len(rich.text):
        end = _reach(rich.text, start, limit)
        if end < len(rich.text):
            end = _best_cut(rich.text, start, end)
        piece = _trim(rich.cut(start, end))
        if piece.text.strip():
            pieces.append(piece)
        start = end
    return pieces


def _reach(text: str, start: int, limit: int) -> int:
    """Return the furthest end at which text[start:end] is within the limit, at least one character on."""
    end = min(start + limit, len(text))
    over = utf16_len(text[start:end]) - limit
    while over > 0 and end > start + 1:
        # Each character taken away frees one unit or two.
        end = max(end - (over + 1) // 2, start + 1)
        over = utf16_len(text[start:end]) - limit
    return end


def _best_cut(text: str, start: int, end: int) -> int:
    # White space right behind the end is dropped with the cut.
    stop = end + 1 if text[end].isspace() else end
    for pattern, share in _PLACES:
        cut = max((match.end() for match in pattern.finditer(text, start, stop)), default=start)
        if cut - start >= (end - start) * share:
            return cut
    return _between_characters(text, start, end)


def _between_characters(text: str, start: int, end: int) -> int:
    """Move a cut back so that a letter keeps its accents and an emoji its parts, for at most 32 code points."""
    for cut in range(end, max(start, end - 32), -1):
        joined = text[cut] in _JOINERS or text[cut - 1] == "\u200d" or unicodedata.combining(text[cut])
        tone = "\U0001f3fb" <= text[cut] <= "\U0001f3ff"
        if not joined and not tone:
            return cut
    return end


def _trim(piece: Rich) -> Rich:
    """Drop white space at both ends; the indent of a first line of code stays."""
    text = piece.text
    end = len(text.rstrip())
    start = len(text) - len(text.lstrip())
    if any(span.style is Style.PRE and span.start <= start < span.end for span in piece.spans):
        start = text.rfind("\n", 0, start) + 1
    return piece.cut(start, end) if (start, end) != (0, len(text)) else piece
