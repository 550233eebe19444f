"""The only door to the anthropic SDK. It is imported in a thread, the first time it is needed or by `warm()`.

One client for each base URL in a process. The stream is read as plain dictionaries (measured: 8 ms of CPU for
600 deltas, against 15 as typed events and 33 with the stream helper). The SDK never retries: the turn's
deadline, the other targets and the breaker are ours. Every failure of the outside leaves as ModelError, with
no text of the outside in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from json import JSONDecodeError
from typing import TYPE_CHECKING

from django.conf import settings

from bots.agent.accumulate import Accumulator, BadEvent
from bots.agent.faults import classify, parse_retry_after
from bots.agent.keys import find_key
from bots.agent.lazy import import_lazily
from bots.agent.provider import End, Fault, ModelCall, ModelError
from bots.agent.request import build_body
from bots.agent.targets import list_targets, usable_targets
from bots.agent.types import Target
from bots.tls import shared_context

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic, AsyncStream

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
STALL_SECONDS = 60.0
# What writes calls down as spans of OpenTelemetry, which is off here: it needs nearly 700 modules, 7 MB.
SPANS = ("anthropic.lib._tracing._api_call",)
LOCAL_KEY = "none"  # servers of one's own want a key in the header, whatever it is


class AnthropicProvider:
    """Makes model calls. Belongs to one event loop; `close` it before the loop ends."""

    def __init__(
        self,
        *,
        key: Callable[[Target], Awaitable[str]] = find_key,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        self._key = key
        self._stall = stall_seconds
        self._clients: dict[str, AsyncAnthropic] = {}
        self._loading = asyncio.Lock()

    async def warm(self, base_url: str = "") -> None:
        """Import the SDK and make the client of this address, in a thread: together more than a second of work."""
        await self._client(Target(model="", base_url=base_url))

    async def close(self) -> None:
        """Let every connection go; safe to call twice."""
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            await client.close()

    async def run(self, call: ModelCall, *, on_piece: Callable[[str], None]) -> End:
        """Make the call and return the whole message; `on_piece` gets every piece as it arrives."""
        key = await self._key(call.target) or LOCAL_KEY
        message = Accumulator()
        try:
            await self._read(await self._client(call.target), call, key, message, on_piece)
        except Exception as error:
            failure = _failure(error, call.target, message)
            if failure is None:
                _leave(call, message)
                raise
            raise failure from error
        except asyncio.CancelledError:
            _leave(call, message)
            raise
        if not message.stop_reason:
            raise ModelError("The answer broke off.", fault=Fault.RETRY, tokens=message.tokens)
        return message.finish()

    async def _read(
        self,
        client: AsyncAnthropic,
        call: ModelCall,
        key: str,
        message: Accumulator,
        on_piece: Callable[[str], None],
    ) -> None:
        """Feed the stream to the accumulator. Pings are no progress, so a stream of pings alone runs into the clock."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._stall) as clock:
            stream = await _open(client, call, key)
            renewed = loop.time()
            async with stream:
                async for event in stream:
                    on_piece(message.take(event))
                    now = loop.time()
                    if now - renewed > self._stall / 60:  # moving a timer for every delta costs more than the delta
                        renewed = now
                        clock.reschedule(now + self._stall)

    async def _client(self, target: Target) -> AsyncAnthropic:
        url = target.base_url or settings.ANTHROPIC_BASE_URL
        if url not in self._clients:
            async with self._loading:
                if url not in self._clients:
                    self._clients[url] = await asyncio.to_thread(_make_client, url)
        return self._clients[url]


def _make_client(url: str) -> AsyncAnthropic:
    """Import the SDK and build a client. The key is given with each request, so that a new one counts at once."""
    import_lazily("anthropic", when_called=SPANS)
    from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient
    from httpx2 import Timeout

    return AsyncAnthropic(
        http_client=DefaultAsyncHttpxClient(verify=shared_context()),
        api_key=LOCAL_KEY,
        base_url=url or "https://api.anthropic.com",
        max_retries=0,
        timeout=Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        open_telemetry=False,
    )


async def _open(client: AsyncAnthropic, call: ModelCall, key: str) -> AsyncStream[object]:
    """Send the request and return the stream of its events as plain data."""
    from anthropic import AsyncStream

    return await client.post(
        "/v1/messages",
        body=build_body(call),
        cast_to=object,
        options={"headers": {"Authorization": f"Bearer {key}"}},
        stream=True,
        stream_cls=AsyncStream[object],
    )


def _leave(call: ModelCall, message: Accumulator) -> None:
    """Say what a call cost that somebody ends in the middle."""
    if call.on_left is not None:
        call.on_left(message.tokens_so_far)


def _failure(error: Exception, target: Target, message: Accumulator) -> ModelError | None:
    """Return what an exception means, or None when it is not a failure of the outside."""
    from anthropic import AnthropicError, APIStatusError
    from httpx2 import HTTPError, InvalidURL, LocalProtocolError, UnsupportedProtocol

    if isinstance(error, APIStatusError):
        fault = classify(error.status_code, error.type, error.error_code, own_server=bool(target.base_url))
        wait = parse_retry_after(error.response.headers)
        text = f"{target.model} answered {error.status_code} {error.type or ''}".strip() + "."
        return ModelError(text, fault=fault, retry_after=wait, tokens=message.tokens)
    if isinstance(error.__cause__ or error, (InvalidURL, LocalProtocolError, UnsupportedProtocol)):
        return ModelError(f"{target.model} has a wrong address or key.", fault=Fault.FAILOVER)
    if isinstance(error, (AnthropicError, HTTPError, TimeoutError, OSError, JSONDecodeError, BadEvent)):
        text = f"{target.model}: {type(error).__name__}."
        return ModelError(text, fault=Fault.RETRY, tokens=message.tokens)
    return error if isinstance(error, ModelError) else None


_provider: AnthropicProvider | None = None


def default_provider() -> AnthropicProvider:
    """Return the provider of this process, made at first use."""
    global _provider
    if _provider is None:
        _provider = AnthropicProvider()
    return _provider


async def warm() -> bool:
    """Load the SDK and make the clients, so that the first message need not wait; False without a model."""
    targets = await usable_targets(list_targets())
    for url in dict.fromkeys(target.base_url for target in targets):
        await default_provider().warm(url)
    return bool(targets)


async def close_provider() -> None:
    """Let all connections of the process's provider go; a later call opens new ones."""
    global _provider
    provider, _provider = _provider, None
    if provider is not None:
        await provider.close()
