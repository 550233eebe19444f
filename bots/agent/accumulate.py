"""Puts one streamed message together from its events. Pure and cheap: about 600 events for a long answer.

Blocks are kept as they came, field by field, because the provider wants thinking blocks back unchanged. What
is not complete is not a message: only `finish` after a stop reason gives one.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import replace
from typing import Any

from bots.agent.provider import End, Tokens, ToolUse
from bots.agent.wrap import clean_value
from guardrails.inputs import clean
from sessions_app.tokens import estimate

# What a delta adds to, and where it has it. Other deltas (citations) are not kept.
_FIELDS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("signature", "signature"),
    "input_json_delta": ("input", "partial_json"),
}
_WRITTEN = ("text", "thinking", "input")
_ID = re.compile(r"[a-zA-Z0-9_-]{1,100}")
_COUNTS = (
    ("fresh", "input_tokens"),
    ("cache_read", "cache_read_input_tokens"),
    ("cache_write", "cache_creation_input_tokens"),
    ("output", "output_tokens"),
)


class BadEvent(Exception):
    """A server sent something that is not the protocol."""


class Accumulator:
    """Takes the events of one message as dictionaries, in order."""

    def __init__(self) -> None:
        self.stop_reason = ""
        self.detail = ""
        self._counts: dict[str, int] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._pieces: dict[int, dict[str, list[str]]] = {}

    @property
    def tokens(self) -> Tokens:
        """What the message was billed so far."""
        return Tokens(**self._counts)

    @property
    def tokens_so_far(self) -> Tokens:
        """The same of a message in the middle. What it wrote is estimated: the count of that comes at its end."""
        pieces = [piece for fields in self._pieces.values() for name in _WRITTEN for piece in fields.get(name, ())]
        return replace(self.tokens, output=max(self.tokens.output, estimate("".join(pieces))))

    def take(self, event: object) -> str:
        """Add one event and return the new text for the user, which is mostly all there is ("" otherwise)."""
        try:
            return self._take(event)  # type: ignore[arg-type]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadEvent("an event is not understood") from error

    def _take(self, event: dict[str, Any]) -> str:
        kind = event.get("type")
        if kind == "content_block_delta":
            return self._delta(event["index"], event["delta"])
        if kind == "content_block_start":
            return self._start(event["index"], {"type": "", **event["content_block"]})
        if kind == "message_start":
            self._count(event["message"].get("usage"))
        elif kind == "message_delta":
            self._end(event)
        return ""

    def _start(self, index: int, block: dict[str, Any]) -> str:
        self._blocks[index], self._pieces[index] = block, {}
        if block["type"] != "text":
            return ""
        block["text"] = clean(block.get("text") or "")
        return str(block["text"])

    def _delta(self, index: int, delta: dict[str, Any]) -> str:
        field, name = _FIELDS.get(delta["type"], ("", ""))
        if not field:
            return ""
        piece: str = clean(delta[name]) if field == "text" else str(delta[name])
        self._pieces[index].setdefault(field, []).append(piece)
        return piece if field == "text" else ""

    def _end(self, event: dict[str, Any]) -> None:
        delta = event["delta"]
        self.stop_reason = str(delta.get("stop_reason") or self.stop_reason)
        details = delta.get("stop_details") or {}
        self.detail = str(details.get("category") or self.detail)
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
            if block["type"] == "tool_use":
                calls.append(self._call(block, {call.call_id for call in calls}))
            if block["type"] != "text" or block["text"].strip():
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
        for name, pieces in self._pieces[index].items():
            joined = "".join(pieces)
            block[name] = _parse(joined) if name == "input" else block.get(name, "") + joined
        if block["type"] == "text":
            return {"type": "text", "text": block.get("text", "")}
        return block

    @staticmethod
    def _call(block: dict[str, Any], taken: set[str]) -> ToolUse:
        """Some servers send no id, an odd one or the same one twice; every call needs its own to be answered."""
        if not _ID.fullmatch(str(block.get("id", ""))) or block["id"] in taken:
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
