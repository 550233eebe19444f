"""Servers that speak the API in their own way, and what the real one may say one day."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pytest_django import Settings

from tests.bots.agent.raw import RawModel, message, open_raw
from tests.bots.agent.stage import Recorder, Stage, results_of

TEXT = {"type": "text", "text": "Here."}


@pytest.fixture
async def raw(stage: Stage, settings: Settings) -> AsyncIterator[RawModel]:
    """A raw server in place of the emulator."""
    async with open_raw() as model:
        settings.ANTHROPIC_BASE_URL = model.server.url
        yield model


async def test_an_unknown_stop_reason_is_taken_for_the_end(stage: Stage, raw: RawModel) -> None:
    raw.answers = [message(TEXT, stop_reason="tired")]

    outcome = await stage.run()

    assert (outcome.stop, outcome.text) == ("answer", "Here.")


async def test_no_stop_reason_at_all_is_a_failed_attempt(stage: Stage, raw: RawModel) -> None:
    raw.answers = [message(TEXT, stop_reason=None), message(TEXT)]

    outcome = await stage.run()

    assert outcome.stop == "answer"
    assert len(raw.bodies) == 2


async def test_unknown_events_and_blocks_are_passed_over(stage: Stage, raw: RawModel) -> None:
    raw.answers = [[{"type": "weather"}, *message({"type": "poem", "lines": 2}, TEXT)]]

    outcome = await stage.run()

    assert outcome.text == "Here."
    assert outcome.messages[0]["content"][0] == {"type": "poem", "lines": 2}


@pytest.mark.parametrize(
    "event",
    [
        {"type": "content_block_delta"},
        {"type": "content_block_delta", "index": 7, "delta": {"type": "text_delta", "text": "no block"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": None}},
        {"type": "message_delta", "delta": None},
        {"type": "content_block_start", "index": [], "content_block": {"type": "text"}},
    ],
)
async def test_events_that_make_no_sense_are_a_failed_attempt(
    stage: Stage, raw: RawModel, event: dict[str, object]
) -> None:
    raw.answers = [[event, *message(TEXT)], message(TEXT)]

    assert (await stage.run()).text == "Here."
    assert len(raw.bodies) == 2


async def test_an_error_of_our_own_is_not_taken_for_the_models(stage: Stage, raw: RawModel) -> None:
    raw.answers = [message(TEXT)]

    def fail(text: str) -> None:
        raise ValueError(text)

    stage.shown = type("Screen", (), {"append": staticmethod(fail)})()

    with pytest.raises(ValueError, match=r"Here\."):
        await stage.run()
    assert len(raw.bodies) == 1


@pytest.mark.parametrize(
    ("key", "address"), [("two\nlines", ""), ("key", "ftp://127.0.0.1:1"), ("key", "http://[::1"), ("key", "nonsense")]
)
async def test_a_request_that_cannot_be_made_is_no_reason_to_repeat_it(
    stage: Stage, settings: Settings, key: str, address: str
) -> None:
    settings.ANTHROPIC_API_KEY = key
    settings.ANTHROPIC_BASE_URL = address or settings.ANTHROPIC_BASE_URL

    outcome = await stage.run()

    assert (outcome.stop, outcome.stop_detail, outcome.retry_after) == ("unavailable", "failover", None)


async def test_a_paused_turn_goes_on_with_its_blocks_unchanged(stage: Stage, raw: RawModel) -> None:
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
    raw.answers = [message(search, stop_reason="pause_turn"), message(TEXT)]

    outcome = await stage.run()

    assert outcome.text == "Here."
    assert raw.bodies[1]["messages"][-1]["content"][0] == search | {"cache_control": {"type": "ephemeral"}}


async def test_a_turn_that_pauses_for_ever_is_cut(stage: Stage, raw: RawModel) -> None:
    raw.answers = [message(TEXT, stop_reason="pause_turn")]

    outcome = await stage.run()

    assert outcome.stop == "cut"
    assert len(raw.bodies) == 6


async def test_calls_without_ids_get_their_own(turn_stage: Stage, raw: RawModel, recorder: Recorder) -> None:
    call = {"type": "tool_use", "name": "look", "input": {}}
    raw.answers = [message(call, call | {"id": ""}, stop_reason="end_turn"), message(TEXT)]

    outcome = await turn_stage.run(tools=(recorder.tool("look"),))

    assert outcome.text == "Here."
    assert recorder.names == ["look", "look"]
    assert len(results_of(raw.bodies[1]["messages"][-1])) == 2


async def test_text_that_no_database_can_store_is_cleaned(turn_stage: Stage, raw: RawModel, recorder: Recorder) -> None:
    call = {"type": "tool_use", "id": "a", "name": "look", "input": {}}
    bad = {"index": 0, "delta": {"type": "input_json_delta", "partial_json": '{"x": "a\\u0000b\\ud83d"}'}}
    raw.answers = [
        message(call, stop_reason="tool_use", deltas=(bad,)),
        message({"type": "text", "text": ""}, deltas=({"index": 0, "delta": {"type": "text_delta", "text": "o\0k"}},)),
    ]

    outcome = await turn_stage.run(tools=(recorder.tool("look"),))

    assert recorder.calls == [{"tool": "look", "x": "ab"}]
    assert outcome.text == "ok"
