"""Formatted text as a value: what is seen, and spans of style over it.

Invariant: spans lie inside the text and never cross the end of a piece; cutting clips them, so a style that is cut in
two is closed in the first piece and opened again in the next (a block of code keeps its language, a link its address).
Indices count code points; limits of platforms that count UTF-16 units are measured by `utf16_len`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Style(StrEnum):
    """What a span means. PRE carries the language, LINK the address in the span's value."""

    QUOTE = "quote"
    LINK = "link"
    BOLD = "bold"
    ITALIC = "italic"
    STRIKE = "strike"
    CODE = "code"
    PRE = "pre"


@dataclass(frozen=True, slots=True)
class Span:
    """A style from `start` up to, not including, `end`."""

    start: int
    end: int
    style: Style
    value: str = ""


@dataclass(frozen=True, slots=True)
class Rich:
    """Text and its spans, in the order in which they were opened."""

    text: str
    spans: tuple[Span, ...] = ()

    def cut(self, start: int, end: int) -> Rich:
        """Return the stretch from `start` to `end` with its spans clipped and moved."""
        spans = tuple(
            Span(max(span.start, start) - start, min(span.end, end) - start, span.style, span.value)
            for span in self.spans
            if span.start < end and span.end > start
        )
        return Rich(self.text[start:end], spans)


def utf16_len(text: str) -> int:
    """Return the length in UTF-16 code units, in which several platforms count."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf16_slice(text: str, offset: int, length: int) -> str:
    """Return the stretch that an entity with UTF-16 offset and length covers."""
    if text.isascii():
        return text[offset : offset + length]
    data = text.encode("utf-16-le", "surrogatepass")
    return data[2 * offset : 2 * (offset + length)].decode("utf-16-le", "replace")


def clean_text(text: str) -> str:
    """Return the text without NUL and without lone surrogates, which no database and no platform takes."""
    if text.isascii():
        return text.replace("\x00", "")
    return text.replace("\x00", "").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
