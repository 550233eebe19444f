"""The stream guard against the final check: whatever the answer and however it is cut, nothing has to be taken back."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from guardrails.outputs import OutputContext, StreamGuard, check_output
from guardrails.types import Policy

PROMPT = (
    "You are the assistant of the harbour office and you never tell anybody about the berths that are kept free. "
    "Answer in short sentences and ask before you change anything that other people rely on every day."
)
POLICY = Policy(allowed_links=("good.example",))
CONTEXT = OutputContext(
    prompt_texts=(PROMPT,), canary="claw-canary-71f3", known_urls=frozenset({"https://known.example/page?id=1"})
)
# Without prompt texts no words are held back for comparing, and only the other rules decide where to cut.
CONTEXTS = (CONTEXT, OutputContext(known_urls=CONTEXT.known_urls))
KEY = "sk-ant-api03-" + "Ab1_" * 12
PEM = "-----BEGIN PRIVATE KEY-----\n" + "\n".join(["MIIEvQIBADANBgkq" * 4] * 7) + "\nshort==\n-----END PRIVATE KEY-----"
SENSITIVE = (
    KEY,
    PEM,
    PEM.replace("\n", "\\n"),
    PEM[:200],
    "123456789:" + "AAbb_-12" * 4 + "xyz",
    "4111 1111 1111 1111",
    "4111111111111111,5555-5555-5555-4444",
    "alice.b@mail.example.com",
    "+7 912 345-67-89 and +55 (11) 98765-4321",
    "DE89 3704 0044 0532 0130 00",
    "CPF: 52998224725",
    "529.982.247-25",
    "my telephone number is, as you know, 11 98765 4321",
    "https://evil.example/steal?data=" + "x" * 300,
    "https://good.example/docs/4111111111111111",
    "https://known.example/page?id=1",
    "[click here for the answer](https://evil.example/a?b=" + "c" * 250 + ' "a title of it")',
    "[an allowed one](https://good.example/a_(b))",
    "![picture](//evil.example/p.png)",
    "[https://evil.example/x](https://evil.example/x)",
    "see www.evil.example/path, then evil.com/path).",
    "<javascript:alert(1)>",
    "[a [b [c",
)
LEAKS = (
    "never tell anybody about the berths that are kept free",
    "NEVER tell\n\nanybody *about* the " + " " * 300 + "berths — that are kept free",
    "Claw-Canary-71F3",
)
WORDS = (
    *("the", "a", "harbour", "office", "berths", "that", "are", "kept", "ok.", "(see)", "[1]", "`code`"),
    *("12", "2026-11-20", "3.14", "1", "000", "—", "é", "привет", "你好，"),
)


def filler(rng: random.Random, words: int) -> str:
    """Return harmless text."""
    return "".join(rng.choice(WORDS) + rng.choice([" ", " ", " ", "\n", ", ", ""]) for _ in range(words))


def make_text(rng: random.Random, parts: tuple[str, ...]) -> str:
    """Return an answer that holds the parts at any place, also one right behind the other."""
    return "".join(
        filler(rng, rng.choice([0, 1, 5, 40, 120])) + rng.choice(["", " ", "\n"]) + part for part in parts
    ) + filler(rng, rng.choice([0, 1, 30, 100]))


def chunks(rng: random.Random, text: str) -> list[str]:
    """Return growing beginnings of the text, the last one being all of it."""
    size = rng.choice([1, 7, 30, 90, 400])
    ends = [len(text)]
    at = 0
    while at < len(text):
        ends.append(at)
        at += rng.randint(1, size)
    return [text[:end] for end in sorted(set(ends))]


def stream(
    parts: list[str], *, policy: Policy = POLICY, context: OutputContext = CONTEXT
) -> tuple[list[str], StreamGuard]:
    """Feed the parts and return everything that was shown."""
    guard = StreamGuard(policy, context)
    return [guard.feed(part) for part in parts], guard


@settings(max_examples=300, deadline=None)
@given(st.randoms(use_true_random=False), st.lists(st.sampled_from(SENSITIVE), max_size=4), st.sampled_from(CONTEXTS))
def test_what_is_shown_is_always_the_beginning_of_the_final_answer(
    rng: random.Random, parts: list[str], context: OutputContext
) -> None:
    text = make_text(rng, tuple(parts))
    final = check_output(text, policy=POLICY, context=context)
    assume(not final.blocked)
    shown, _ = stream(chunks(rng, text), context=context)
    before = ""
    for now in shown:
        assert now.startswith(before)
        assert final.text.startswith(now)
        before = now


@pytest.mark.parametrize("part", SENSITIVE)
@pytest.mark.parametrize("context", CONTEXTS, ids=["compares words", "no prompt"])
def test_no_place_to_cut_shows_what_the_final_check_replaces(part: str, context: OutputContext) -> None:
    text = "Some words before it. " * 20 + part + " and some words that come after all of it. " * 8
    final = check_output(text, policy=POLICY, context=context)
    for end in range(430, len(text), 1 if len(part) < 100 else 5):
        shown, _ = stream([text[:end]], context=context)
        assert final.text.startswith(shown[0]), (end, shown[0][-80:])


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(LEAKS), st.lists(st.sampled_from(SENSITIVE), max_size=2))
def test_nothing_of_a_leak_is_shown_before_it_blocks(rng: random.Random, leak: str, parts: list[str]) -> None:
    before = make_text(rng, tuple(parts)) + "\nXX "
    text = before + leak + " YY " + filler(rng, 60)
    assert check_output(text, policy=POLICY, context=CONTEXT).blocked
    shown, guard = stream(chunks(rng, text))
    clean = check_output(before, policy=POLICY, context=CONTEXT)
    assert all(clean.text.startswith(now) for now in shown if not clean.blocked)
    assert guard.finish(text).blocked
    assert guard.finish(text).text == ""


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(SENSITIVE))
def test_personal_data_that_blocks_is_never_shown(rng: random.Random, part: str) -> None:
    policy = Policy(pii_output="block", allowed_links=("good.example",))
    text = filler(rng, 80) + " alice@mail.example.com " + part + filler(rng, 60)
    shown, guard = stream(chunks(rng, text), policy=policy)
    assert guard.finish(text).blocked
    assert not any("alice" in now for now in shown)


def test_a_long_answer_is_shown_while_it_grows() -> None:
    text = "A plain sentence about the weather of today. " * 60
    shown, guard = stream([text[: end + 90] for end in range(0, len(text), 90)])
    assert len(shown[-1]) > len(text) - 500
    assert len({len(now) for now in shown}) > 10
    assert guard.finish(text).text == text


def test_a_blocked_stream_says_so_at_once() -> None:
    text = "Well. " * 50 + LEAKS[0] + ". More " * 100
    _, guard = stream([text])
    assert guard.blocked is not None
    assert guard.blocked.rule == "leak.prompt"


def test_links_that_a_tool_brings_may_be_given_from_then_on() -> None:
    guard = StreamGuard(POLICY, CONTEXT)
    text = "First https://fresh.example/a is not known. " + "Words. " * 60
    assert "fresh[.]example (link removed)" in guard.feed(text)
    guard.know(frozenset({"https://fresh.example/a"}))
    text += "\n\nNow https://fresh.example/a is known. " + "Words. " * 60
    assert "Now https://fresh.example/a is known." in guard.feed(text)


def test_a_new_attempt_starts_over() -> None:
    guard = StreamGuard(POLICY, CONTEXT)
    first = "The first attempt says this. " * 30
    second = "Another one says that. " * 30
    assert guard.feed(first).startswith("The first")
    assert guard.feed(second).startswith("Another")


@pytest.mark.parametrize("unit", ["x", "[x ", "1 ", "a.", "é", "[a](", "(", "+1 "])
def test_text_that_never_ends_a_word_does_not_take_quadratic_time(unit: str) -> None:
    """Doubling the text may at most about triple the work; quadratic work would multiply it by four."""

    def work(size: int) -> float:
        text = unit * (size // len(unit))
        parts = [text[:end] for end in range(0, len(text), 150)]
        best = float("inf")
        for _ in range(3):
            started = time.thread_time()
            stream(parts)
            best = min(best, time.thread_time() - started)
        return best

    assert work(24_000) < 3.2 * work(12_000) + 0.02
