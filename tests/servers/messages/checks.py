"""What the real API refuses: every check of a request's body, with the texts of the real server where known.

Invariant: a body that passes has a known model, at least one message, no empty content, and every tool_use
answered by tool_result blocks that come first in the next user message.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Any

from tests.servers.messages.catalogue import MODELS, Model
from tests.servers.messages.errors import ApiError, invalid

SAMPLING_REFUSED_SINCE = "2026-10-21"
SAMPLING = ("temperature", "top_p", "top_k")
KEYS = {
    "model",
    "messages",
    "max_tokens",
    "stream",
    "system",
    "tools",
    "tool_choice",
    "metadata",
    "stop_sequences",
    "thinking",
    "cache_control",
    "container",
    "diagnostics",
    "inference_geo",
    "output_config",
    "service_tier",
    "speed",
    "user_profile_id",
    "workspace_id",
    *SAMPLING,
}
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
ROLES = ("user", "assistant", "system")
IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
MAX_CACHE_MARKS = 4

Body = dict[str, Any]
Block = dict[str, Any]


def check_body(body: Any, *, version: str, counting: bool = False) -> Model:
    """Raise ApiError for what the real API refuses; returns the model."""
    if not isinstance(body, dict):
        raise invalid("Input should be a valid dictionary")
    for name in ("model", "messages", *(() if counting else ("max_tokens",))):
        if name not in body:
            raise invalid(f"{name}: Field required")
    if extra := next((key for key in body if key not in KEYS), None):
        raise invalid(f"{extra}: Extra inputs are not permitted")
    model = _check_model(body, counting=counting)
    if version >= SAMPLING_REFUSED_SINCE and (name := next((n for n in SAMPLING if n in body), None)):
        raise invalid(f"`{name}` is deprecated for this model.")
    try:
        _check_tools(body)
        _check_thinking(body)
        _check_cache_marks(body, _check_messages(body["messages"], model))
    except (AttributeError, KeyError, TypeError) as error:
        raise invalid(f"Input should be of another type: {error}") from None
    return model


def _check_model(body: Body, *, counting: bool) -> Model:
    model = MODELS.get(body["model"]) if isinstance(body["model"], str) else None
    if model is None:
        raise ApiError(404, f"model: {body['model']}")
    if counting:
        return model
    wanted = body["max_tokens"]
    if not isinstance(wanted, int) or isinstance(wanted, bool) or wanted < 0:
        raise invalid("max_tokens: Input should be a valid integer greater than or equal to 0")
    if wanted > model.max_tokens:
        raise invalid(
            f"max_tokens: {wanted} > {model.max_tokens}, which is the maximum allowed number of output tokens "
            f"for {model.id}"
        )
    return model


def _check_tools(body: Body) -> None:
    names = []
    for index, tool in enumerate(body.get("tools") or []):
        if "type" in tool and tool["type"] != "custom":
            continue
        where = f"tools.{index}.custom"
        if not TOOL_NAME.fullmatch(str(tool.get("name", ""))):
            raise invalid(f"{where}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        schema = tool.get("input_schema")
        if not isinstance(schema, dict):
            raise invalid(f"{where}.input_schema: Field required")
        if schema.get("type") != "object":
            raise invalid(f"{where}.input_schema.type: Input should be 'object'")
        names.append(tool["name"])
    if len(set(names)) < len(names):
        raise invalid("tools: Tool names must be unique.")
    choice = body.get("tool_choice")
    if choice and not names and choice.get("type") in ("any", "tool"):
        raise invalid("tool_choice: tools must be provided when tool_choice is specified")
    if choice and choice.get("type") == "tool" and choice.get("name") not in names:
        raise invalid(f"Tool '{choice.get('name')}' not found in provided tools")


def _check_thinking(body: Body) -> None:
    thinking = body.get("thinking")
    if thinking and thinking.get("type") == "enabled":
        budget = thinking.get("budget_tokens", 0)
        if budget < 1024:
            raise invalid("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
        if budget >= body.get("max_tokens", budget + 1):
            raise invalid("`max_tokens` must be greater than `thinking.budget_tokens`")


def _check_messages(messages: Any, model: Model) -> list[Block]:
    """Check roles, contents and pairs of tool blocks; returns all blocks."""
    if not isinstance(messages, list) or not messages:
        raise invalid("messages: at least one message is required")
    every: list[Block] = []
    previous: list[Block] = []
    previous_role = ""
    for index, message in enumerate(messages):
        role = message.get("role")
        if role not in ROLES:
            raise invalid(f"messages.{index}.role: Input should be 'user' or 'assistant'")
        blocks = _check_content(index, message, last=index == len(messages) - 1)
        if role == "user" and previous_role == "user":
            _check_results(index, [], blocks)
        elif role == "user":
            _check_results(index, previous, blocks)
        elif role == "assistant":
            _check_answered(index, previous_role, previous)
        every += blocks
        previous, previous_role = (blocks, role) if role != "system" else (previous, previous_role)
    if messages[0]["role"] != "user":
        raise invalid('messages: first message must use the "user" role')
    _check_end(messages, previous, previous_role, model)
    return every


def _check_content(index: int, message: Body, *, last: bool) -> list[Block]:
    content = message.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}] if content else []
    if not isinstance(content, list):
        raise invalid(f"messages.{index}.content: Field required")
    if not content and not (last and message["role"] == "assistant"):
        raise invalid(
            f"messages.{index}: all messages must have non-empty content except for the optional final "
            "assistant message"
        )
    for number, block in enumerate(content):
        _check_block(f"messages.{index}.content.{number}", block, message["role"])
    return content


def _check_block(where: str, block: Any, role: str) -> None:
    kind = block.get("type") if isinstance(block, dict) else None
    if kind == "text":
        _check_text(where, block)
    elif kind == "image":
        _check_image(where, block)
    elif kind == "tool_use":
        if not re.fullmatch(r"[a-zA-Z0-9_-]+", str(block.get("id", ""))):
            raise invalid(f"{where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
        if not isinstance(block.get("input"), dict):
            raise invalid(f"{where}.tool_use.input: Input should be a valid dictionary")
    elif kind == "thinking" and block.get("signature") != sign(str(block.get("thinking"))):
        raise invalid(f"{where}: Invalid `signature` in `thinking` block")
    elif kind == "document" and role == "assistant":
        raise invalid(f"{where}: document blocks are not allowed in assistant turns")
    elif kind is None:
        raise invalid(f"{where}.type: Field required")


def _check_text(where: str, block: Block) -> None:
    text = block.get("text")
    if not isinstance(text, str):
        raise invalid(f"{where}.text.text: Input should be a valid string")
    if not text:
        raise invalid("messages: text content blocks must be non-empty")
    if not text.strip():
        raise invalid("messages: text content blocks must contain non-whitespace text")


def _check_image(where: str, block: Block) -> None:
    source = block.get("source") or {}
    if source.get("type") != "base64":
        return
    if source.get("media_type") not in IMAGE_TYPES:
        raise invalid(
            f"{where}.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' "
            "or 'image/webp'"
        )
    try:
        base64.b64decode(source.get("data", ""), validate=True)
    except (binascii.Error, ValueError):
        raise invalid(f"{where}.image.source.base64: invalid base64 data") from None


def _check_results(index: int, previous: list[Block], blocks: list[Block]) -> None:
    """A user message answers every tool_use before it, with the answers first, and nothing else."""
    asked = [block["id"] for block in previous if block["type"] == "tool_use"]
    if len(set(asked)) < len(asked):
        raise invalid("messages: `tool_use` ids must be unique")
    leading = []
    for block in blocks:
        if block["type"] != "tool_result":
            break
        leading.append(block.get("tool_use_id"))
    answered = [block.get("tool_use_id") for block in blocks if block["type"] == "tool_result"]
    for number, tool_use_id in enumerate(answered):
        if tool_use_id not in asked:
            raise invalid(
                f"messages.{index}.content.{number}: unexpected `tool_use_id` found in `tool_result` blocks: "
                f"{tool_use_id}. Each `tool_result` block must have a corresponding `tool_use` block in the "
                "previous message."
            )
    if missing := [tool_use_id for tool_use_id in asked if tool_use_id not in leading]:
        raise _unanswered(index - 1, missing)
    if len(set(answered)) < len(answered):
        raise invalid(f"messages.{index}: each tool_use must have a single result. Found multiple `tool_result` blocks")


def _check_answered(index: int, previous_role: str, previous: list[Block]) -> None:
    asked = [block["id"] for block in previous if block["type"] == "tool_use"] if previous_role == "assistant" else []
    if asked:
        raise _unanswered(index - 1, asked)


def _unanswered(index: int, ids: list[str]) -> ApiError:
    return invalid(
        f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(ids)}. Each `tool_use` block must have a corresponding `tool_result` block in the next message."
    )


def _check_end(messages: list[Body], blocks: list[Block], role: str, model: Model) -> None:
    if role != "assistant":
        return
    if asked := [block["id"] for block in blocks if block["type"] == "tool_use"]:
        raise _unanswered(len(messages) - 1, asked)
    if blocks and blocks[-1]["type"] == "text" and blocks[-1]["text"] != blocks[-1]["text"].rstrip():
        raise invalid("messages: final assistant content cannot end with trailing whitespace")
    if blocks and not model.prefill and blocks[-1]["type"] == "text":
        raise invalid(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )


def _check_cache_marks(body: Body, blocks: list[Block]) -> None:
    system = body.get("system")
    holders = [*(body.get("tools") or []), *(system if isinstance(system, list) else []), *blocks]
    for index, block in enumerate(system if isinstance(system, list) else []):
        if not block.get("text"):
            raise invalid(f"system.{index}: text content blocks must be non-empty")
    marks = sum(1 for holder in holders if holder.get("cache_control"))
    if marks > MAX_CACHE_MARKS:
        raise invalid(f"A maximum of 4 blocks with cache_control may be provided. Found {marks}.")
    if any(block["type"] == "thinking" and block.get("cache_control") for block in blocks):
        raise invalid("cache_control cannot be set for thinking blocks")


def sign(thinking: str) -> str:
    """The signature this server gives a thinking block, so that a changed one is noticed."""
    return base64.b64encode(hashlib.blake2b(thinking.encode("utf-8", "replace"), digest_size=48).digest()).decode()
