"""The estimator: in the right range for each script, fast, and corrected within bounds."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app import tokens

# Texts with the range that tokenizers of the last years give them (tokens by their published counts and samples).
SAMPLES = [
    ("The quick brown fox jumps over the lazy dog, and then it sleeps until the morning comes.", 17, 27),
    ("Быстрая коричневая лиса перепрыгнула через ленивую собаку и легла спать.", 18, 36),
    ("O gato preto dormiu na varanda até a manhã chegar e o sol nascer.", 14, 26),
    ("今天天气很好我们去公园散步吧", 10, 22),
    ("for key, value in rows.items():\n    print(f'{key}={value!r}')\n", 15, 30),
    ("1234567890 4111 1111 1111 1111", 9, 22),
]


@pytest.mark.parametrize(("text", "least", "most"), SAMPLES)
def test_an_estimate_is_in_the_range_of_real_tokenizers(text: str, least: int, most: int) -> None:
    assert least <= tokens.estimate(text) <= most


def test_empty_text_costs_nothing_and_any_other_at_least_one() -> None:
    assert tokens.estimate("") == 0
    assert tokens.estimate(" ") == 1
    assert tokens.estimate("\ud800") >= 1


@given(st.text(), st.text())
def test_more_text_never_costs_less(left: str, right: str) -> None:
    assert tokens.estimate(left + right) >= max(tokens.estimate(left), tokens.estimate(right))


@pytest.mark.parametrize("char", ["a", "я", "今", "{", "7"])
def test_a_kilobyte_takes_under_fifty_microseconds(char: str) -> None:
    text = char * 100_000
    best = min(_timed(text) for _ in range(5))
    assert best / (len(text.encode()) / 1024) < 50e-6


def _timed(text: str) -> float:
    begin = time.thread_time()
    tokens.estimate(text)
    return time.thread_time() - begin


@given(st.text(max_size=400), st.integers(0, 80), st.floats(0.5, 3.0))
def test_a_cut_text_fits_and_is_a_beginning(text: str, limit: int, ratio: float) -> None:
    short = tokens.cut(text, limit, ratio=ratio)
    assert tokens.scale(tokens.estimate(short), ratio) <= limit
    assert short == text or text.startswith(short.removesuffix("…").rstrip())


def test_a_cut_uses_most_of_its_room() -> None:
    text = "word after word goes by " * 200
    assert tokens.estimate(tokens.cut(text, 100)) > 85


def test_the_ratio_follows_what_models_report() -> None:
    ratio = 1.0
    for _ in range(40):
        ratio = tokens.learn_ratio(ratio, 1000, 1400)
    assert ratio == pytest.approx(1.4, abs=0.01)


@given(st.floats(-10, 10), st.integers(-5, 10**6), st.integers(-5, 10**7))
def test_the_ratio_stays_within_its_bounds(old: float, estimated: int, measured: int) -> None:
    assert tokens.RATIO_LEAST <= tokens.learn_ratio(old, estimated, measured) <= tokens.RATIO_MOST


def test_tiny_or_empty_samples_teach_nothing() -> None:
    assert tokens.learn_ratio(1.2, 10, 400) == 1.2
    assert tokens.learn_ratio(1.2, 1000, 0) == 1.2
