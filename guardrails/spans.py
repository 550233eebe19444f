"""Places of a text that a guard replaces, and the replacing. Overlapping places become one, so nothing is left over.

Invariant, on which the stream guard relies: whether and how a place is replaced depends only on the text from its
`lead` to REACH characters behind its end, and no place of more than REACH characters crosses white space unless it is
already matched up to there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

REACH = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """One place. `lead` is where what was matched begins (a word such as `CPF` before a number), `start` the replaced.

    A `text` of None leaves the place as it is and only says that it must not be split.
    """

    lead: int
    start: int
    end: int
    rule: str
    text: str | None
    weight: int = 0


def join_spans(spans: Iterable[Span]) -> list[Span]:
    """Return the places in order, overlapping ones joined under the replacement of the weightiest."""
    joined: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.weight)):
        if joined and span.start < joined[-1].end:
            joined[-1] = _join(joined[-1], span)
        else:
            joined.append(span)
    return joined


def _join(one: Span, other: Span) -> Span:
    top = other if other.weight > one.weight else one
    return Span(
        lead=min(one.lead, other.lead),
        start=one.start,
        end=max(one.end, other.end),
        rule=top.rule,
        text=top.text,
        weight=top.weight,
    )


def replace_spans(text: str, spans: Iterable[Span], *, start: int = 0, end: int | None = None) -> str:
    """Return text[start:end] with the places replaced; no place may cross `start` or `end`."""
    end = len(text) if end is None else end
    parts: list[str] = []
    for span in join_spans(span for span in spans if start <= span.start and span.end <= end):
        kept = text[span.start : span.end] if span.text is None else span.text
        parts += [text[start : span.start], kept]
        start = span.end
    return "".join((*parts, text[start:end]))
