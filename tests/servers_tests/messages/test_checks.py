"""What the real API refuses, refused with its words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from anthropic import AsyncAnthropic, BadRequestError, NotFoundError

from tests.servers.messages import MessagesServer
from tests.servers.messages.checks import check_body
from tests.servers.messages.errors import ApiError
from tests.servers_tests.messages.conftest import MODEL

TOOL = {"name": "look", "input_schema": {"type": "object", "properties": {}}}
USE = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok"}
THOUGHT = {"type": "thinking", "thinking": "changed", "signature": "x"}
HELLO = {"role": "user", "content": "hello"}


def body(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"model": MODEL, "max_tokens": 100, "messages": list(messages or [HELLO]), **more}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def picture(kind: str, data: str) -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}


def words(value: str) -> dict[str, str]:
    return {"type": "text", "text": value}


@pytest.mark.parametrize(
    "accepted",
    [
        body(),
        body(HELLO, HELLO),
        body(HELLO, {"role": "assistant", "content": "hi"}, HELLO),
        body(HELLO, assistant(USE), user(RESULT, words("and now?")), tools=[TOOL]),
        body(HELLO, assistant(words("I look."), USE), user(RESULT | {"is_error": True})),
        body(system=[{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]),
        body(thinking={"type": "adaptive"}),
        body(max_tokens=0),
        body(HELLO, {"role": "assistant", "content": "pre"}, model="claude-haiku-4-5"),
    ],
)
def test_accepted(accepted: dict[str, Any]) -> None:
    assert check_body(accepted, version="2026-10-21").id == accepted["model"]


@pytest.mark.parametrize(
    ("refused", "problem"),
    [
        ([], "valid dictionary"),
        (body("hello"), "Input should be of another type"),
        (body(thinking={"type": "enabled", "budget_tokens": "much"}), "Input should be of another type"),
        ({"model": MODEL, "max_tokens": 1}, "messages: Field required"),
        (body(model="gpt-4"), "model: gpt-4"),
        (body(max_tokens=200_000), "max_tokens: 200000 > 128000, which is the maximum allowed number of output tokens"),
        (body(max_tokens="many"), "max_tokens: Input should be a valid integer"),
        (body(temperature=1.0), "`temperature` is deprecated for this model."),
        (body(top_k=1), "`top_k` is deprecated for this model."),
        (body(colour="red"), "colour: Extra inputs are not permitted"),
        ({**body(), "messages": []}, "at least one message is required"),
        (body({"role": "robot", "content": "x"}), "messages.0.role: Input should be 'user' or 'assistant'"),
        (body({"role": "assistant", "content": "x"}), 'first message must use the "user" role'),
        (
            body(HELLO, {"role": "assistant", "content": ""}, HELLO),
            "messages.1: all messages must have non-empty content",
        ),
        (body({"role": "user", "content": []}), "messages.0: all messages must have non-empty content"),
        (body(user(words(""))), "text content blocks must be non-empty"),
        (body(user(words(" \n"))), "text content blocks must contain non-whitespace text"),
        (body(HELLO, {"role": "assistant", "content": "pre"}), "does not support assistant message prefill"),
        (body(HELLO, {"role": "assistant", "content": "pre "}, model="claude-haiku-4-5"), "trailing whitespace"),
        (body(HELLO, assistant(USE)), "messages.1: `tool_use` ids were found without `tool_result` blocks"),
        (body(HELLO, assistant(USE), HELLO), "immediately after: toolu_1"),
        (body(HELLO, assistant(USE), user(words("first"), RESULT)), "messages.1: `tool_use` ids were found without"),
        (body(HELLO, assistant(USE), assistant(words("x")), user(RESULT)), "messages.1: `tool_use` ids were found"),
        (body(user(RESULT)), "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_1"),
        (body(HELLO, assistant(USE), user(RESULT, RESULT)), "each tool_use must have a single result"),
        (body(HELLO, assistant(USE, USE), user(RESULT)), "`tool_use` ids must be unique"),
        (
            body(HELLO, assistant(USE | {"input": "{}"}), user(RESULT)),
            "tool_use.input: Input should be",
        ),
        (body(tools=[TOOL, TOOL]), "tools: Tool names must be unique."),
        (body(tools=[TOOL | {"name": "no spaces"}]), "tools.0.custom.name: String should match pattern"),
        (body(tools=[{"name": "x"}]), "tools.0.custom.input_schema: Field required"),
        (body(tools=[TOOL | {"input_schema": {}}]), "input_schema.type: Input should be 'object'"),
        (body(tools=[TOOL], tool_choice={"type": "tool", "name": "other"}), "Tool 'other' not found in provided tools"),
        (body(thinking={"type": "enabled", "budget_tokens": 10}), "greater than or equal to 1024"),
        (body(thinking={"type": "enabled", "budget_tokens": 2000}), "`max_tokens` must be greater than"),
        (
            body(HELLO, assistant(THOUGHT), HELLO),
            "Invalid `sign",
        ),
        (
            body(user({"type": "image", "source": {"type": "base64", "media_type": "image/bmp", "data": ""}})),
            "media_type",
        ),
        (
            body(user({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "?"}})),
            "invalid base64",
        ),
        (body(HELLO, assistant({"type": "document", "source": {}}), HELLO), "document blocks are not allowed"),
        (
            body(user(*[words("x") | {"cache_control": {"type": "ephemeral"}}] * 5)),
            "A maximum of 4 blocks",
        ),
        (body(system=[words("")]), "system.0: text content blocks must be non-empty"),
    ],
)
def test_refused(refused: Any, problem: str) -> None:
    with pytest.raises(ApiError) as caught:
        check_body(refused, version="2026-10-21")
    assert problem in caught.value.message


def test_old_versions_may_set_a_temperature() -> None:
    assert check_body(body(temperature=0.5), version="2023-06-01").id == MODEL


@pytest.fixture
async def http(messages_server: MessagesServer) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"anthropic-version": "2026-10-21"}
    async with httpx.AsyncClient(base_url=messages_server.url, headers=headers) as client:
        yield client


async def test_headers_are_checked(messages_server: MessagesServer, http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/messages", json=body())
    assert (answer.status_code, answer.json()["error"]["type"]) == (401, "authentication_error")
    assert answer.json()["request_id"] == answer.headers["request-id"]
    for good in ({"x-api-key": "k"}, {"authorization": "Bearer k"}):
        assert (await http.post("/v1/messages", json=body(), headers=good)).status_code == 200
    answer = await http.post("/v1/messages", json=body(), headers={"x-api-key": "k", "anthropic-version": ""})
    assert answer.json()["error"]["message"] == "anthropic-version: header is required"
    messages_server.set_keys(["right"])
    answer = await http.post("/v1/messages", json=body(), headers={"x-api-key": "wrong"})
    assert answer.json()["error"]["message"] == "invalid x-api-key"
    assert "wrong" not in str(messages_server.requests())


async def test_what_is_no_request(http: httpx.AsyncClient) -> None:
    key = {"x-api-key": "k"}
    answer = await http.post("/v1/messages", content=b"{not json", headers=key)
    assert answer.json()["error"]["message"].startswith("The request body is not valid JSON")
    assert (await http.post("/v1/complete", json={}, headers=key)).status_code == 404
    assert (await http.get("/v1/files", headers=key)).status_code == 404
    assert (await http.get("/")).status_code == 200


async def test_models(client: AsyncAnthropic) -> None:
    model = await client.models.retrieve(MODEL)
    assert (model.max_input_tokens, model.max_tokens, model.lifecycle) == (1_000_000, 128_000, "active")
    listed = [model async for model in client.models.list(limit=2)]
    assert len(listed) == 5
    assert any(model.retires_at for model in listed)
    with pytest.raises(NotFoundError, match="model: nobody"):
        await client.models.retrieve("nobody")


async def test_counting_and_the_window(client: AsyncAnthropic) -> None:
    asked: Any = [{"role": "user", "content": "x" * 4000}]
    assert (await client.messages.count_tokens(model=MODEL, messages=asked)).input_tokens == 1003
    asked = [{"role": "user", "content": "x" * 900_000}]
    with pytest.raises(BadRequestError, match="prompt is too long: 225003 tokens > 200000 maximum"):
        await client.messages.create(model="claude-haiku-4-5", max_tokens=10, messages=asked)


async def test_prompt_cache(ask: Callable[..., Any]) -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    system = [{"type": "text", "text": "s" * 8000} | mark]
    turns: list[Any] = [user(words("q" * 400) | mark)]

    async def usage() -> tuple[int, int, int]:
        used = (await ask("", system=system, messages=turns)).usage
        return used.input_tokens, used.cache_creation_input_tokens, used.cache_read_input_tokens

    assert await usage() == (3, 2100, 0)
    assert await usage() == (3, 0, 2100)
    turns = [user(words("q" * 400)), {"role": "assistant", "content": "a" * 40}, user(words("r" * 400) | mark)]
    assert await usage() == (3, 110, 2100), "the earlier turn is found although its mark has moved on"
    system = [{"type": "text", "text": "t" * 8000} | mark]
    assert (await usage())[2] == 0, "a changed prefix is not in the cache"


async def test_short_prefixes_are_not_cached(ask: Callable[..., Any]) -> None:
    system = [{"type": "text", "text": "short", "cache_control": {"type": "ephemeral"}}]
    for _ in range(2):
        used = (await ask("hello", system=system)).usage
        assert (used.cache_creation_input_tokens, used.cache_read_input_tokens) == (0, 0)
