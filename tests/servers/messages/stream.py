"""From steps to what goes over the wire: server-sent events, or one message.

Invariant: the events of an answer that is not broken on purpose are in the order of the real API.
"""

from __future__ import annotations

import asyncio
import functools
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Any

from tests.servers.messages.checks import sign
from tests.servers.messages.errors import ApiError
from tests.servers.messages.scripts import Script, Step
from tests.servers.messages.usage import Usage, count_text
from tests.servers.wire import Cut

PING = b'event: ping\ndata: {"type":"ping"}\n\n'
STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def event(name: str, **data: Any) -> bytes:
    """One server-sent event whose data repeats the name as its type."""
    body = json.dumps({"type": name} | data, separators=(",", ":"))
    return f"event: {name}\ndata: {body}\n\n".encode()


def pieces(value: str, count: int) -> list[str]:
    """`value` in at most `count` parts, cut at words where there are enough of them."""
    words = value.split(" ")
    parts = [word + " " for word in words[:-1]] + [words[-1]] if len(words) >= count else list(value)
    size = max(1, -(-len(parts) // max(1, count)))
    return ["".join(parts[at : at + size]) for at in range(0, len(parts), size)]


def message_json(message_id: str, model: str, usage: Usage) -> dict[str, Any]:
    return {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": usage | {"output_tokens": 1},
    }


def start_event(message_id: str, model: str, usage: Usage) -> bytes:
    return event("message_start", message=message_json(message_id, model, usage))


@functools.lru_cache(maxsize=256)
def plain_rest(value: str, deltas: int) -> bytes:
    """All events of a plain text answer after message_start, encoded once."""
    opening = event("content_block_start", index=0, content_block={"type": "text", "text": ""}) + PING
    body = b"".join(_delta(0, {"type": "text_delta", "text": piece}) for piece in pieces(value, deltas))
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    closing = event("message_delta", delta=delta, usage={"output_tokens": count_text(value)})
    return opening + body + event("content_block_stop", index=0) + closing + STOP


def _delta(index: int, delta: dict[str, Any]) -> bytes:
    return event("content_block_delta", index=index, delta=delta)


class Player:
    """Plays one script as a stream; `output` counts the characters said so far."""

    def __init__(self, script: Script, *, message_id: str, model: str, usage: Usage) -> None:
        self.script = script
        self.message_id = message_id
        self.model = model
        self.usage = usage
        self.index = -1
        self.open: str | None = None
        self.said = 0
        self.thought = 0

    async def play(self) -> AsyncIterator[bytes]:
        """Yield the stream's bytes; raises Cut where the script cuts."""
        yield start_event(self.message_id, self.model, self.usage)
        yield PING
        for step in self.script.steps:
            if step["do"] == "cut":
                await asyncio.sleep(0.02)  # what was said before is to arrive before the cut
                raise Cut
            if step["do"] == "eof":
                return
            if step["do"] == "error":
                yield event("error", error={"type": step["type"], "message": step["message"]}, request_id=None)
                return
            async for data in self._step(step):
                yield data
        for data in self._close():
            yield data
        yield self._message_delta()
        yield STOP

    async def _step(self, step: Step) -> AsyncIterator[bytes]:
        if step["do"] in ("text", "trickle"):
            for data in self._open_text():
                yield data
            self.said += len(step["text"])
        for data, wait in self._parts(step):
            if data:
                yield data
            if wait:
                await asyncio.sleep(wait)

    def _parts(self, step: Step) -> Iterator[tuple[bytes, float]]:
        """The bytes of a step, each with the seconds to wait after it."""
        kind = step["do"]
        if kind == "pause":
            yield from _pings(float(step["seconds"]), step.get("ping_every"))
        elif kind == "trickle":
            data = _delta(self.index, {"type": "text_delta", "text": step["text"]})
            yield from ((bytes([byte]), float(step["seconds"])) for byte in data)
        elif kind == "text":
            for piece in pieces(step["text"], int(step.get("deltas") or 1)):
                yield _delta(self.index, {"type": "text_delta", "text": piece}), float(step.get("pause") or 0)
        else:
            yield from ((data, 0.0) for data in (self._thinking if kind == "thinking" else self._tool_use)(step))

    def _open_text(self) -> list[bytes]:
        if self.open == "text":
            return []
        return [*self._close(), self._start("text", {"type": "text", "text": ""})]

    def _thinking(self, step: Step) -> list[bytes]:
        value = step["thinking"]
        self.thought += len(value)
        out = [*self._close(), self._start("thinking", {"type": "thinking", "thinking": "", "signature": ""})]
        out += [_delta(self.index, {"type": "thinking_delta", "thinking": piece}) for piece in pieces(value, 3)]
        return [
            *out,
            _delta(self.index, {"type": "signature_delta", "signature": sign(value)}),
            *self._close(),
        ]

    def _tool_use(self, step: Step) -> list[bytes]:
        block = {"type": "tool_use", "id": step.get("id") or new_tool_id(), "name": step["name"], "input": {}}
        raw = step["raw"] if step.get("raw") is not None else json.dumps(step["input"], ensure_ascii=False)
        self.said += len(raw)
        out = [*self._close(), self._start("tool_use", block), _delta(self.index, _input_delta(""))]
        out += [_delta(self.index, _input_delta(raw[at : at + 24])) for at in range(0, len(raw), 24)]
        return [*out, *self._close()]

    def _start(self, kind: str, block: dict[str, Any]) -> bytes:
        self.index += 1
        self.open = kind
        return event("content_block_start", index=self.index, content_block=block)

    def _close(self) -> list[bytes]:
        if self.open is None:
            return []
        self.open = None
        return [event("content_block_stop", index=self.index)]

    def _message_delta(self) -> bytes:
        delta = {"stop_reason": self.script.reason(), "stop_sequence": self.script.stop_sequence}
        if self.script.stop_details is not None:
            delta["stop_details"] = self.script.stop_details  # type: ignore[assignment]
        return event("message_delta", delta=delta, usage=output_usage(self.script, self.said, self.thought))


def output_usage(script: Script, said: int, thought: int) -> dict[str, Any]:
    usage: dict[str, Any] = {"output_tokens": max(1, -(-(said + thought) // 4))}
    if thought:
        usage["output_tokens_details"] = {"thinking_tokens": max(1, -(-thought // 4))}
    return usage | script.usage


async def whole_message(script: Script, *, message_id: str, model: str, usage: Usage) -> dict[str, Any]:
    """The same script as one message; what breaks a stream breaks the answer. Raises Cut or ApiError."""
    blocks: list[dict[str, Any]] = []
    for step in script.steps:
        kind = step["do"]
        if kind in ("cut", "eof"):
            raise Cut
        if kind == "error":
            raise ApiError(529 if step["type"] == "overloaded_error" else 500, step["message"], kind=step["type"])
        if kind == "pause" or kind == "trickle":
            await asyncio.sleep(float(step["seconds"]) * (len(step["text"]) if kind == "trickle" else 1))
        _add_block(blocks, step)
    said = sum(len(block.get("text", "")) or len(json.dumps(block.get("input", ""))) for block in blocks)
    thought = sum(len(block.get("thinking", "")) for block in blocks)
    ending = {"content": blocks, "stop_reason": script.reason(), "stop_sequence": script.stop_sequence}
    total = usage | output_usage(script, said, thought)
    return message_json(message_id, model, usage) | ending | {"stop_details": script.stop_details, "usage": total}


def _add_block(blocks: list[dict[str, Any]], step: Step) -> None:
    kind = step["do"]
    if kind in ("text", "trickle") and blocks and blocks[-1]["type"] == "text":
        blocks[-1]["text"] += step["text"]
    elif kind in ("text", "trickle"):
        blocks.append({"type": "text", "text": step["text"]})
    elif kind == "thinking":
        blocks.append({"type": "thinking", "thinking": step["thinking"], "signature": sign(step["thinking"])})
    elif kind == "tool_use":
        block_id = step.get("id") or new_tool_id()
        blocks.append({"type": "tool_use", "id": block_id, "name": step["name"], "input": step["input"]})


def _pings(seconds: float, every: float | None) -> Iterator[tuple[bytes, float]]:
    """Silence of so many seconds, with a ping after each `every`."""
    turn = every or seconds
    while seconds > 0:
        yield b"", min(turn, seconds)
        seconds -= turn
        if every:
            yield PING, 0.0


def _input_delta(part: str) -> dict[str, str]:
    return {"type": "input_json_delta", "partial_json": part}


def new_tool_id() -> str:
    return f"toolu_01{secrets.token_hex(11)}"
