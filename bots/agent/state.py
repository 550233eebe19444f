"""What a run has so far, and how it is kept while the run is parked or lest a crash interrupts it. Plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bots.agent.provider import End, ToolUse
from bots.agent.types import Usage

VERSION = 1
_THOUGHTS = frozenset({"thinking", "redacted_thinking"})
_PICTURE = {"type": "text", "text": "[picture: call the tool again to see it]"}


@dataclass(kw_only=True, slots=True)
class Progress:
    """Messages since the user's, the texts of finished steps, what was spent. `current` is the text of this step."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    current: str = ""
    steps: int = 0
    usage: Usage = field(default_factory=Usage)
    model: str = ""

    @property
    def text(self) -> str:
        """The whole text of the turn so far."""
        return "\n\n".join(part for part in (*self.texts, self.current.strip()) if part)

    def keep(self, end: End) -> None:
        """Add a finished message of the model. One of thoughts alone is not added: it could not be sent back."""
        if any(block["type"] not in _THOUGHTS for block in end.content):
            self.messages.append({"role": "assistant", "content": list(end.content)})
        if end.text.strip():
            self.texts.append(end.text.strip())
        self.current = ""

    def open_calls(self) -> tuple[ToolUse, ...]:
        """Return the tool calls at the end that have no results yet: where a resumed run goes on."""
        if not self.messages or self.messages[-1]["role"] != "assistant":
            return ()
        return tuple(
            ToolUse(call_id=block["id"], name=block["name"], arguments=block["input"])
            for block in self.messages[-1]["content"]
            if block.get("type") == "tool_use"
        )

    def to_json(self, *, tainted: bool, known_urls: set[str]) -> dict[str, Any]:
        """Return what `load_progress` takes. Pictures are left out: they would make the row megabytes large."""
        return {
            "version": VERSION,
            "messages": [_without_pictures(message) for message in self.messages],
            "texts": list(self.texts),
            "steps": self.steps,
            "usage": [self.usage.input, self.usage.output, self.usage.cached, self.usage.cost_usd],
            "model": self.model,
            "tainted": tainted,
            "known_urls": sorted(known_urls),
        }


def load_progress(data: Mapping[str, Any] | None) -> Progress:
    """Rebuild the progress of an earlier run; an empty or foreign state starts afresh."""
    if not data or data.get("version") != VERSION:
        return Progress()
    tokens_in, tokens_out, cached, cost = data["usage"]
    return Progress(
        messages=list(data["messages"]),
        texts=list(data["texts"]),
        steps=data["steps"],
        usage=Usage(input=tokens_in, output=tokens_out, cached=cached, cost_usd=cost),
        model=data["model"],
    )


def without_thinking(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages for another model: it would refuse thinking blocks it did not sign."""
    return [
        message | {"content": [block for block in message["content"] if block["type"] not in _THOUGHTS]}
        for message in messages
    ]


def _without_pictures(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "content": [_without_picture(block) for block in message["content"]]}


def _without_picture(block: dict[str, Any]) -> dict[str, Any]:
    if block.get("type") != "tool_result":
        return block
    return {**block, "content": [_PICTURE if part["type"] == "image" else part for part in block["content"]]}
