"""The chat budget: rates hold over any minute, waits are honoured, memory is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from bots.channels import budget as module
from bots.channels.budget import ChatBudget


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def budget(clock: Clock) -> ChatBudget:
    return ChatBudget(clock, chat_rate=1.0, group_rate=18.0, bot_rate=25.0)


def send(budget: ChatBudget, clock: Clock, chat: str, *, group: bool) -> float:
    """Wait as told, call, and return when."""
    clock.now += budget.wait(chat, group=group)
    assert budget.wait(chat, group=group) == pytest.approx(0.0, abs=1e-6)
    budget.spend(chat, group)
    return clock.now


def test_direct_chat_has_a_small_burst_then_one_a_second(budget: ChatBudget, clock: Clock) -> None:
    times = [send(budget, clock, "a", group=False) - 1000 for _ in range(6)]
    assert times == pytest.approx([0, 0, 0, 1, 2, 3])


def test_group_stays_within_twenty_in_any_minute(budget: ChatBudget, clock: Clock) -> None:
    times = [send(budget, clock, "g", group=True) for _ in range(80)]
    for start in times:
        assert sum(1 for at in times if start <= at < start + 60) <= 20


def test_bot_stays_within_thirty_in_any_second(budget: ChatBudget, clock: Clock) -> None:
    times = [send(budget, clock, str(number), group=False) for number in range(200)]
    for start in times:
        assert sum(1 for at in times if start <= at < start + 1) <= 30
    assert times[-1] - times[0] == pytest.approx(195 / 25)


def test_one_chat_does_not_hold_up_another(budget: ChatBudget) -> None:
    for _ in range(3):
        budget.spend("a", False)
    assert budget.wait("a", group=False) > 0
    assert budget.wait("b", group=False) == 0


def test_told_to_wait_waits_a_second_more_and_goes_gently_for_a_minute(budget: ChatBudget, clock: Clock) -> None:
    budget.cool("a", 10)
    assert budget.wait("a", group=False) == pytest.approx(11)
    assert budget.wait("b", group=False) == 0
    clock.now += 11
    times = [send(budget, clock, "a", group=False) - 1011 for _ in range(3)]
    assert times == pytest.approx([0, 2, 4])
    assert not budget.idle("a", False)
    clock.now += 100
    assert budget.idle("a", False)
    assert [send(budget, clock, "a", group=False) for _ in range(3)] == pytest.approx([clock.now] * 3)


def test_shorter_wait_does_not_shorten_a_longer_one(budget: ChatBudget) -> None:
    budget.cool("a", 100)
    budget.cool("a", 1)
    assert budget.wait("a", group=False) == pytest.approx(101)


def test_wait_of_the_whole_bot_holds_every_chat(budget: ChatBudget, clock: Clock) -> None:
    budget.cool(None, 5)
    assert budget.wait("a", group=False) == pytest.approx(6)
    assert budget.wait("never seen", group=True) == pytest.approx(6)
    assert not budget.idle("a", False)
    clock.now += 67
    assert budget.idle("a", False)


def test_cosmetic_calls_need_an_untouched_chat(budget: ChatBudget, clock: Clock) -> None:
    assert budget.idle("a", False)
    budget.spend("a", False)
    assert not budget.idle("a", False)
    clock.now += 1
    assert budget.idle("a", False)
    budget.spend("g", True)
    clock.now += 3
    assert not budget.idle("g", True)
    clock.now += 1
    assert budget.idle("g", True)


def test_cosmetic_calls_leave_room_for_messages_of_other_chats(budget: ChatBudget) -> None:
    for number in range(3):
        budget.spend(str(number), False)
    assert not budget.idle("other", False)
    assert budget.wait("other", group=False) == 0


def test_rates_come_from_the_settings(clock: Clock, settings: Settings) -> None:
    settings.CLAW_CHAT_RATE = 0.5
    budget = ChatBudget(clock)
    times = [send(budget, clock, "a", group=False) - 1000 for _ in range(5)]
    assert times == pytest.approx([0, 0, 0, 2, 4])


def test_table_of_chats_is_bounded(budget: ChatBudget, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CHATS", 100)
    budget.cool("cooling", 3600)
    for number in range(1000):
        budget.spend(str(number), False)
        clock.now += 0.001
    assert len(budget) <= 100
    assert budget.wait("cooling", group=False) > 3000
    clock.now += 60
    for number in range(200):
        budget.spend(f"later{number}", False)
    assert len(budget) <= 100


@given(st.lists(st.tuples(st.sampled_from("abg"), st.floats(0, 5)), max_size=60))
def test_waits_never_grow_without_bound(calls: list[tuple[str, float]]) -> None:
    clock = Clock()
    budget = ChatBudget(clock, chat_rate=1.0, group_rate=18.0, bot_rate=25.0)
    for chat, pause in calls:
        clock.now += pause
        assert 0 <= budget.wait(chat, group=chat == "g") <= 3.4
        send(budget, clock, chat, group=chat == "g")
