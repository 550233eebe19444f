"""What the output guard costs, as ratios: a stream against one check of the same text, and long against short texts."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from guardrails.outputs import OutputContext, StreamGuard, check_output
from guardrails.types import Policy

pytestmark = pytest.mark.bench

POLICY = Policy(allowed_links=("docs.example.com",))
WORDS = [
    *(
        "the",
        "service",
        "restarts",
        "when",
        "its",
        "health",
        "check",
        "fails",
        "three",
        "times",
        "in",
        "a",
        "row",
        "and",
    ),
    *("then", "tells", "people", "on", "call", "about", "it", "see", "https://docs.example.com/restart", "for", "42"),
]
DELTAS = 20


def make_text(chars: int, *, seed: int = 1) -> str:
    """Return an ordinary answer of a length."""
    rng = random.Random(seed)
    return " ".join(rng.choice(WORDS) + rng.choice(["", "", "", ",", "."]) for _ in range(chars))[:chars]


CONTEXT = OutputContext(
    prompt_texts=tuple(make_text(1500, seed=layer + 10).replace("the", f"w{layer}") for layer in range(8)),
    canary="CLAW-CANARY-0000",
    known_urls=frozenset({"https://example.com/a"}),
)


def check(text: str) -> None:
    """Check a whole answer."""
    check_output(text, policy=POLICY, context=CONTEXT)


def stream(text: str, deltas: int = DELTAS) -> None:
    """Feed an answer in equal pieces."""
    guard = StreamGuard(POLICY, CONTEXT)
    for number in range(1, deltas + 1):
        guard.feed(text[: len(text) * number // deltas])
    assert guard.blocked is None


def best_ms(work: Callable[[], None], *, rounds: int = 7, repeats: int = 20) -> float:
    """Return the best mean of several rounds, in milliseconds of this process's CPU time."""
    work()
    best = float("inf")
    for _ in range(rounds):
        started = time.process_time()
        for _ in range(repeats):
            work()
        best = min(best, (time.process_time() - started) / repeats)
    return best * 1000


def test_a_stream_costs_a_few_whole_checks_not_one_for_each_delta() -> None:
    text = make_text(1500)
    whole, streamed = best_ms(lambda: check(text)), best_ms(lambda: stream(text))
    print(
        f"\nwhole answer of 1.5 KB: {whole:.2f} ms; {DELTAS} deltas of it: {streamed:.2f} ms; {streamed / whole:.1f}x"
    )
    assert streamed < 8 * whole


def test_the_time_of_a_check_grows_with_the_text() -> None:
    small, large = make_text(1000), make_text(8000)
    short, long = best_ms(lambda: check(small)), best_ms(lambda: check(large), repeats=5)
    ratio = long / short
    print(f"\n1 KB: {short:.2f} ms, 8 KB: {long:.2f} ms, {ratio:.1f}x")
    assert ratio < 13


def test_the_time_of_a_stream_grows_with_its_text_not_with_its_square() -> None:
    short, long = make_text(4000), make_text(32_000)
    few, many = best_ms(lambda: stream(short, 50), repeats=3), best_ms(lambda: stream(long, 400), repeats=1, rounds=3)
    print(f"\n4 KB in 50 deltas: {few:.2f} ms, 32 KB in 400 deltas: {many:.2f} ms, {many / few:.1f}x")
    assert many < 16 * few
