"""When the model is slow, stalls, is cut or overloaded: each turn ends in an answer or in a clear sentence, in time."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from bots import breaker
from bots.agent import failover
from bots.agent.targets import states
from clawsite.core.db import run_db
from sessions_app.models import Turn
from tests.bots.flow import Flow, open_flow, until
from tests.fixtures.reached import Figure, Reached
from tests.servers.messages import cut, eof, error, pause, text, trickle
from tests.servers.messages.scripts import Step

pytestmark = pytest.mark.faults

TURN_SECONDS, LONG_TURN_SECONDS = 2, 60
LATE_SECONDS = 5.0
CLOSED_SECONDS = 60.0
ENDLESS: dict[str, list[Step]] = {
    "pings and nothing else": [pause(60, ping_every=0.1)],
    "half an answer, then pings": [text("Half an answer"), pause(60, ping_every=0.1)],
    "a byte now and then": [trickle("Half an answer that never comes to its end", seconds=1.0)],
    "cut every time": [text("Half an answer"), cut()],
    "an end without a stop every time": [text("Half an answer"), eof()],
    "overloaded in mid-stream every time": [text("Half an answer"), error()],
}

LONG: dict[str, list[Step]] = {
    "a byte in ten seconds": [trickle("Half an answer that never comes to its end", seconds=10.0)],
    "pings and nothing else": [pause(300, ping_every=1.0)],
}


@pytest.fixture
async def patient(transactional_db: None) -> AsyncIterator[Flow]:
    """A flow whose turns may take a minute."""
    async with open_flow(CLAW_TURN_SECONDS=LONG_TURN_SECONDS) as opened:
        yield opened


@pytest.fixture
async def hurried(transactional_db: None) -> AsyncIterator[Flow]:
    """A flow whose turns may take two seconds."""
    async with open_flow(CLAW_TURN_SECONDS=TURN_SECONDS) as opened:
        yield opened


@pytest.mark.parametrize("steps", ENDLESS.values(), ids=list(ENDLESS))
async def test_a_turn_ends_in_time_and_half_an_answer_is_never_whole(
    hurried: Flow, steps: list[Step], reached: Reached, request: pytest.FixtureRequest
) -> None:
    took = await end_in_time(hurried, steps, seconds=TURN_SECONDS)
    figure = Figure("the turn ended after", took, "s", TURN_SECONDS + LATE_SECONDS)
    reached(14, f"{request.node.callspec.id}, turns of {TURN_SECONDS} s", figure)


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("steps", LONG.values(), ids=list(LONG))
async def test_a_long_turn_ends_in_time_and_half_an_answer_is_never_whole(
    patient: Flow, steps: list[Step], reached: Reached, request: pytest.FixtureRequest
) -> None:
    took = await end_in_time(patient, steps, seconds=LONG_TURN_SECONDS)
    figure = Figure("the turn ended after", took, "s", LONG_TURN_SECONDS + LATE_SECONDS)
    reached(14, f"{request.node.callspec.id}, turns of {LONG_TURN_SECONDS} s", figure)


async def end_in_time(flow: Flow, steps: list[Step], *, seconds: int) -> float:
    """Have the model answer in these steps every time; return how long a turn took that may take so many seconds."""
    async with flow.running():
        await flow.says(flow.bob, "hello")  # what a process does once, when the first turn needs it, is no part of it
        flow.model.script(*steps, times=None)
        begun = time.monotonic()
        (answer,) = await flow.says(flow.alice, "hello there", timeout=seconds + LATE_SECONDS)
        took = time.monotonic() - begun
        assert took <= seconds + LATE_SECONDS
    lines = answer.strip().splitlines()
    assert not lines[-1].startswith("Half"), "the last line says that something is missing"
    turn = await run_db(Turn.objects.latest, "id")
    assert turn.outcome in ("limit", "unavailable")
    return took


async def test_a_storm_of_overload_opens_the_breaker_and_its_end_closes_it(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, reached: Reached
) -> None:
    for module in (breaker, failover):
        monkeypatch.setattr(module, "PROBE_SECONDS", 2.0)
    reached(14, "overload, tried again after 2 s", *await overload(flow, times=breaker.FAILURES, within=20))


@pytest.mark.soak
@pytest.mark.timeout(300)
async def test_a_breaker_closes_within_a_minute_of_the_end_of_an_overload(flow: Flow, reached: Reached) -> None:
    reached(
        14,
        f"overload, tried again after {breaker.PROBE_SECONDS:.0f} s",
        *await overload(flow, times=None, within=CLOSED_SECONDS),
    )


async def overload(flow: Flow, *, times: int | None, within: float) -> list[Figure]:
    """Refuse so often, or until a moment after the breaker has opened; everybody is answered, few calls are in vain."""
    flow.model.fail(529, times=times)
    flow.model.set_default("Back again.")
    async with flow.running():
        for number in range(3):
            for who in (flow.alice, flow.bob):
                flow.telegram.user_sends(who, f"question {number}")
        await until(lambda: "open" in states().values(), timeout=20)
        if times is None:
            over = time.monotonic() + 1.0
            await until(lambda: time.monotonic() >= over)
            flow.model.clear_scripts()
        begun, asked = time.monotonic(), len(flow.asked())
        await until(lambda: set(states().values()) == {"closed"}, timeout=within)
        closed = time.monotonic() - begun
        for who in (flow.alice, flow.bob):
            await until(lambda who=who: flow.texts(who) == ["Back again."] * 3, timeout=40)  # type: ignore[misc]
        await flow.quiet()
    assert asked <= breaker.FAILURES + 1, "an open breaker lets nothing through"
    assert await run_db(lambda: Turn.objects.exclude(outcome="answer").count()) == 0
    calls = Figure("calls until the breaker opened", asked, most=breaker.FAILURES + 1)
    return [calls, Figure("closed after", closed, "s", within)]


async def test_a_model_that_asks_to_wait_is_asked_again_then(flow: Flow) -> None:
    flow.model.fail(429, retry_after=2)
    flow.model.set_default("Now.")
    async with flow.running():
        begun = time.monotonic()
        assert await flow.says(flow.alice, "hi", timeout=20) == ["Now."]
        assert time.monotonic() - begun >= 2
    assert len(flow.asked()) == 2


async def test_a_model_out_of_reach_is_said_in_time(hurried: Flow) -> None:
    async with hurried.running():
        await hurried.says(hurried.bob, "hello")
        hurried.model.refuse_connections(for_seconds=60)
        await until(lambda: not hurried.model.http.is_open)
        (answer,) = await hurried.says(hurried.alice, "hi", timeout=TURN_SECONDS + LATE_SECONDS)
    assert "limit" in answer
    assert await run_db(Turn.objects.filter(state="running").count) == 0
