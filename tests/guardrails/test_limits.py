"""Sliding windows: what is counted, when one is told, and how much is kept."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from limits import RateLimitItemPerSecond
from limits.strategies import MovingWindowRateLimiter
from pytest_django import Settings

from guardrails import limits
from guardrails.limits import BoundedMemoryStorage, check_limit, check_rate, reset_limits
from guardrails.types import Action, Policy
from tests.servers.services import RedisService

POLICY = Policy(rate=3, rate_seconds=60)


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    """Start and leave without windows."""
    reset_limits()
    yield
    reset_limits()


class Clock:
    """A clock that goes when told."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_limit_holds_and_is_told_once() -> None:
    answers = [check_rate("contact:1", policy=POLICY) for _ in range(6)]
    assert [answer.allowed for answer in answers] == [True] * 3 + [False] * 3
    assert [answer.notice for answer in answers] == [False] * 3 + [True, False, False]
    assert all(0 < answer.retry_after <= 60 for answer in answers[3:])
    assert answers[3].verdict.action is Action.BLOCK
    assert answers[0].verdict.action is Action.ALLOW


def test_people_do_not_share_a_window() -> None:
    for _ in range(4):
        check_rate("contact:1", policy=POLICY)
    assert check_rate("contact:2", policy=POLICY).allowed


def test_the_window_slides_and_refused_ones_do_not_count() -> None:
    clock = Clock()
    limiter = MovingWindowRateLimiter(BoundedMemoryStorage(clock=clock))
    window = RateLimitItemPerSecond(2, 60)
    assert limiter.hit(window, "k")
    clock.now += 30
    assert limiter.hit(window, "k")
    for _ in range(20):
        assert not limiter.hit(window, "k")
    assert limiter.get_window_stats(window, "k").reset_time == 1060.0
    clock.now = 1060.5
    assert limiter.hit(window, "k")
    assert not limiter.hit(window, "k")
    clock.now = 1091.0
    assert limiter.hit(window, "k")


def test_memory_is_bounded_and_the_longest_unused_goes_first() -> None:
    storage = BoundedMemoryStorage(max_keys=3)
    for key in ("a", "b", "c", "a", "d"):
        storage.acquire_entry(key, 5, 60)
    assert [storage.get(key) for key in ("a", "b", "c", "d")] == [2, 0, 1, 1]
    assert storage.reset() == 3


def test_threads_never_get_more_than_the_limit() -> None:
    allowed: list[bool] = []
    start = threading.Barrier(8)

    def hammer() -> None:
        start.wait(10)
        allowed.extend(check_limit("k", limit=50, seconds=60).allowed for _ in range(50))

    threads = [threading.Thread(target=hammer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(allowed) == 50


def test_memory_answers_when_redis_is_away(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answers = [check_rate("contact:1", policy=POLICY).allowed for _ in range(4)]
    assert answers == [True, True, True, False]
    assert caplog.text.count("Redis does not answer") == 1
    limits._redis.cache_clear()


@pytest.fixture
def on_redis(redis_service: RedisService, settings: Settings) -> Iterator[RedisService]:
    """Count in a real Redis, with a client that no other test uses."""
    settings.REDIS_URL = redis_service.url
    limits._redis.cache_clear()
    yield redis_service
    limits._redis.cache_clear()


@pytest.mark.services
def test_processes_share_one_window_in_redis(on_redis: RedisService) -> None:
    answers = [check_limit("shared:1", limit=3, seconds=60) for _ in range(3)]
    assert all(answer.allowed for answer in answers)
    limits._redis.cache_clear()  # what another process sees
    refused = [check_limit("shared:1", limit=3, seconds=60) for _ in range(3)]
    assert [answer.allowed for answer in refused] == [False] * 3
    assert [answer.notice for answer in refused] == [True, False, False]
    assert all(0 < answer.retry_after <= 60 for answer in refused)
    assert reset_limits() == 0


@pytest.mark.services
@pytest.mark.faults
def test_limits_hold_while_redis_is_down_and_return_to_it(
    on_redis: RedisService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REDIS_REST_SECONDS", 0.0)
    assert check_limit("fault:1", limit=2, seconds=60).allowed
    on_redis.kill()
    try:
        assert [check_limit("fault:1", limit=2, seconds=60).allowed for _ in range(3)] == [True, True, False]
    finally:
        on_redis.start()
    assert check_limit("fault:1", limit=2, seconds=60).allowed


def test_threads_that_ask_redis_for_the_first_time_at_once_are_all_answered() -> None:
    """In a process of its own, which has not imported the library yet."""
    script = """
import threading, django
django.setup()
from guardrails.limits import _redis
barrier, made = threading.Barrier(8), []
def ask():
    barrier.wait(10)
    made.append(_redis("redis://127.0.0.1:1/0"))
threads = [threading.Thread(target=ask) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(made))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["8"], done.stderr
