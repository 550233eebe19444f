"""Answers as the real SDK reads them: every event, tools, thinking, stop reasons, whole messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from anthropic import AsyncAnthropic

from tests.servers.messages import MessagesServer, eof, pause, text, thinking, tool_use
from tests.servers.messages.scripts import STOP_REASONS
from tests.servers_tests.messages.conftest import MODEL

Ask = Callable[..., Any]


async def test_plain_text_in_twenty_deltas(messages_server: MessagesServer, ask: Ask) -> None:
    words = " ".join(f"word{number}" for number in range(60))
    messages_server.set_default(words, deltas=20)
    events = [event async for event in await ask("go", stream=True)]
    kinds = [event.type for event in events]
    assert kinds == [
        "message_start", "content_block_start", *["content_block_delta"] * 20, "content_block_stop", "message_delta",
        "message_stop",
    ]  # fmt: skip
    assert "".join(e.delta.text for e in events if e.type == "content_block_delta") == words
    assert events[-2].delta.stop_reason == "end_turn"
    assert events[-2].usage.output_tokens == -(-len(words) // 4)
    assert messages_server.requests()[0]["outcome"] == "complete"


async def test_the_stream_helper_puts_everything_together(
    messages_server: MessagesServer, client: AsyncAnthropic
) -> None:
    messages_server.script(
        thinking("Let me see."), text("I look. ", deltas=2), text("Now."), tool_use("look", {"place": "Москва", "n": 3})
    )
    asked = [{"role": "user", "content": "look"}]
    async with client.messages.stream(model=MODEL, max_tokens=100, messages=asked) as stream:  # type: ignore[arg-type]
        message = await stream.get_final_message()
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
    tool = message.content[2]
    assert tool.type == "tool_use"
    assert tool.input == {"place": "Москва", "n": 3}
    assert message.stop_reason == "tool_use"
    assert message.content[1].type == "text"
    assert message.content[1].text == "I look. Now."
    # What came back may be sent again, thinking and all, with the result of the tool.
    result = {"type": "tool_result", "tool_use_id": tool.id, "content": "nothing"}
    history = [*asked, message.to_param(), {"role": "user", "content": [result]}]
    messages_server.script(text("I saw nothing."), on_result=True)
    answer = await client.messages.create(model=MODEL, max_tokens=100, messages=history)  # type: ignore[arg-type]
    assert answer.content[0].type == "text"
    assert answer.content[0].text == "I saw nothing."


async def test_whole_message_equals_the_streamed_one(messages_server: MessagesServer, ask: Ask) -> None:
    messages_server.script(text("a "), text("b"), tool_use("t", {"x": 1}, id="toolu_1"), times=2)
    whole = await ask("x")
    deltas = [e async for e in await ask("x", stream=True)]
    assert whole.content[0].text == "a b"
    assert (whole.content[1].id, whole.content[1].input, whole.stop_reason) == ("toolu_1", {"x": 1}, "tool_use")
    assert deltas[-2].usage.output_tokens == whole.usage.output_tokens


@pytest.mark.parametrize("reason", STOP_REASONS)
async def test_any_stop_reason(messages_server: MessagesServer, ask: Ask, reason: str) -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": None} if reason == "refusal" else None
    stop = "###" if reason == "stop_sequence" else None
    messages_server.script(text("x"), stop_reason=reason, stop_details=details, stop_sequence=stop, times=2)
    events = [event async for event in await ask("x", stream=True)]
    whole = await ask("x")
    assert events[-2].delta.stop_reason == whole.stop_reason == reason
    assert events[-2].delta.stop_sequence == whole.stop_sequence == stop
    assert (whole.stop_details is not None) == (details is not None)


async def test_broken_tool_input_is_sent_as_it_is(messages_server: MessagesServer, ask: Ask) -> None:
    messages_server.script(tool_use("t", raw='{"x": "cut he'), stop_reason="max_tokens")
    events = [event async for event in await ask("x", stream=True)]
    sent = "".join(e.delta.partial_json for e in events if e.type == "content_block_delta")
    assert sent == '{"x": "cut he'


async def test_clean_end_without_message_stop(messages_server: MessagesServer, ask: Ask) -> None:
    messages_server.script(text("half of it"), eof())
    events = [event async for event in await ask("x", stream=True)]
    assert [event.type for event in events][-1] == "content_block_delta"
    assert messages_server.requests()[0]["outcome"] == "eof"


async def test_usage_of_a_script_is_reported(messages_server: MessagesServer, ask: Ask) -> None:
    messages_server.script(text("x"), usage={"input_tokens": 1234, "output_tokens": 99})
    message = await ask("x")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (1234, 99)


async def test_a_reader_that_leaves_is_noticed(messages_server: MessagesServer, ask: Ask) -> None:
    messages_server.script(text("begin"), pause(30), text("never"))
    stream = await ask("x", stream=True)
    async for event in stream:
        if event.type == "content_block_delta":
            break
    await stream.close()
    await messages_server.await_for(lambda: messages_server.requests()[0]["outcome"] == "client_closed")
