"""Sharing a window out: caps, the order of giving way, and what is never cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sessions_app.prompts.budget import ANSWER_RESERVE, TOOLS_RESERVE, Plan, Trim, Want, plan_budget

RESERVES = ANSWER_RESERVE + TOOLS_RESERVE
KEYS = ("core", "identity", "business", "objective", "skills", "memory", "temporal", "conversation")
BUDGETS = (500, 200, 300, 200, 2000, 1000, 50, 8000)


def wants(*sizes: int) -> list[Want]:
    return [
        Want(key=key, priority=place * 10, budget=budget, tokens=size, fixed=key == "core")
        for place, (key, budget, size) in enumerate(zip(KEYS, BUDGETS, sizes, strict=True))
    ]


def plan(*sizes: int, room: int, message: int = 0) -> Plan:
    return plan_budget(wants(*sizes), window=RESERVES + room + message, message_tokens=message)


def test_everything_that_fits_stays() -> None:
    result = plan(400, 100, 100, 100, 500, 300, 40, 5000, room=20_000)
    assert result.trims == ()
    assert result.fits
    assert sum(result.allowed.values()) == 6540


def test_a_budget_is_a_cap_even_when_there_is_room() -> None:
    result = plan(400, 900, 0, 0, 0, 0, 0, 9000, room=100_000)
    assert result.allowed["identity"] == 200
    assert result.allowed["conversation"] == 8000
    assert Trim(key="identity", wanted=900, kept=200, reason="budget") in result.trims
    assert Trim(key="conversation", wanted=9000, kept=8000, reason="budget") in result.trims


def test_on_overflow_the_highest_number_is_compressed_first() -> None:
    result = plan(400, 200, 300, 200, 2000, 1000, 50, 8000, room=10_000)
    assert result.allowed["conversation"] == 8000 - 2150
    assert [trim.key for trim in result.trims] == ["conversation"]
    assert result.trims[0].reason == "window"


def test_layers_are_dropped_from_the_highest_number_down() -> None:
    result = plan(400, 200, 300, 200, 2000, 1000, 50, 8000, room=2000)
    assert result.allowed == {
        "core": 400, "identity": 200, "business": 300, "objective": 200,
        "skills": 900, "memory": 0, "temporal": 0, "conversation": 0,
    }  # fmt: skip
    assert result.fits


def test_core_and_the_message_are_never_cut() -> None:
    result = plan_budget(wants(700, 200, 0, 0, 0, 0, 0, 500), window=1000, message_tokens=900)
    assert result.allowed["core"] == 700
    assert result.over_budget == ("core",)
    assert sum(result.allowed.values()) == 700
    assert not result.fits


def test_the_reserves_are_kept_free() -> None:
    result = plan_budget(wants(100, 0, 0, 0, 0, 0, 0, 8000), window=12_000, message_tokens=1000)
    assert sum(result.allowed.values()) + 1000 + RESERVES <= 12_000


@given(st.lists(st.integers(0, 20_000), min_size=8, max_size=8), st.integers(0, 300_000), st.integers(0, 50_000))
def test_a_plan_never_spends_more_than_there_is(sizes: list[int], window: int, message: int) -> None:
    result = plan_budget(wants(*sizes), window=window, message_tokens=message)
    rest = sum(tokens for key, tokens in result.allowed.items() if key != "core")
    for want in wants(*sizes):
        assert 0 <= result.allowed[want.key] <= want.tokens
        assert want.fixed or result.allowed[want.key] <= want.budget
    if result.fits:
        assert sum(result.allowed.values()) + message + RESERVES <= window
    else:
        assert rest == 0
    trimmed = {trim.key for trim in result.trims}
    assert trimmed == {want.key for want in wants(*sizes) if result.allowed[want.key] < want.tokens}


@given(st.lists(st.integers(0, 20_000), min_size=8, max_size=8), st.integers(8_096, 60_000))
def test_a_lower_number_only_gives_way_when_all_higher_ones_are_gone(sizes: list[int], window: int) -> None:
    result = plan_budget(wants(*sizes), window=window, message_tokens=0)
    by_window = [want for want in wants(*sizes) if result.allowed[want.key] < min(want.tokens, want.budget)]
    for want in by_window[:1]:
        if not want.fixed:
            above = [other for other in wants(*sizes) if other.priority > want.priority]
            assert all(result.allowed[other.key] == 0 for other in above)
