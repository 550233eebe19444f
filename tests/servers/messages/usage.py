"""Token counts: four characters to a token, and a prompt cache that knows the prefixes it has seen.

Invariant: input + cache_read + cache_creation is the whole prompt.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from tests.servers.messages.catalogue import Model

CHARS_PER_TOKEN = 4
SECONDS = {"5m": 300.0, "1h": 3600.0}
MAX_PREFIXES = 20_000
IMAGE_TOKENS = 1600
OVERHEAD = 3
LOOK_BACK = 20

Usage = dict[str, Any]
Prefix = tuple[bytes, int]


def count_text(text: str) -> int:
    return max(1, -(-len(text) // CHARS_PER_TOKEN))


def count_prompt(body: dict[str, Any]) -> int:
    """All tokens of tools, system and messages."""
    return sum(_weigh(part) for part, _ in prompt_parts(body)) + OVERHEAD


def prompt_parts(body: dict[str, Any]) -> Iterator[tuple[Any, dict[str, Any] | None]]:
    """The prompt's blocks in the order the cache sees them, each with its cache_control."""
    for tool in body.get("tools") or []:
        yield tool, tool.get("cache_control")
    for content in (body.get("system") or [], *(message["content"] for message in body["messages"])):
        for block in _blocks(content):
            yield block, block.get("cache_control")


def _blocks(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _weigh(part: dict[str, Any]) -> int:
    if part.get("type") == "text":
        return count_text(part.get("text", ""))
    if part.get("type") in ("image", "document"):
        return IMAGE_TOKENS
    return count_text(json.dumps(part))


class PromptCache:
    """Prefixes written by earlier requests, each until its time is over."""

    def __init__(self) -> None:
        self._prefixes: OrderedDict[bytes, float] = OrderedDict()

    def usage(self, body: dict[str, Any], model: Model, *, marked: bool = True) -> Usage:
        """The input side of `usage`; remembers the prefixes this request marks.

        `marked` False skips the cache.
        """
        read, written = 0, {"5m": 0, "1h": 0}
        if marked:
            prefixes, marks = _prefixes(body)
            total = prefixes[-1][1] + OVERHEAD
            read = self._find(prefixes, marks)
            self._write(prefixes, marks, read, written, model)
        else:
            total = count_prompt(body)
        creation = sum(written.values())
        return {
            "input_tokens": total - read - creation,
            "cache_creation_input_tokens": creation,
            "cache_read_input_tokens": read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": written["5m"],
                "ephemeral_1h_input_tokens": written["1h"],
            },
            "service_tier": "standard",
        }

    def _find(self, prefixes: list[Prefix], marks: list[tuple[int, str]]) -> int:
        """Tokens of the longest known prefix, looked for up to 20 blocks before each mark."""
        now = time.monotonic()
        places = {at for mark, _ in marks for at in range(max(0, mark - LOOK_BACK), mark + 1)}
        known = (prefixes[at][1] for at in places if self._prefixes.get(prefixes[at][0], 0.0) > now)
        return max(known, default=0)

    def _write(
        self,
        prefixes: list[Prefix],
        marks: list[tuple[int, str]],
        read: int,
        written: dict[str, int],
        model: Model,
    ) -> None:
        reached = read
        for at, ttl in marks:
            key, tokens = prefixes[at]
            if tokens < model.min_cache_tokens:
                continue
            self._prefixes[key] = time.monotonic() + SECONDS[ttl]
            self._prefixes.move_to_end(key)
            written[ttl] += max(0, tokens - reached)
            reached = max(reached, tokens)
        while len(self._prefixes) > MAX_PREFIXES:
            self._prefixes.popitem(last=False)


def _prefixes(body: dict[str, Any]) -> tuple[list[Prefix], list[tuple[int, str]]]:
    """For each block the key and tokens of the prompt up to it, and which of them are marked for how long."""
    prefixes: list[Prefix] = []
    marks: list[tuple[int, str]] = []
    digest = hashlib.blake2b(str(body.get("model")).encode(), digest_size=16)
    tokens = 0
    control = None
    for part, control in prompt_parts(body):
        plain = {key: value for key, value in part.items() if key != "cache_control"}
        digest.update(json.dumps(plain, sort_keys=True).encode())
        tokens += _weigh(plain)
        prefixes.append((digest.copy().digest(), tokens))
        if control is not None:
            marks.append((len(prefixes) - 1, str(control.get("ttl", "5m"))))
    if control is None and body.get("cache_control"):
        marks.append((len(prefixes) - 1, str(body["cache_control"].get("ttl", "5m"))))
    return prefixes, marks
