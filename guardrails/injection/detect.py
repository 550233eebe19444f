"""The question this package answers: does a text try to give orders to the assistant? And what follows from it.

Invariant: `detect` never raises for any text, reads a bounded amount of it in linear time, and decides nothing; `judge`
decides and reads no text. A detection is a signal: the boundary is tool rights and approval.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from guardrails.injection.classifier import Model, attack_probability, load
from guardrails.injection.encodings import decoded
from guardrails.injection.fold import Folded, fold, is_fully_read, windows
from guardrails.injection.phrases import Words
from guardrails.injection.rule import Family
from guardrails.injection.rules import Hit, Strength, read_words, scan
from guardrails.types import Action

SIGNAL_SCORE = 0.6  # a family of hits counts as an independent signal from here on
CHAT_WARN, CHAT_BLOCK = 0.5, 0.9
FULL_WARN, FULL_BLOCK = 0.45, 0.9

_STYLE_FLOOR = 0.4  # lower scores of the classifier say nothing
_STYLE_SHIFT = 0.1  # probability 0.6 is a score of 0.5: alone it warns
_STYLE_SHIFT_SHORT = 0.2  # a short text has to be surer
_SHORT_WORDS = 25
_STYLE_SIGNAL = 0.7  # the classifier counts as a second signal from here on
_STYLE_CAP = 0.85  # the classifier alone never blocks
_DISGUISE_SCORE = 0.7
_QUOTED_CAP = 0.6
_MIN_HIDDEN_IN_WORDS = 3
_MIN_HIDDEN_TAGS = 4
_QUOTES = re.compile(r"[\"\u201c\u201e\u00ab]([^\"\u201c\u201d\u201e\u00ab\u00bb]{3,200})[\"\u201d\u201c\u00bb]")
_TALKS_ABOUT = re.compile(
    r"\b(?:means?|meaning|explain|example|attacks?|injections?|jailbreaks?|detect|phrases?|articles?|translate|significa|"
    r"explique|exemplo|ataques?|injecao|frases?|traduz\w*|значит|означает|объясни\w*|пример\w*|атак\w*|инъекци\w*|"
    r"фраз\w*|перевед\w*)\b"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Detection:
    """What was found: the highest score, hits from the strongest down, independent families, folding tricks met."""

    score: float
    hits: tuple[Hit, ...]
    signals: int
    flags: tuple[str, ...]
    fully_read: bool = True

    @property
    def rule(self) -> str:
        """The name of the strongest rule, or ""."""
        return self.hits[0].rule if self.hits else ""


def detect(text: str, *, strength: Strength = Strength.CHAT, model: Model | None = None) -> Detection:
    """Look at a text. `model` replaces the committed classifier (for cross-validation)."""
    hits: dict[str, Hit] = {}
    flags: dict[str, None] = {}
    for window in windows(text):
        folded = fold(window)
        flags.update(dict.fromkeys(folded.flags()))
        for hit in _window_hits(folded, strength=strength, model=model):
            if hit.rule not in hits or hits[hit.rule].score < hit.score:
                hits[hit.rule] = hit
    ordered = tuple(sorted(_without_twins(hits.values()), key=lambda hit: (-hit.score, hit.rule)))
    return Detection(
        score=ordered[0].score if ordered else 0.0,
        hits=ordered,
        signals=len({hit.family for hit in ordered if _is_signal(hit)}),
        flags=tuple(flags),
        fully_read=is_fully_read(text),
    )


def judge(detection: Detection, *, strength: Strength = Strength.CHAT) -> Action:
    """Allow, warn or block. At full strength both warn and block taint the turn; block also withholds the text.

    A text too long to be read whole is never simply allowed at full strength.
    """
    full = strength is Strength.FULL
    if detection.score >= (FULL_BLOCK if full else CHAT_BLOCK) or detection.signals >= 2:
        return Action.BLOCK
    if detection.score >= (FULL_WARN if full else CHAT_WARN) or (full and not detection.fully_read):
        return Action.WARN
    return Action.ALLOW


def warm() -> None:
    """Compile the rules and load the weights, so that the first message does not pay for it."""
    load()
    detect("warm")


def _window_hits(folded: Folded, *, strength: Strength, model: Model | None) -> Iterator[Hit]:
    words = read_words(folded)
    rule_hits = scan(folded, words, strength=strength)
    if strength is Strength.CHAT and rule_hits:
        rule_hits = _soften_quoted(folded, rule_hits)
    yield from rule_hits
    yield from _style(words, model=model)
    yield from _disguised(folded, seen={hit.rule for hit in rule_hits}, strength=strength)
    yield from _smuggled(folded)


def _style(words: Words, *, model: Model | None) -> Iterator[Hit]:
    shift = _STYLE_SHIFT_SHORT if len(words.tokens) < _SHORT_WORDS else _STYLE_SHIFT
    score = round(min(_STYLE_CAP, attack_probability(words, model=model) - shift), 3)
    if score >= _STYLE_FLOOR:
        yield Hit(rule="any.style.classifier", family=Family.STYLE, score=score, excerpt="")


def _disguised(folded: Folded, *, seen: set[str], strength: Strength) -> Iterator[Hit]:
    """Hits in what was encoded, cut up or spelled invisibly: each is evidence, and so is the disguise."""
    for payload in (folded.hidden, *decoded(folded.original)):
        inner = fold(payload) if payload else None
        found = scan(inner, read_words(inner), strength=strength) if inner else []
        fresh = [hit for hit in found if hit.rule not in seen and hit.score >= CHAT_WARN]
        if fresh:
            yield from fresh
            excerpt = max(fresh, key=lambda hit: hit.score).excerpt
            yield Hit(rule="any.obfuscation.encoded", family=Family.OBFUSCATION, score=_DISGUISE_SCORE, excerpt=excerpt)


def _smuggled(folded: Folded) -> Iterator[Hit]:
    """Invisible characters as such: tags that spell something, many joints inside words, forced direction."""
    if folded.tags >= _MIN_HIDDEN_TAGS:
        yield Hit(rule="any.obfuscation.tags", family=Family.OBFUSCATION, score=0.9, excerpt=folded.hidden[:120])
    if folded.invisible >= _MIN_HIDDEN_IN_WORDS:
        yield Hit(rule="any.obfuscation.invisible", family=Family.OBFUSCATION, score=0.6, excerpt="")
    if folded.bidi >= _MIN_HIDDEN_IN_WORDS:
        yield Hit(rule="any.obfuscation.bidi", family=Family.OBFUSCATION, score=0.5, excerpt="")


def _soften_quoted(folded: Folded, hits: list[Hit]) -> list[Hit]:
    """In chat, a phrase quoted in a text that talks about such phrases warns and does not block."""
    if not _TALKS_ABOUT.search(folded.text):
        return hits
    quoted = [" ".join(re.findall(r"[^\W_]+", match[1])) for match in _QUOTES.finditer(folded.text)]
    return [
        replace(hit, score=min(hit.score, _QUOTED_CAP - 0.05)) if any(hit.excerpt in part for part in quoted) else hit
        for hit in hits
    ]


def _is_signal(hit: Hit) -> bool:
    return hit.score >= (_STYLE_SIGNAL if hit.family is Family.STYLE else SIGNAL_SCORE)


def _without_twins(hits: Iterable[Hit]) -> list[Hit]:
    """One hit for each family and place: rules of two languages may read the same words."""
    best: dict[tuple[Family, str], Hit] = {}
    for hit in hits:
        key = (hit.family, hit.excerpt)
        if key not in best or best[key].score < hit.score:
            best[key] = hit
    return list(best.values())
