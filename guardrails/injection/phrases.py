"""Phrases: sequences of words with bounded gaps, matched over the words of a folded text.

A phrase is written as `<override> 3 your|the <instructions>`: `<name>` is a word list of `rulesets.words`, `a|b|c*` are
literal words (a star means "begins with"), a number is how many words may stand between its neighbours.
Invariant: one dictionary look-up per word, and work per phrase linear in the number of words that fit it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from guardrails.injection.fold import fold

_TOKEN = re.compile(r"[^\W_]+|[.!?]+(?=\s|$)|\n\s*\n")
_SENTENCE_GAP = 2  # a full stop counts as this many words: gaps rarely reach across sentences
_MIN_STEM = 3
_LONG_WORD = 14  # longer words are tried as several words written together
_LONGEST_WORD = 240
_CACHED_WORDS = 16_384

Slots = tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Phrase:
    """A compiled phrase: for each element its slot and the greatest distance from the element before it."""

    slots: Slots
    reach: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """The words of one folded text, their positions (sentence ends leave a hole), and which slots they fill."""

    tokens: tuple[str, ...]
    positions: Mapping[int, list[int]]
    index: tuple[int, ...]  # token number -> position
    slots: tuple[Slots, ...]  # token number -> the slots it fills


class Lexicon:
    """All slots of all phrases; filled while rules are compiled, then read only."""

    def __init__(self, word_lists: Mapping[str, Iterable[str]]) -> None:
        self.names: dict[str, int] = {}
        self._exact: dict[str, list[int]] = {}
        self._stems: dict[str, list[int]] = {}
        self._stem_lengths: tuple[int, ...] = ()
        self._lists = word_lists
        for name, words in word_lists.items():
            self._add(f"<{name}>", words)
        self.slots_of = lru_cache(maxsize=_CACHED_WORDS)(self._slots_of)

    def compile(self, phrase: str) -> Phrase:
        """Compile the notation above; raises KeyError for an unknown list, ValueError for a phrase without words."""
        slots: list[int] = []
        reach: list[int] = []
        gap = 0
        for part in phrase.split():
            if part.isdecimal() and slots:
                gap = int(part)
                continue
            slots.append(self._slot(part))
            reach.append(gap + 1)
            gap = 0
        if not slots or gap:
            raise ValueError(f"phrase must begin and end with a word: {phrase!r}")
        return Phrase(slots=tuple(slots), reach=tuple(reach))

    def read(self, text: str) -> Words:
        """Split a folded text into words and note where each slot is met."""
        tokens: list[str] = []
        index: list[int] = []
        slots: list[Slots] = []
        positions: dict[int, list[int]] = {}
        at = 0
        for token in _TOKEN.findall(text):
            if not token[0].isalnum():
                at += _SENTENCE_GAP
                continue
            for word in self.segment(token) if _LONG_WORD <= len(token) <= _LONGEST_WORD else (token,):
                filled = self.slots_of(word)
                for slot in filled:
                    positions.setdefault(slot, []).append(at)
                slots.append(filled)
                tokens.append(word)
                index.append(at)
                at += 1
        return Words(tokens=tuple(tokens), positions=positions, index=tuple(index), slots=tuple(slots))

    def segment(self, word: str) -> tuple[str, ...]:
        """Part a long word into known words, longest first (`ignoreallrules`); unchanged if little of it is known."""
        if self.slots_of(word):
            return (word,)
        parts: list[str] = []
        start = known = 0
        while start < len(word):
            for end in range(min(len(word), start + 16), start + 1, -1):
                if word[start:end] in self._exact:
                    known += end - start
                    break
            else:
                end = start + 1
            parts.append(word[start:end])
            start = end
        return tuple(parts) if known * 4 >= len(word) * 3 else (word,)

    def _slot(self, part: str) -> int:
        if part not in self.names:
            self._add(part, self._alternatives(part))
        return self.names[part]

    def _alternatives(self, part: str) -> Iterable[str]:
        """`<rules>|message` is one slot: lists named among alternatives are written out."""
        for word in part.split("|"):
            yield from self._lists[word[1:-1]] if word.startswith("<") else (word,)

    def _add(self, name: str, words: Iterable[str]) -> None:
        slot = self.names.setdefault(name, len(self.names))
        for word in words:
            folded = fold(word.rstrip("*")).text
            table = self._stems if word.endswith("*") else self._exact
            table.setdefault(folded, []).append(slot)
            if word.endswith("*") and len(folded) < _MIN_STEM:
                raise ValueError(f"stem too short: {word!r}")
        self._stem_lengths = tuple(sorted({len(stem) for stem in self._stems}))

    def _slots_of(self, word: str) -> Slots:
        found = list(self._exact.get(word, ()))
        for length in self._stem_lengths:
            if length > len(word):
                break
            found.extend(self._stems.get(word[:length], ()))
        return tuple(dict.fromkeys(found))


def find(phrase: Phrase, words: Words) -> list[tuple[int, int]]:
    """Return (first, last) positions of each place where the phrase ends; empty if it is not there."""
    ends = [(at, at) for at in words.positions.get(phrase.slots[0], ())]
    for slot, reach in zip(phrase.slots[1:], phrase.reach[1:], strict=True):
        ends = _extend(ends, words.positions.get(slot, ()), reach)
        if not ends:
            break
    return ends


def _extend(ends: list[tuple[int, int]], targets: Iterable[int], reach: int) -> list[tuple[int, int]]:
    """Two pointers: pair each target with the nearest end before it, if that is within reach."""
    extended: list[tuple[int, int]] = []
    i = -1
    for target in targets:
        while i + 1 < len(ends) and ends[i + 1][1] < target:
            i += 1
        if i >= 0 and target - ends[i][1] <= reach:
            extended.append((ends[i][0], target))
    return extended
