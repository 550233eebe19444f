"""The rule engine: all rules compiled once, run over one folded window of text.

Invariant: a rule reports at most one hit per window, and the time is linear in the window's length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from guardrails.injection.fold import Folded
from guardrails.injection.phrases import Lexicon, Phrase, Words, find
from guardrails.injection.rule import Family, Rule
from guardrails.injection.rulesets import english, english_roles, markup, portuguese, russian
from guardrails.injection.rulesets.words import WORDS

RULES: tuple[Rule, ...] = (*english.RULES, *english_roles.RULES, *portuguese.RULES, *russian.RULES, *markup.RULES)
EXCERPT_CHARS = 120


class Strength(StrEnum):
    """How hard to look: at what a person types to the bot, or at text from outside (tool results, files, forwards)."""

    CHAT = "chat"
    FULL = "full"


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """One rule that fired: its score at this strength and where, as an excerpt of the folded text."""

    rule: str
    family: Family
    score: float
    excerpt: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Compiled:
    rule: Rule
    phrases: tuple[Phrase, ...]
    unless: Phrase | None
    pattern: re.Pattern[str] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Engine:
    lexicon: Lexicon
    by_slot: dict[int, tuple[tuple[_Compiled, Phrase], ...]]
    patterns: tuple[_Compiled, ...]


def read_words(folded: Folded) -> Words:
    """Split a folded window into words with the lexicon of all rules."""
    return _engine().lexicon.read(folded.text)


@cache
def slot_names() -> dict[int, str]:
    """Names of all word lists by slot number (for the classifier's features)."""
    return {slot: name for name, slot in _engine().lexicon.names.items() if name.startswith("<")}


def scan(folded: Folded, words: Words, *, strength: Strength) -> list[Hit]:
    """Run every rule over one window; hits come without order."""
    engine = _engine()
    hits: dict[str, Hit] = {}
    for slot in words.positions:
        for compiled, phrase in engine.by_slot.get(slot, ()):
            if compiled.rule.id not in hits and (place := _place(compiled, phrase, words)):
                hits[compiled.rule.id] = _hit(compiled.rule, _excerpt(words, *place), strength=strength)
    for compiled in engine.patterns:
        if compiled.pattern and any(need in folded.text for need in compiled.rule.needs):
            match = compiled.pattern.search(folded.text)
            if match:
                hits[compiled.rule.id] = _hit(compiled.rule, match[0][:EXCERPT_CHARS], strength=strength)
    return [hit for hit in hits.values() if hit.score > 0]


def _place(compiled: _Compiled, phrase: Phrase, words: Words) -> tuple[int, int] | None:
    """The first place where the phrase stands and no forbidden word stands inside it."""
    forbidden = _forbidden(compiled, words)
    for first, last in find(phrase, words):
        if not any(first <= at <= last for at in forbidden):
            return first, last
    return None


def _forbidden(compiled: _Compiled, words: Words) -> list[int]:
    if compiled.unless is None:
        return []
    return words.positions.get(compiled.unless.slots[0], [])


def _hit(rule: Rule, excerpt: str, *, strength: Strength) -> Hit:
    score = rule.chat if strength is Strength.CHAT and rule.chat is not None else rule.score
    return Hit(rule=rule.id, family=rule.family, score=score, excerpt=excerpt)


def _excerpt(words: Words, first: int, last: int) -> str:
    inside = [token for token, at in zip(words.tokens, words.index, strict=True) if first <= at <= last]
    return " ".join(inside)[:EXCERPT_CHARS]


@cache
def _engine() -> _Engine:
    lexicon = Lexicon(WORDS)
    compiled = [_compile(rule, lexicon) for rule in RULES]
    by_slot: dict[int, list[tuple[_Compiled, Phrase]]] = {}
    for one in compiled:
        for phrase in one.phrases:
            by_slot.setdefault(phrase.slots[-1], []).append((one, phrase))
    return _Engine(
        lexicon=lexicon,
        by_slot={slot: tuple(pairs) for slot, pairs in by_slot.items()},
        patterns=tuple(one for one in compiled if one.pattern),
    )


def _compile(rule: Rule, lexicon: Lexicon) -> _Compiled:
    return _Compiled(
        rule=rule,
        phrases=tuple(map(lexicon.compile, rule.phrases)),
        unless=lexicon.compile(rule.unless) if rule.unless else None,
        pattern=re.compile(rule.pattern) if rule.pattern else None,
    )
