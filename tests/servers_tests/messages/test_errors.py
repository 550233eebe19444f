"""Errors before and in the stream, and every fault switch, as the real SDK meets them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import anthropic
import httpx2
import pytest

from tests.servers.messages import MessagesServer, cut, error, pause, text, trickle

Ask = Callable[..., Any]


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (400, "invalid_request_error", anthropic.BadRequestError),
        (401, "authentication_error", anthropic.AuthenticationError),
        (403, "permission_error", anthropic.PermissionDeniedError),
        (429, "rate_limit_error", anthropic.RateLimitError),
        (500, "api_error", anthropic.InternalServerError),
        (529, "overloaded_error", anthropic.APIStatusError),
    ],
)
async def test_error_before_the_stream(
    messages_server: MessagesServer, ask: Ask, status: int, kind: str, expected: type[anthropic.APIStatusError]
) -> None:
    messages_server.fail(status, retry_after=12)
    with pytest.raises(expected) as caught:
        await ask("x", stream=True)
    assert caught.value.status_code == status
    assert caught.value.type == kind
    assert caught.value.response.headers["retry-after"] == "12"
    assert (caught.value.request_id or "").startswith("req_")
    assert (await ask("hello")).content


async def test_spend_limit_has_its_code(messages_server: MessagesServer, ask: Ask) -> None:
    messages_server.fail(429, error_code="enforced_spend_limit_reached")
    with pytest.raises(anthropic.RateLimitError) as caught:
        await ask("x")
    assert caught.value.error_code == "enforced_spend_limit_reached"
    assert "retry-after" not in caught.value.response.headers


async def test_error_event_in_mid_stream(messages_server: MessagesServer, ask: Ask) -> None:
    messages_server.script(text("so far"), error())
    with pytest.raises(anthropic.APIStatusError) as caught:
        _ = [event async for event in await ask("x", stream=True)]
    assert (caught.value.status_code, caught.value.type) == (200, "overloaded_error")
    assert messages_server.requests()[0]["outcome"] == "error"


async def test_cut_in_mid_stream(messages_server: MessagesServer, ask: Ask) -> None:
    messages_server.script(text("so far"), cut())
    seen: list[str] = []

    async def read() -> None:
        async for event in await ask("x", stream=True):
            seen.append(event.type)

    with pytest.raises(httpx2.HTTPError):
        await read()
    assert seen == ["message_start", "content_block_start", "content_block_delta"]
    assert messages_server.requests()[0]["outcome"] == "cut"


async def test_stall_ends_in_a_read_timeout(messages_server: MessagesServer, ask: Ask) -> None:
    messages_server.script(text("so far"), pause(30))
    with pytest.raises(httpx2.ReadTimeout):
        _ = [event async for event in await ask("x", stream=True, timeout=1.5)]


async def test_pings_hide_a_stall(messages_server: MessagesServer, ask: Ask) -> None:
    messages_server.script(text("so far"), pause(5.0, ping_every=0.25), text(" and on"))
    began = time.monotonic()
    events = [event async for event in await ask("x", stream=True, timeout=4.0)]
    assert time.monotonic() - began >= 4.5
    assert events[-1].type == "message_stop"


async def test_byte_by_byte(messages_server: MessagesServer, ask: Ask) -> None:
    messages_server.script(trickle("slow", seconds=0.002))
    began = time.monotonic()
    events = [event async for event in await ask("x", stream=True)]
    assert time.monotonic() - began >= 0.15
    assert "".join(e.delta.text for e in events if e.type == "content_block_delta") == "slow"


async def test_breaks_without_a_stream(messages_server: MessagesServer, ask: Ask) -> None:
    messages_server.script(text("x"), cut())
    with pytest.raises(anthropic.APIConnectionError):
        await ask("x")
    messages_server.script(text("x"), error())
    with pytest.raises(anthropic.APIStatusError) as caught:
        await ask("x")
    assert caught.value.status_code == 529


async def test_planned_faults(messages_server: MessagesServer, ask: Ask) -> None:
    messages_server.fault("status", status=529, times=2)
    for _ in range(2):
        with pytest.raises(anthropic.APIStatusError):
            await ask("x")
    messages_server.fault("delay", seconds=0.2)
    began = time.monotonic()
    await ask("x")
    assert time.monotonic() - began >= 0.2
    for kind in ("cut_before", "cut_after"):
        messages_server.fault(kind)
        with pytest.raises(anthropic.APIConnectionError):
            await ask("x")
    messages_server.fault("hang", seconds=3)
    with pytest.raises(anthropic.APITimeoutError):
        await ask("x", timeout=0.2)
    messages_server.refuse_connections(for_seconds=3.0)
    await messages_server.await_for(lambda: messages_server.http.is_open is False)
    with pytest.raises(anthropic.APIConnectionError):
        await ask("x")
    await messages_server.await_for(lambda: messages_server.http.is_open)
    assert (await ask("hello")).content


async def test_scripts_are_picked_by_what_they_want(messages_server: MessagesServer, ask: Ask) -> None:
    messages_server.script(text("for deploy"), match="deploy")
    messages_server.script(text("for haiku"), model="claude-haiku-5-5", times=None)
    messages_server.script_when(lambda body: body["max_tokens"] == 7, text("for seven"))
    messages_server.set_default("default")
    assert messages_server.pending_scripts() == 2
    said = [
        (await ask("hello")).content[0].text,
        (await ask("please DEPLOY it")).content[0].text,
        (await ask("please deploy it")).content[0].text,
        (await ask("x", model="claude-haiku-5-5")).content[0].text,
        (await ask("x", max_tokens=7)).content[0].text,
    ]
    assert said == ["default", "for deploy", "default", "for haiku", "for seven"]
    messages_server.clear_scripts()
    assert (await ask("x", model="claude-haiku-5-5")).content[0].text == "default"


def test_wrong_scripts_are_refused(messages_server: MessagesServer) -> None:
    with pytest.raises(ValueError, match="unknown step"):
        messages_server.script({"do": "dance"})
    with pytest.raises(ValueError, match="unknown stop reason"):
        messages_server.script(stop_reason="boredom")
