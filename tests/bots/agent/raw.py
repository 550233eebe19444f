"""A server that says exactly these events: compatible servers and oddities that the emulator rightly refuses."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from tests.servers.http import HttpServer, Request, Response

Event = dict[str, Any]


def message(*blocks: Event, stop_reason: str | None = "end_turn", deltas: tuple[Event, ...] = ()) -> list[Event]:
    """Return the events of one message: whole blocks, then deltas, then the stop reason."""
    events: list[Event] = [{"type": "message_start", "message": {"usage": {"input_tokens": 1, "output_tokens": 1}}}]
    events += [
        {"type": "content_block_start", "index": index, "content_block": block} for index, block in enumerate(blocks)
    ]
    events += [{"type": "content_block_delta", **delta} for delta in deltas]
    events.append({"type": "message_delta", "delta": {"stop_reason": stop_reason}, "usage": {"output_tokens": 2}})
    return [*events, {"type": "message_stop"}]


class RawModel:
    """Answers each request with the next list of events, the last one again and again."""

    def __init__(self) -> None:
        self.answers: list[list[Event]] = []
        self.bodies: list[dict[str, Any]] = []
        self.server = HttpServer(self._answer)

    def _answer(self, request: Request) -> Response:
        self.bodies.append(request.json())
        events = self.answers[min(len(self.bodies), len(self.answers)) - 1]
        body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
        return Response(body=body.encode(), content_type="text/event-stream")


@contextlib.asynccontextmanager
async def open_raw() -> AsyncIterator[RawModel]:
    """Serve on loopback for the length of the block."""
    model = RawModel()
    await model.server.open()
    try:
        yield model
    finally:
        await model.server.close()
