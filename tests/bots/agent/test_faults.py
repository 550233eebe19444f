"""Everything that can go wrong between us and the model, by the emulator and over the real SDK."""

from __future__ import annotations

import time

import pytest
from pytest_django import Settings

from bots.agent.targets import breakers, states
from bots.agent.types import Target
from tests.bots.agent.stage import HAIKU, SONNET, Recorder, Stage
from tests.servers.messages import MessagesServer, cut, eof, error, pause, text, tool_use, trickle

pytestmark = pytest.mark.faults
BOTH = (SONNET, HAIKU)


async def test_a_model_that_asks_for_an_hour_is_not_waited_for(stage: Stage) -> None:
    stage.model.fail(429, retry_after=3600, times=None)
    began = time.monotonic()

    outcome = await stage.run()

    assert outcome.stop == "unavailable"
    assert outcome.retry_after == pytest.approx(3600, abs=5)
    assert time.monotonic() - began < 5
    assert len(stage.bodies()) == 1
    assert "try again" in outcome.notice


async def test_a_short_wait_is_waited_for(stage: Stage) -> None:
    stage.model.fail(429, retry_after=0.3)
    stage.model.script(text("Here."))
    began = time.monotonic()

    outcome = await stage.run()

    assert outcome.text == "Here."
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize("status", [408, 409, 500, 503, 529])
async def test_what_may_pass_is_tried_again(stage: Stage, status: int) -> None:
    stage.model.fail(status, times=2)
    stage.model.script(text("Here."))

    outcome = await stage.run()

    assert (outcome.stop, outcome.text) == ("answer", "Here.")
    assert len(stage.bodies()) == 3


async def test_a_model_that_stays_down_is_given_up_after_five_attempts(stage: Stage) -> None:
    stage.model.fail(529, times=None)

    outcome = await stage.run()

    assert outcome.stop == "unavailable"
    assert outcome.retry_after is not None
    assert len(stage.bodies()) == 5
    assert outcome.text == ""
    assert states() == {"claude-sonnet-5-5": "open"}


async def test_an_open_breaker_costs_no_request(stage: Stage) -> None:
    stage.model.fail(529, times=None)
    await stage.run()

    outcome = await stage.run()

    assert outcome.stop == "unavailable"
    assert outcome.retry_after == pytest.approx(30, abs=5)
    assert len(stage.bodies()) == 5


async def test_an_error_in_mid_stream_starts_the_call_anew(stage: Stage) -> None:
    stage.model.script(text("Half of"), error())
    stage.model.script(text("The whole answer."))

    outcome = await stage.run()

    assert outcome.text == "The whole answer."
    assert stage.shown == ["Half of", "The whole answer."]


@pytest.mark.parametrize("step", [cut(), eof(), error("api_error"), error("rate_limit_error")])
async def test_a_broken_stream_is_never_an_answer(stage: Stage, step: dict[str, object]) -> None:
    stage.model.script(text("Half of"), step, times=None)

    outcome = await stage.run()

    assert (outcome.stop, outcome.text) == ("unavailable", "")
    assert len(stage.bodies()) == 5


async def test_a_stream_of_pings_alone_is_given_up(stage: Stage) -> None:
    await stage.give_up_after(5.0)
    stage.model.script(text("Half"), pause(60, ping_every=0.05))
    stage.model.script(text("Whole."))

    outcome = await stage.run()

    assert outcome.text == "Whole."
    # Nobody waited for its end.
    await stage.model.await_for(lambda: stage.model.requests()[0]["outcome"] == "client_closed")


async def test_a_slow_stream_that_moves_is_not_given_up(stage: Stage) -> None:
    await stage.give_up_after(5.0)
    stage.model.script(text("a b c d e f", deltas=6, pause=1.0))

    outcome = await stage.run()

    assert outcome.text == "a b c d e f"
    assert len(stage.bodies()) == 1


async def test_an_answer_in_single_bytes_is_read(stage: Stage) -> None:
    stage.model.script(trickle("Olá, мир", seconds=0.001))

    assert (await stage.run()).text == "Olá, мир"


async def test_a_tool_of_a_broken_message_never_runs(stage: Stage, recorder: Recorder) -> None:
    stage.model.script(tool_use("look", {"x": "1"}), cut())
    stage.model.script(text("Here."))

    outcome = await stage.run(tools=(recorder.tool("look"),))

    assert outcome.text == "Here."
    assert recorder.calls == []


async def test_garbage_in_place_of_a_stream_is_tried_again(stage: Stage) -> None:
    stage.model.fault("garbage", method="messages")
    stage.model.script(text("Here."))

    assert (await stage.run()).text == "Here."
    assert len(stage.bodies()) == 2


async def test_a_closed_door_is_knocked_at_again(stage: Stage) -> None:
    stage.model.fault("cut_before", method="messages", times=2)
    stage.model.script(text("Here."))

    assert (await stage.run()).text == "Here."


async def test_a_bad_request_is_not_repeated_anywhere(stage: Stage) -> None:
    stage.model.fail(400, message="messages: something is wrong", times=None)

    outcome = await stage.run(targets=BOTH)

    assert (outcome.stop, outcome.retry_after, outcome.stop_detail) == ("unavailable", None, "permanent")
    assert "/reset" in outcome.notice
    assert len(stage.bodies()) == 1


async def test_a_refused_key_goes_to_the_next_target_at_once(stage: Stage) -> None:
    stage.model.fail(401, model=SONNET.model, times=None)

    outcome = await stage.run(targets=BOTH)

    assert (outcome.stop, outcome.model) == ("answer", HAIKU.model)
    assert len(stage.bodies()) == 2


async def test_a_refused_key_without_another_target_names_the_setting(stage: Stage) -> None:
    stage.model.set_keys(["another"])

    outcome = await stage.run()

    assert (outcome.stop, outcome.retry_after) == ("unavailable", None)
    assert "ANTHROPIC_API_KEY" in outcome.notice


async def test_an_account_without_money_is_left_alone_for_hours(stage: Stage) -> None:
    stage.model.fail(429, error_code="enforced_spend_limit_reached", times=None)

    outcome = await stage.run()

    assert (outcome.stop, outcome.retry_after, outcome.stop_detail) == ("unavailable", None, "billing")
    assert len(stage.bodies()) == 1
    assert breakers.of(SONNET.name).wait > 4 * 3600


async def test_why_an_account_is_left_alone_is_said_for_as_long(stage: Stage) -> None:
    stage.model.fail(429, error_code="enforced_spend_limit_reached", times=None)
    await stage.run()

    outcome = await stage.run()

    assert (outcome.stop, outcome.retry_after, outcome.stop_detail) == ("unavailable", None, "billing")
    assert "spending limit" in outcome.notice
    assert len(stage.bodies()) == 1


async def test_targets_left_alone_for_different_reasons_are_just_not_there(stage: Stage) -> None:
    stage.model.fail(429, error_code="enforced_spend_limit_reached", model=SONNET.model, times=None)
    stage.model.fail(429, retry_after=7200, model=HAIKU.model, times=None)
    await stage.run(targets=BOTH)

    outcome = await stage.run(targets=BOTH)

    assert (outcome.stop, outcome.stop_detail) == ("unavailable", "retry")


async def test_the_next_target_answers_when_the_first_is_down(stage: Stage) -> None:
    stage.model.fail(529, model=SONNET.model, times=None)

    outcome = await stage.run(targets=BOTH)

    assert (outcome.stop, outcome.model) == ("answer", HAIKU.model)
    assert [body["model"] for body in stage.bodies()] == [SONNET.model, SONNET.model, HAIKU.model]


async def test_no_other_target_goes_on_once_text_was_streamed(stage: Stage) -> None:
    stage.model.script(text("Half of"), error(), model=SONNET.model, times=None)

    outcome = await stage.run(targets=BOTH)

    assert outcome.stop == "unavailable"
    assert {body["model"] for body in stage.bodies()} == {SONNET.model}


async def test_the_target_that_answered_is_asked_first_in_the_next_step(turn_stage: Stage, recorder: Recorder) -> None:
    turn_stage.model.fail(529, model=SONNET.model, times=2)
    turn_stage.model.script(tool_use("look"), model=HAIKU.model)
    turn_stage.model.script(text("Found."))

    await turn_stage.run(targets=BOTH, tools=(recorder.tool("look"),))

    assert [body["model"] for body in turn_stage.bodies()] == [SONNET.model] * 2 + [HAIKU.model] * 2


async def test_another_model_does_not_get_thoughts_it_did_not_think(turn_stage: Stage, recorder: Recorder) -> None:
    look = {"do": "thinking", "thinking": "I look."}
    turn_stage.model.script(look, tool_use("look"), model=SONNET.model)
    turn_stage.model.fail(529, model=SONNET.model, times=None)
    turn_stage.model.script(text("Found."), model=HAIKU.model)

    outcome = await turn_stage.run(targets=BOTH, tools=(recorder.tool("look"),))

    assert (outcome.text, outcome.model) == ("Found.", HAIKU.model)
    assert "thinking" not in str(turn_stage.bodies()[-1]["messages"])


async def test_a_target_at_its_own_address_never_sees_the_main_key(turn_stage: Stage, settings: Settings) -> None:
    turn_stage.model.fail(500, times=None)
    async with MessagesServer() as own:
        own.set_keys(["none"])
        own.script(text("From here."))

        outcome = await turn_stage.run(targets=(SONNET, Target(model=HAIKU.model, base_url=own.url)))

    assert (outcome.stop, outcome.text) == ("answer", "From here.")


async def test_tokens_of_a_failed_attempt_are_paid_for(stage: Stage) -> None:
    stage.model.script(text("Half"), cut(), usage={"input_tokens": 1000})
    stage.model.script(text("Whole."), usage={"input_tokens": 1000})

    assert (await stage.run()).usage.input == 2000


async def test_errors_carry_nothing_from_outside(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.model.fail(400, message="the secret is hunter2", times=None)

    outcome = await stage.run()

    assert "hunter2" not in outcome.notice + caplog.text
