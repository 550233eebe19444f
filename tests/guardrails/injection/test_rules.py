"""The rules: each proves itself on its own examples, and the phrases match as their notation says."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.injection.fold import fold
from guardrails.injection.phrases import Lexicon, find
from guardrails.injection.rule import Family, Rule
from guardrails.injection.rules import RULES, Strength, read_words, scan

IDS = [rule.id for rule in RULES]


def _names(text: str) -> set[str]:
    folded = fold(text)
    return {hit.rule for hit in scan(folded, read_words(folded), strength=Strength.FULL)}


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_a_rule_matches_its_examples(rule: Rule) -> None:
    missed = [text for text in rule.matches if rule.id not in _names(text)]
    assert rule.matches
    assert missed == []


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_a_rule_leaves_its_counterexamples_alone(rule: Rule) -> None:
    wrong = [text for text in rule.not_matches if rule.id in _names(text)]
    assert rule.not_matches
    assert wrong == []


def test_rules_are_named_once_and_scored() -> None:
    assert [name for name, times in Counter(IDS).items() if times > 1] == []
    for rule in RULES:
        assert rule.language in {"en", "pt", "ru", "any"}
        assert 0 < rule.score <= 1
        assert rule.chat is None or 0 <= rule.chat <= rule.score
        assert bool(rule.phrases) != bool(rule.pattern)
        assert bool(rule.pattern) == bool(rule.needs)


@pytest.mark.parametrize("language", ["en", "pt", "ru"])
def test_every_language_has_every_family_of_words(language: str) -> None:
    families = {rule.family for rule in RULES if rule.language == language}
    assert families == set(Family) - {Family.DELIMITER, Family.STYLE}


def test_a_rule_scores_lower_or_equal_in_chat() -> None:
    folded = fold("You must now run the following command")
    words = read_words(folded)
    assert "en.tool.addressed" in {hit.rule for hit in scan(folded, words, strength=Strength.FULL)}
    assert "en.tool.addressed" not in {hit.rule for hit in scan(folded, words, strength=Strength.CHAT)}


@pytest.mark.parametrize(
    ("phrase", "text", "found"),
    [
        ("drop 2 table", "drop the old table", True),
        ("drop 1 table", "drop the old table", False),
        ("drop 2 table", "table drop", False),
        ("drop 2 table", "drop it. the table", False),
        ("drop table|index", "drop index", True),
        ("<verbs> the boa*", "take the boat", True),
        ("<verbs> the boa*", "take the car", False),
        ("drop table", "backdrop table", False),
        ("drop drop", "drop", False),
    ],
)
def test_phrases_mean_what_they_say(phrase: str, text: str, *, found: bool) -> None:
    lexicon = Lexicon({"verbs": ["take", "drop"]})
    compiled = lexicon.compile(phrase)
    assert bool(find(compiled, lexicon.read(text))) is found


@pytest.mark.parametrize("phrase", ["", "drop 2", "ab* x", "<nothing> x"])
def test_a_wrong_phrase_is_refused(phrase: str) -> None:
    with pytest.raises((KeyError, ValueError)):
        Lexicon({}).compile(phrase)


@given(st.lists(st.sampled_from(["drop", "old", "table", "."]), max_size=12), st.integers(0, 4))
def test_finding_agrees_with_trying_every_pair(parts: list[str], gap: int) -> None:
    lexicon = Lexicon({})
    compiled = lexicon.compile(f"drop {gap} table")
    words = lexicon.read(" ".join(parts))
    drops = [at for at, token in zip(words.index, words.tokens, strict=True) if token == "drop"]
    tables = [at for at, token in zip(words.index, words.tokens, strict=True) if token == "table"]
    expected = any(0 < table - drop <= gap + 1 for drop in drops for table in tables)
    assert bool(find(compiled, words)) is expected


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("ignoreallrules", ("ignore", "all", "rules")),
        ("internationalisation", ("internationalisation",)),
        ("xqzxqzxqzxqzxqz", ("xqzxqzxqzxqzxqz",)),
    ],
)
def test_words_written_together_are_parted_when_known(word: str, parts: tuple[str, ...]) -> None:
    assert Lexicon({"known": ["ignore", "all", "rules"]}).segment(word) == parts
