"""The real SDK's client, pointed at the emulator."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient

from tests.servers.messages import MessagesServer

MODEL = "claude-opus-5-5"


@pytest.fixture
async def client(messages_server: MessagesServer) -> AsyncIterator[AsyncAnthropic]:
    plain = DefaultAsyncHttpxClient(verify=False)  # loading certificates takes longer than most tests
    async with AsyncAnthropic(
        api_key="key-1", base_url=messages_server.url, max_retries=0, timeout=20.0, http_client=plain
    ) as made:
        yield made


@pytest.fixture
def ask(client: AsyncAnthropic) -> Callable[..., Any]:
    """`await ask("text", stream=True, ...)` calls messages.create with one user message."""

    def create(text: str, **options: Any) -> Any:
        defaults: dict[str, Any] = {"model": MODEL, "max_tokens": 500, "messages": [{"role": "user", "content": text}]}
        return client.messages.create(**(defaults | options))

    return create
