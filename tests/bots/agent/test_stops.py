"""Every way a message of the model can end."""

from __future__ import annotations

import pytest

from bots.agent.types import AgentLimits
from tests.bots.agent.stage import HI, Part, Recorder, Stage
from tests.servers.messages import text, thinking, tool_use
from tests.servers.messages.scripts import Step


async def test_an_answer_streams_and_is_counted(stage: Stage) -> None:
    stage.model.script(text("one two three four", deltas=4))

    outcome = await stage.run()

    assert (outcome.stop, outcome.text, outcome.notice) == ("answer", "one two three four", "")
    assert stage.shown == ["one ", "one two ", "one two three ", "one two three four"]
    assert outcome.usage.input > 0
    assert outcome.usage.output > 0
    assert outcome.usage.cost_usd > 0
    assert outcome.model == "claude-sonnet-5-5"
    assert outcome.messages == ({"role": "assistant", "content": [{"type": "text", "text": "one two three four"}]},)


async def test_the_measured_prompt_is_that_of_the_first_call(stage: Stage) -> None:
    stage.model.script(text("fine"), usage={"input_tokens": 123})

    assert (await stage.run()).prompt_tokens == 123


async def test_a_stop_sequence_is_an_end(stage: Stage) -> None:
    stage.model.script(text("done"), stop_reason="stop_sequence", stop_sequence="X")

    assert (await stage.run()).stop == "answer"


async def test_an_answer_at_the_length_limit_says_that_it_is_cut(stage: Stage) -> None:
    stage.model.script(text("half of it"), stop_reason="max_tokens")

    outcome = await stage.run()

    assert (outcome.stop, outcome.text) == ("cut", "half of it")
    assert "cut off" in outcome.notice


async def test_an_answer_at_the_end_of_the_window_says_that_it_is_cut(stage: Stage) -> None:
    stage.model.script(text("half of it"), stop_reason="model_context_window_exceeded")

    outcome = await stage.run()

    assert (outcome.stop, outcome.stop_detail) == ("cut", "model_context_window_exceeded")


async def test_an_incomplete_tool_call_is_asked_for_again_with_more_room(stage: Stage, recorder: Recorder) -> None:
    stage.model.script(text("I look."), tool_use("look", raw='{"x": "ab'), stop_reason="max_tokens")
    stage.model.script(text("Found."))

    outcome = await stage.run(tools=(recorder.tool("look"),))

    assert (outcome.stop, outcome.text) == ("answer", "Found.")
    assert recorder.calls == []
    assert [body["max_tokens"] for body in stage.bodies()] == [4096, 16384]


async def test_a_second_incomplete_tool_call_cuts_the_answer(stage: Stage, recorder: Recorder) -> None:
    stage.model.script(text("I look."), tool_use("look"), stop_reason="max_tokens", times=2)

    outcome = await stage.run(tools=(recorder.tool("look"),))

    assert (outcome.stop, outcome.text) == ("cut", "I look.")
    assert recorder.calls == []


async def test_a_refusal_keeps_nothing_of_what_was_said(stage: Stage) -> None:
    stage.model.script(
        text("Sure, first"), stop_reason="refusal", stop_details={"type": "refusal", "category": "cyber"}
    )

    outcome = await stage.run()

    assert (outcome.stop, outcome.text, outcome.stop_detail) == ("refused", "", "cyber")
    assert outcome.notice == "The model declined to answer this."
    assert outcome.messages == ()


async def test_an_empty_refusal_is_a_refusal(stage: Stage) -> None:
    stage.model.script(stop_reason="refusal")

    assert (await stage.run()).stop == "refused"


@pytest.mark.parametrize("first", [text(" \n "), thinking("I have nothing to say.")])
async def test_an_empty_answer_and_thoughts_alone_are_asked_for_once_more(stage: Stage, first: Step) -> None:
    stage.model.script(first)
    stage.model.script(text("Here I am."))

    outcome = await stage.run()

    assert (outcome.stop, outcome.text) == ("answer", "Here I am.")
    assert stage.bodies()[1]["messages"] == list(HI)


async def test_two_empty_answers_end_with_a_sentence(stage: Stage) -> None:
    stage.model.script(text("  "), times=2)

    outcome = await stage.run()

    assert (outcome.stop, outcome.stop_detail, outcome.retry_after) == ("unavailable", "empty", None)
    assert "gave no answer" in outcome.notice


async def test_thinking_is_sent_back_unchanged_and_never_shown(turn_stage: Stage, recorder: Recorder) -> None:
    turn_stage.model.script(thinking("Let me see. I should look."), tool_use("look"))
    turn_stage.model.script(text("Found."))

    outcome = await turn_stage.run(tools=(recorder.tool("look"),))

    assert outcome.text == "Found."
    assert all("should" not in shown for shown in turn_stage.shown)
    block = turn_stage.bodies()[1]["messages"][1]["content"][0]
    assert block["thinking"] == "Let me see. I should look."
    assert block["signature"]


async def test_steps_are_limited(turn_stage: Stage, recorder: Recorder) -> None:
    turn_stage.model.script(text("On it."), tool_use("look"), times=None)

    outcome = await turn_stage.run(tools=(recorder.tool("look"),), limits=AgentLimits(seconds=20, steps=2))

    assert (outcome.stop, outcome.stop_detail, outcome.steps) == ("limit", "steps", 2)
    assert outcome.notice == "I stopped after 2 steps, the limit for one answer."
    assert len(turn_stage.bodies()) == 2


async def test_money_is_limited(turn_stage: Stage, recorder: Recorder) -> None:
    turn_stage.model.script(tool_use("look"), times=None, usage={"input_tokens": 400_000})

    outcome = await turn_stage.run(tools=(recorder.tool("look"),), limits=AgentLimits(seconds=20, usd=1.0))

    assert (outcome.stop, outcome.stop_detail) == ("limit", "usd")
    assert outcome.usage.cost_usd == pytest.approx(1.6, rel=0.01)
    assert len(turn_stage.bodies()) == 2


async def test_the_prompt_is_marked_for_the_cache(turn_stage: Stage, recorder: Recorder) -> None:
    turn_stage.model.script(tool_use("look"))
    turn_stage.model.script(text("Found."))
    parts = (Part(text="core"), Part(text="skills"), Part(text="now", stable=False))

    await turn_stage.run(tools=(recorder.tool("look"), recorder.tool("find")), system=parts)

    first, second = turn_stage.bodies()
    assert [tool["name"] for tool in first["tools"]] == ["find", "look"]
    assert ["cache_control" in tool for tool in first["tools"]] == [False, True]
    assert ["cache_control" in block for block in first["system"]] == [False, True, False]
    assert "cache_control" not in str(first["messages"])
    assert "cache_control" in second["messages"][-1]["content"][-1]


async def test_texts_of_steps_are_joined_by_a_blank_line(turn_stage: Stage, recorder: Recorder) -> None:
    turn_stage.model.script(text("I look it up."), tool_use("look"))
    turn_stage.model.script(text("It is five."))

    outcome = await turn_stage.run(tools=(recorder.tool("look"),))

    assert outcome.text == "I look it up.\n\nIt is five."
    assert turn_stage.shown == ["I look it up.", "I look it up.\n\nIt is five."]
