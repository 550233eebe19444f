"""Calls that wait for a person, runs that go on after a decision or a crash, and what must never happen twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bots.agent.targets import breakers
from bots.agent.types import AgentOutcome, ToolOutput
from clawsite.core.db import run_db
from clawsite.core.errors import LeaseLost
from clawsite.core.leases import take_lease, void_leases
from clawsite.core.models import Process
from sessions_app.models import ToolCall, Turn
from tests.bots.agent.stage import Recorder, Stage, results_of
from tests.bots.agent.test_tools import ATTACK
from tests.servers.messages import text, tool_use


class Crash(BaseException):
    """Stands for a killed process: no code of ours may catch it."""


def crash() -> ToolOutput:
    raise Crash


def rows() -> dict[str, str]:
    """Return the states of all calls by id."""
    return dict(ToolCall.objects.values_list("call_id", "state"))


async def parked(stage: Stage, recorder: Recorder, *calls: dict[str, Any]) -> AgentOutcome:
    """Run until the destructive tool `drop` has to be asked about."""
    stage.model.script(text("I will."), *(calls or (tool_use("drop", {"x": "all"}, id="toolu_d"),)))
    return await stage.run(tools=tools_of(recorder))


def tools_of(recorder: Recorder) -> tuple[Any, ...]:
    return (
        recorder.tool("drop", effect="destructive"),
        recorder.tool("look"),
        recorder.tool("write", effect="write"),
    )


def last_results(stage: Stage) -> dict[str, str]:
    return results_of(stage.bodies()[-1]["messages"][-1])


async def test_a_destructive_call_waits_for_a_person(turn_stage: Stage, recorder: Recorder) -> None:
    outcome = await parked(turn_stage, recorder)

    assert (outcome.stop, outcome.text) == ("parked", "I will.")
    assert recorder.calls == []
    (call,) = outcome.pending
    assert (call.call_id, call.tool, call.arguments, call.role) == ("toolu_d", "drop", {"x": "all"}, "viewer")
    assert call.summary == "drop: x='all'"
    assert len(call.arguments_hash) == 64
    assert await run_db(rows) == {"toolu_d": "waiting"}
    stored = await run_db(lambda: Turn.objects.get(pk=turn_stage.turn_id).agent_state)
    assert stored == outcome.state


async def test_an_approved_call_runs_once_and_the_run_goes_on(turn_stage: Stage, recorder: Recorder) -> None:
    first = await parked(turn_stage, recorder)
    turn_stage.model.script(text("Dropped."), on_result=True, usage={"output_tokens": 7})

    outcome = await turn_stage.run(tools=tools_of(recorder), resume=first.state, decisions={"toolu_d": True})

    assert (outcome.stop, outcome.text) == ("answer", "I will.\n\nDropped.")
    assert recorder.calls == [{"tool": "drop", "x": "all"}]
    assert await run_db(rows) == {"toolu_d": "done"}
    assert outcome.usage.output == 7


@pytest.mark.parametrize("decisions", [{"toolu_d": False}, {}, {"toolu_other": True}])
async def test_without_a_yes_it_never_runs(turn_stage: Stage, recorder: Recorder, decisions: dict[str, bool]) -> None:
    first = await parked(turn_stage, recorder)
    turn_stage.model.script(text("Then not."), on_result=True)

    outcome = await turn_stage.run(tools=tools_of(recorder), resume=first.state, decisions=decisions)

    assert outcome.text.endswith("Then not.")
    assert recorder.calls == []
    assert last_results(turn_stage) == {"toolu_d": "Denied by the user. Choose another way."}
    assert await run_db(rows) == {"toolu_d": "refused"}


async def test_a_second_resume_does_not_run_it_again(turn_stage: Stage, recorder: Recorder) -> None:
    first = await parked(turn_stage, recorder)
    turn_stage.model.script(text("Dropped."), on_result=True, times=2)

    for _ in range(2):
        outcome = await turn_stage.run(tools=tools_of(recorder), resume=first.state, decisions={"toolu_d": True})
        assert outcome.stop == "answer"

    assert recorder.names == ["drop"]


async def test_an_approval_is_for_exactly_these_arguments(turn_stage: Stage, recorder: Recorder) -> None:
    first = await parked(turn_stage, recorder)
    turn_stage.model.script(text("Hm."), on_result=True)
    changed = {**first.state, "messages": [_with_arguments(message) for message in first.state["messages"]]}

    await turn_stage.run(tools=tools_of(recorder), resume=changed, decisions={"toolu_d": True})

    assert recorder.calls == []


def _with_arguments(message: dict[str, Any]) -> dict[str, Any]:
    blocks = [
        block | {"input": {"x": "even more"}} if block["type"] == "tool_use" else block for block in message["content"]
    ]
    return message | {"content": blocks}


async def test_other_calls_of_the_message_wait_or_are_not_repeated(turn_stage: Stage, recorder: Recorder) -> None:
    first = await parked(
        turn_stage,
        recorder,
        tool_use("write", {"x": "1"}, id="toolu_w"),
        tool_use("look", id="toolu_l"),
        tool_use("drop", id="toolu_d"),
    )
    assert recorder.names == ["look"]
    turn_stage.model.script(text("All done."), on_result=True)

    await turn_stage.run(tools=tools_of(recorder), resume=first.state, decisions={"toolu_d": True})

    assert recorder.names == ["look", "write", "drop"]
    assert list(last_results(turn_stage)) == ["toolu_w", "toolu_l", "toolu_d"]


async def test_a_tainted_turn_asks_before_it_writes_or_sends(turn_stage: Stage, recorder: Recorder) -> None:
    page = recorder.tool("page", output=ATTACK)
    turn_stage.model.script(tool_use("page"))
    turn_stage.model.script(tool_use("write", id="toolu_w"), on_result=True)

    outcome = await turn_stage.run(tools=(page, recorder.tool("write", effect="write")))

    assert (outcome.stop, outcome.tainted) == ("parked", True)
    assert recorder.names == ["page"]
    assert outcome.pending[0].tool == "write"


async def test_a_turn_tainted_before_asks_too_and_stays_tainted(turn_stage: Stage, recorder: Recorder) -> None:
    turn_stage.model.script(tool_use("send", id="toolu_s"))
    tools = (recorder.tool("send", effect="outbound", repeatable=True),)

    first = await turn_stage.run(tools=tools, tainted=True)
    assert first.stop == "parked"
    turn_stage.model.script(text("Sent."), on_result=True)
    second = await turn_stage.run(tools=tools, resume=first.state, decisions={"toolu_s": True})

    assert second.tainted
    assert recorder.names == ["send"]


async def test_a_call_that_a_crash_interrupted_is_not_run_again(turn_stage: Stage, recorder: Recorder) -> None:
    turn_stage.model.script(tool_use("write", {"x": "1"}, id="toolu_w"))
    with pytest.raises(Crash):
        await turn_stage.run(tools=(recorder.tool("write", effect="write", output=crash),))
    state = await run_db(lambda: Turn.objects.get(pk=turn_stage.turn_id).agent_state)
    assert await run_db(rows) == {"toolu_w": "intent"}
    turn_stage.model.script(text("I check."), on_result=True)

    outcome = await turn_stage.run(tools=(recorder.tool("write", effect="write"),), resume=state)

    assert outcome.text == "I check."
    assert recorder.names == ["write"]
    assert "outcome is unknown" in last_results(turn_stage)["toolu_w"]


async def test_a_repeatable_call_is_run_again_after_a_crash(turn_stage: Stage, recorder: Recorder) -> None:
    write = recorder.tool("write", effect="write")
    again = recorder.tool("again", effect="write", repeatable=True)
    turn_stage.model.script(tool_use("write", id="toolu_w"), tool_use("again", id="toolu_a"))
    with pytest.raises(Crash):
        await turn_stage.run(tools=(write, recorder.tool("again", effect="write", repeatable=True, output=crash)))
    state = await run_db(lambda: Turn.objects.get(pk=turn_stage.turn_id).agent_state)
    turn_stage.model.script(text("Done."), on_result=True)

    await turn_stage.run(tools=(write, again), resume=state)

    assert recorder.names == ["write", "again", "again"]
    assert "fine" in last_results(turn_stage)["toolu_w"]


async def test_a_call_that_ended_without_a_word_was_not_interrupted(turn_stage: Stage, recorder: Recorder) -> None:
    silent = recorder.tool("silent", effect="write", output="")
    write = recorder.tool("write", effect="write", output=crash)
    turn_stage.model.script(tool_use("silent", id="toolu_s"), tool_use("write", id="toolu_w"))
    with pytest.raises(Crash):
        await turn_stage.run(tools=(silent, write))
    state = await run_db(lambda: Turn.objects.get(pk=turn_stage.turn_id).agent_state)
    turn_stage.model.script(text("Done."), on_result=True)

    await turn_stage.run(tools=(silent, write), resume=state)

    assert recorder.names == ["silent", "write"]
    assert "ran to its end before" in last_results(turn_stage)["toolu_s"]
    assert await run_db(rows) == {"toolu_s": "done", "toolu_w": "failed"}


async def test_nothing_runs_when_another_process_has_the_turn(turn_stage: Stage, recorder: Recorder) -> None:
    process = await run_db(lambda: Process.objects.create(role="bots", host="here", pid=1, started=1))
    held = await run_db(lambda: take_lease("lane", process_id=process.pk))
    await run_db(void_leases, process.pk)
    context = turn_stage.context
    turn_stage.context = lambda **about: replace(context(**about), held=held)  # type: ignore[method-assign]
    turn_stage.model.script(tool_use("write"))

    with pytest.raises(LeaseLost):
        await turn_stage.run(tools=(recorder.tool("write", effect="write"),))

    assert recorder.calls == []


async def test_pictures_are_not_kept_in_the_state(turn_stage: Stage, recorder: Recorder) -> None:
    picture = recorder.tool("picture", output=lambda: ToolOutput(text="look", images=(("image/png", "aGk="),)))
    turn_stage.model.script(tool_use("picture"))
    turn_stage.model.script(tool_use("drop"), on_result=True)

    outcome = await turn_stage.run(tools=(picture, recorder.tool("drop", effect="destructive")))

    assert outcome.stop == "parked"
    assert "aGk=" in str(turn_stage.bodies()[1])
    assert "aGk=" not in str(outcome.state)


async def test_a_run_without_a_model_can_go_on_later(turn_stage: Stage, recorder: Recorder) -> None:
    turn_stage.model.script(tool_use("write"))
    turn_stage.model.fail(529, times=5)
    first = await turn_stage.run(tools=tools_of(recorder))
    assert first.stop == "unavailable"
    turn_stage.model.script(text("Done."), on_result=True)
    breakers.clear()

    outcome = await turn_stage.run(tools=tools_of(recorder), resume=first.state)

    assert (outcome.stop, outcome.text) == ("answer", "Done.")
    assert recorder.names == ["write"]
