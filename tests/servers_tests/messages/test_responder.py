"""The small conversation of the demo, in three languages, with the tools that a request offers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.servers.messages import MessagesControl, MessagesServer
from tests.servers.messages.responder import fill, respond

Ask = Callable[..., Any]
TOOLS: list[dict[str, Any]] = [
    {"name": name, "input_schema": {"type": "object", "properties": properties, "required": list(properties)}}
    for name, properties in {
        "remember": {"statement": {"type": "string"}},
        "recall": {"query": {"type": "string"}},
        "forget": {"statement": {"type": "string"}},
        "time": {},
        "fetch_url": {"url": {"type": "string"}},
        "read_attachment": {"name": {"type": "string"}},
    }.items()
]


def step(said: str, **more: Any) -> dict[str, Any]:
    request = {"messages": [{"role": "user", "content": said}], "tools": TOOLS} | more
    return respond(request, deltas=1, pause=0)[0]


@pytest.mark.parametrize(
    ("said", "tool", "arguments"),
    [
        ("Remember that I like green tea.", "remember", {"statement": "I like green tea"}),
        ("lembre que eu gosto de chá", "remember", {"statement": "eu gosto de chá"}),
        ("Запомни, что я люблю чай", "remember", {"statement": "я люблю чай"}),
        ("what do you remember about tea?", "recall", {"query": "tea"}),
        ("forget that I like tea", "forget", {"statement": "I like tea"}),
        ("What time is it?", "time", {}),
        ("que horas são?", "time", {}),
        ("который час", "time", {}),
        ("fetch http://127.0.0.1:8000/a?b=c.", "fetch_url", {"url": "http://127.0.0.1:8000/a?b=c"}),
        ("read the attached report.csv", "read_attachment", {"name": "report.csv"}),
    ],
)
def test_tools_are_called(said: str, tool: str, arguments: dict[str, Any]) -> None:
    called = step(said)
    assert (called["name"], called["input"]) == (tool, arguments)


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("Hello", "Hello! What can I do for you?"),
        ("Olá!", "Olá! Como posso ajudar?"),
        ("Привет", "Привет! Чем помочь?"),
        ("how much is 12 * 7", "12 * 7 = **84**"),
        ("1/0", "Nothing can be divided by zero."),
        ("my name is Alice", "Nice to meet you, Alice."),
        ("It rains on 2026-11-20", "You wrote: “It rains on 2026-11-20”. I am only an emulator"),
    ],
)
def test_words(said: str, answer: str) -> None:
    assert step(said)["text"].startswith(answer)


def test_long_and_marked_up_answers() -> None:
    assert len(step("a long answer please")["text"]) > 4096
    assert "```python" in step("show me some markdown")["text"]


def test_without_the_tool_it_says_so() -> None:
    assert step("what time is it", tools=[])["text"].startswith("I have no tool for that")


def test_a_name_is_remembered_within_the_conversation() -> None:
    turns = [
        {"role": "user", "content": "My name is Alice"},
        {"role": "assistant", "content": "Nice to meet you."},
        {"role": "user", "content": "What is my name?"},
    ]
    assert step("", messages=turns)["text"] == "Your name is Alice."


async def test_results_are_put_into_words(ask: Ask) -> None:
    asked = {"role": "user", "content": "what time is it"}
    first = await ask("", messages=[asked], tools=TOOLS)
    result = {"type": "tool_result", "tool_use_id": first.content[0].id, "content": "12:30"}
    second = await ask("", messages=[asked, first.to_param(), {"role": "user", "content": [result]}], tools=TOOLS)
    assert second.content[0].text == "Here is what I got:\n\n12:30"


def test_forced_tools_and_schemas_get_what_they_ask_for() -> None:
    choice = {"type": "tool", "name": "recall"}
    assert step("anything", tool_choice=choice)["input"] == {"query": "anything"}
    schema = {
        "type": "object",
        "properties": {
            "kind": {"enum": ["a", "b"]},
            "count": {"type": "integer"},
            "sure": {"type": "boolean"},
            "facts": {"type": "array", "items": {"type": "string"}},
            "left_out": {"type": "string"},
        },
        "required": ["kind", "count", "sure", "facts"],
    }
    assert fill(schema, "order 66") == {"kind": "a", "count": 66, "sure": True, "facts": []}
    output = {"format": {"type": "json_schema", "schema": schema}}
    assert step("order 66", output_config=output)["text"].startswith('{"kind": "a", "count": 66')


async def test_answers_stream_in_pieces(messages_server: MessagesServer, ask: Ask) -> None:
    messages_server.set_default(deltas=5, pause=0.001)
    events = [event async for event in await ask("who are you", stream=True)]
    assert 4 <= sum(event.type == "content_block_delta" for event in events) <= 5


def test_controls_over_http(messages_process: MessagesControl) -> None:
    messages_process.fail(529, times=1)
    assert messages_process.pending_scripts() == 1
    messages_process.clear_scripts()
    assert messages_process.pending_scripts() == 0
    assert messages_process.requests() == []
