"""The body of one model call. Pure. Its order is that of the prompt cache: tools, system, messages.

Marked for the cache are the tools, the last stable system block and, in a conversation that goes on, its end:
three marks of the four a request may carry.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bots.agent.provider import ModelCall
from bots.agent.types import SystemPart, Tool

_CACHE = {"cache_control": {"type": "ephemeral"}}


def build_body(call: ModelCall) -> dict[str, Any]:
    """Return the request. Marked for the cache: the tools, the last stable system block, and the end if told."""
    messages = [*call.messages]
    if call.cache_tail:
        messages[-1] = _cached_message(messages[-1])
    body: dict[str, Any] = {
        "model": call.target.model,
        "max_tokens": call.max_tokens,
        "messages": messages,
        "stream": True,
    }
    if call.system:
        body["system"] = _system_blocks(call.system)
    if call.tools.tools:
        body["tools"] = _tool_params(call.tools.tools)
    return body


def _system_blocks(parts: Sequence[SystemPart]) -> list[dict[str, Any]]:
    texts = [part for part in parts if part.text.strip()]
    last = max((index for index, part in enumerate(texts) if part.stable), default=-1)
    return [
        {"type": "text", "text": part.text, **(_CACHE if index == last else {})} for index, part in enumerate(texts)
    ]


def _tool_params(tools: tuple[Tool, ...]) -> list[dict[str, Any]]:
    params = [{"name": tool.name, "description": tool.description, "input_schema": dict(tool.schema)} for tool in tools]
    params[-1] |= _CACHE
    return params


def _cached_message(message: dict[str, Any]) -> dict[str, Any]:
    content = message["content"]
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    return {**message, "content": [*content[:-1], {**content[-1], **_CACHE}]}
