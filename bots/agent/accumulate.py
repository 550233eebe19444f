"""Puts one streamed message together from its events. Pure and cheap: about 600 events for a long answer.

Blocks are kept as they came, field by field, because the provider wants thinking blocks back unchanged. What
is not complete is not a message: only `finish` after a stop reason gives one.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from bots.agent.provider import End, Tokens, ToolUse
from bots.agent.wrap import clean_value
from guardrails.inputs import clean

_FIELDS = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
_COUNTS = (
    ("fresh", "input_tokens"),
    ("cache_read", "cache_read_input_tokens"),
    ("cache_write", "cache_creation_input_tokens"),
    ("output", "output_tokens"),
)


class Accumulator:
    """Takes the events of one message as dictionaries, in order."""

    def __init__(self) -> None:
        self.stop_reason = ""
        self.detail = ""
        self.done = False
        self._counts: dict[str, int] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._pieces: dict[int, dict[str, list[str]]] = {}

    @property
    def tokens(self) -> Tokens:
        """What the message was billed so far."""
        return Tokens(**self._counts)

    def take(self, event: dict[str, Any]) -> str:
        """Add one event and return the new text for the user, which is mostly all there is ("" otherwise)."""
        kind = event.get("type")
        if kind == "content_block_delta":
            return self._delta(event["index"], event["delta"])
        if kind == "content_block_start":
            self._blocks[event["index"]] = dict(event["content_block"])
            text = event["content_block"].get("text") if event["content_block"].get("type") == "text" else ""
            return text or ""
        if kind == "message_start":
            self._count(event["message"].get("usage"))
        elif kind == "message_delta":
            self._end(event)
        elif kind == "message_stop":
            self.done = True
        return ""

    def _delta(self, index: int, delta: dict[str, Any]) -> str:
        kind = delta["type"]
        name = _FIELDS.get(kind)
        if name is not None:
            piece: str = clean(delta[name]) if name == "text" else delta[name]
            self._pieces.setdefault(index, {}).setdefault(name, []).append(piece)
            return piece if name == "text" else ""
        if kind == "input_json_delta":
            self._pieces.setdefault(index, {}).setdefault("input", []).append(delta["partial_json"])
        return ""

    def _end(self, event: dict[str, Any]) -> None:
        delta = event["delta"]
        self.stop_reason = delta.get("stop_reason") or self.stop_reason
        details = delta.get("stop_details") or {}
        self.detail = details.get("category") or self.detail
        self._count(event.get("usage"))

    def _count(self, usage: dict[str, Any] | None) -> None:
        """Counts are cumulative, so later ones replace earlier ones."""
        for name, key in _COUNTS:
            value = (usage or {}).get(key)
            if isinstance(value, int) and value >= 0:
                self._counts[name] = value

    def finish(self) -> End:
        """Return the whole message. Empty text blocks are left out: they could not be sent back."""
        blocks: list[dict[str, Any]] = []
        calls: list[ToolUse] = []
        for index in sorted(self._blocks):
            block = self._build(index)
            if block.get("type") == "tool_use":
                calls.append(self._call(block, {call.call_id for call in calls}))
            if block.get("type") != "text" or block["text"].strip():
                blocks.append(block)
        return End(
            stop_reason=self.stop_reason,
            tokens=self.tokens,
            content=tuple(blocks),
            text="".join(block["text"] for block in blocks if block["type"] == "text"),
            calls=tuple(calls),
            ends_in_call=bool(blocks) and blocks[-1]["type"] == "tool_use",
            detail=self.detail,
        )

    def _build(self, index: int) -> dict[str, Any]:
        block = self._blocks[index]
        for name, pieces in self._pieces.get(index, {}).items():
            joined = "".join(pieces)
            block[name] = _parse(joined) if name == "input" else block.get(name, "") + joined
        if block["type"] == "text":
            return {"type": "text", "text": block.get("text", "")}
        return block

    @staticmethod
    def _call(block: dict[str, Any], taken: set[str]) -> ToolUse:
        """Some compatible servers send no id or the same one twice; every call needs its own to be
        answered.
        """
        if not block.get("id") or block["id"] in taken:
            block["id"] = f"toolu_{secrets.token_hex(12)}"
        arguments = block.get("input")
        if not isinstance(arguments, dict):
            block["input"] = {}
            arguments = None
        return ToolUse(call_id=block["id"], name=str(block.get("name", "")), arguments=arguments)


def _parse(text: str) -> Any:
    """Return what a tool call's JSON says; None when it is not JSON. Nothing written means no arguments."""
    try:
        return clean_value(json.loads(text)) if text.strip() else {}
    except ValueError:
        return None
