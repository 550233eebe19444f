"""What a test tells the emulated model to say: steps, and scripts that wait for their request.

Invariant: a script is plain JSON (so it can be sent to a server in another process) but for its predicate.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.servers.messages.errors import ApiError

Step = dict[str, Any]
Body = dict[str, Any]
STEPS = ("text", "thinking", "tool_use", "pause", "error", "cut", "eof", "trickle")
STOP_REASONS = (
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
)
_ids = itertools.count(1)


def text(value: str, *, deltas: int = 1, pause: float = 0.0) -> Step:
    """A text block in so many deltas with a pause after each; texts in a row make one block."""
    return {"do": "text", "text": value, "deltas": deltas, "pause": pause}


def thinking(value: str) -> Step:
    """A thinking block with its signature."""
    return {"do": "thinking", "thinking": value}


def tool_use(
    name: str, arguments: dict[str, Any] | None = None, *, raw: str | None = None, id: str | None = None
) -> Step:
    """A tool call; `raw` is sent instead of the arguments' JSON, broken or not."""
    return {"do": "tool_use", "name": name, "input": arguments or {}, "raw": raw, "id": id}


def pause(seconds: float, *, ping_every: float | None = None) -> Step:
    """Nothing for so long, but pings if asked for."""
    return {"do": "pause", "seconds": seconds, "ping_every": ping_every}


def error(kind: str = "overloaded_error", message: str = "Overloaded") -> Step:
    """An error event in mid-stream, after which the stream ends."""
    return {"do": "error", "type": kind, "message": message}


def cut() -> Step:
    """The connection is cut."""
    return {"do": "cut"}


def eof() -> Step:
    """The stream ends well-formed, without message_stop."""
    return {"do": "eof"}


def trickle(value: str, *, seconds: float) -> Step:
    """A text delta whose bytes leave one by one, this far apart."""
    return {"do": "trickle", "text": value, "seconds": seconds}


@dataclass(slots=True, kw_only=True)
class Script:
    """One planned answer and the requests it is for.

    `match` is a regular expression searched in the last text of the user; `on_result` True wants a request
    that brings tool results, False one that does not. `times` None is for ever. With `status` it is an error
    before any stream; `delay` seconds pass first.
    """

    steps: list[Step] = field(default_factory=list)
    match: str | None = None
    model: str | None = None
    on_result: bool | None = None
    times: int | None = 1
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: dict[str, Any] | None = None
    usage: dict[str, Any] = field(default_factory=dict)
    delay: float = 0.0
    status: int | None = None
    error_type: str | None = None
    message: str | None = None
    retry_after: float | None = None
    error_code: str | None = None
    when: Callable[[Body], bool] | None = None
    id: int = field(default_factory=lambda: next(_ids))
    used: int = 0

    def __post_init__(self) -> None:
        for step in self.steps:
            if step.get("do") not in STEPS:
                raise ValueError(f"unknown step {step!r}")
        if self.stop_reason is not None and self.stop_reason not in STOP_REASONS:
            raise ValueError(f"unknown stop reason {self.stop_reason!r}")

    def fits(self, body: Body, *, last_user: str, has_result: bool) -> bool:
        if self.times is not None and self.used >= self.times:
            return False
        if self.model is not None and self.model != body["model"]:
            return False
        if self.on_result is not None and self.on_result != has_result:
            return False
        if self.match is not None and not re.search(self.match, last_user, re.IGNORECASE | re.DOTALL):
            return False
        return self.when is None or self.when(body)

    def refusal(self) -> ApiError | None:
        """The error to answer with instead of a stream."""
        if self.status is None:
            return None
        extra = {"retry_after": self.retry_after, "error_code": self.error_code}
        return ApiError(self.status, self.message, kind=self.error_type, **extra)

    def reason(self) -> str:
        """The stop reason: what was asked for, else tool_use when there is a tool call."""
        return self.stop_reason or ("tool_use" if any(s["do"] == "tool_use" for s in self.steps) else "end_turn")


def last_user_text(messages: list[dict[str, Any]]) -> str:
    """The last text a user wrote; messages that bring only tool results are passed over."""
    for message in reversed(messages):
        if message["role"] == "user" and (found := text_of(message["content"])):
            return found
    return ""


def text_of(content: Any) -> str:
    """The text blocks of a content, joined by new lines."""
    if isinstance(content, str):
        return content
    return "\n".join(block["text"] for block in content if block.get("type") == "text")


def brings_results(messages: list[dict[str, Any]]) -> bool:
    """Whether the last message holds tool results."""
    content = messages[-1]["content"]
    return isinstance(content, list) and any(block.get("type") == "tool_result" for block in content)
