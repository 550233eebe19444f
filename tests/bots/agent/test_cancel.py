"""Stopping a run from outside: /stop, the deadline, a process that ends."""

from __future__ import annotations

import asyncio
import time

import pytest

from bots.agent.failover import Retry
from bots.agent.types import AgentLimits
from tests.bots.agent.stage import Recorder, Stage
from tests.servers.messages import pause, text, tool_use


async def test_stop_ends_a_stream_between_two_pieces(stage: Stage) -> None:
    stage.model.script(text("a b c d e f", deltas=6, pause=0.5))

    outcome = await stage.run(cancelled=lambda: len(stage.shown) >= 2)

    assert (outcome.stop, outcome.text, outcome.notice) == ("cancelled", "a b", "")
    await stage.model.await_for(lambda: stage.model.requests()[0]["outcome"] == "client_closed")


async def test_stop_ends_a_silent_model(stage: Stage) -> None:
    stage.model.script(pause(30))
    loop = asyncio.get_running_loop()
    loop.call_later(0.2, setattr, stage, "cancel", True)
    began = time.monotonic()

    outcome = await stage.run()

    assert outcome.stop == "cancelled"
    assert time.monotonic() - began < 5


async def test_stop_ends_a_slow_tool(turn_stage: Stage, recorder: Recorder) -> None:
    turn_stage.model.script(tool_use("wait"))
    tool = recorder.tool("wait", wait=asyncio.Event())

    outcome = await turn_stage.run(tools=(tool,), cancelled=lambda: bool(recorder.calls))

    assert outcome.stop == "cancelled"


async def test_stop_ends_the_pause_before_another_attempt(stage: Stage) -> None:
    stage.model.fail(529, times=None)

    outcome = await stage.run(retry=Retry(base=1000, cap=1000), cancelled=lambda: len(stage.bodies()) == 1)

    assert outcome.stop == "cancelled"
    assert len(stage.bodies()) == 1


async def test_the_deadline_ends_a_run_with_what_was_said(stage: Stage) -> None:
    stage.model.script(text("a b c d", deltas=4, pause=2.0))

    outcome = await stage.run(limits=AgentLimits(seconds=5.0))

    assert (outcome.stop, outcome.stop_detail) == ("limit", "seconds")
    assert outcome.text.startswith("a")
    assert outcome.notice


async def test_a_cancelled_task_stays_cancelled(stage: Stage) -> None:
    stage.model.script(text("a b c d", deltas=4, pause=0.3))
    task = asyncio.create_task(stage.run())
    await stage.model.await_for(lambda: stage.shown)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_was_stopped_is_paid_for(stage: Stage) -> None:
    stage.model.script(text("one two three four five six " * 10, deltas=6, pause=0.3), usage={"input_tokens": 1000})

    outcome = await stage.run(cancelled=lambda: len(stage.shown) >= 3)

    assert (outcome.stop, outcome.usage.input) == ("cancelled", 1000)
    assert outcome.usage.output >= 20
    assert outcome.usage.cost_usd > 0.002


async def test_what_was_read_is_paid_for_when_a_silent_model_is_stopped(stage: Stage) -> None:
    stage.model.script(text("Well,"), pause(30), usage={"input_tokens": 1000})
    running = asyncio.create_task(stage.run())
    await stage.model.await_for(lambda: stage.shown)

    stage.cancel = True
    outcome = await running

    assert (outcome.stop, outcome.usage.input) == ("cancelled", 1000)
