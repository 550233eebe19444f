"""Frames that no honest client sends, made from recorded ones: the same seed makes the same frames."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

TEXT, BINARY = 1, 2
DEEP = 10_000
_RECORDED = Path(__file__).with_name("frames.jsonl")

OWN = (
    {"type": "req", "id": "o1", "method": "ping", "params": {}},
    {
        "type": "req",
        "id": "o2",
        "method": "jobs.create",
        "params": {"kind": "selftest", "params": {"events": 0}, "idempotencyKey": "k"},
    },
    {"type": "req", "id": "o3", "method": "jobs.status", "params": {"id": "0123456789abcdef0123456789abcdef"}},
    {"type": "req", "id": "o4", "method": "jobs.subscribe", "params": {"id": "0123456789abcdef", "afterSeq": 3}},
    {"type": "req", "id": "o5", "method": "jobs.list", "params": {"limit": 5, "state": "failed", "cursor": "12"}},
    {"type": "req", "id": "o6", "method": "jobs.result", "params": {"id": "0123456789abcdef", "timeoutMs": 0}},
)
# What is put in the place of a value. Raw JSON: some of it is none.
ODD = (
    "null", "true", "-1", "0", "1.5", "1e999", "-1e999", "NaN", "Infinity", "1e308", "9" * 400, str(2**63), str(2**64),
    '""', '"\\u0000"', '"\\ud800"', '"\\udfff\\ud800"', '"' + "x" * 5000 + '"', "[]", "{}", '{"a":[{"b":[]}]}',
    '["a","a"]', '"\\u202e\\ufeff"', "0123", "'a'", '"\\x"', '{"__proto__":{"a":1}}', '"../../etc/passwd"', "01e",
)  # fmt: skip
_HOLE = "@hole@"


class Mutator:
    """An endless source of frames: (opcode, payload)."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        lines = _RECORDED.read_text(encoding="utf-8").splitlines()
        self.recorded: list[dict[str, Any]] = [json.loads(line) for line in lines] + list(OWN)
        self._kinds: list[Callable[[], bytes]] = [
            self._truncate, self._flip, self._swap, self._swap, self._remove, self._add, self._repeat_key, self._splice,
            self._nest, self._lone, self._same,
        ]  # fmt: skip

    def frame(self) -> tuple[int, bytes]:
        """Return the next frame."""
        payload = self._dice.choice(self._kinds)()
        return (BINARY if self._dice.random() < 0.05 else TEXT), payload

    def hello(self, token: str) -> tuple[int, bytes]:
        """Return a connect with a right token, spoilt in one place."""
        connect = copy.deepcopy(self.recorded[0])
        connect["params"]["auth"]["token"] = token
        return TEXT, self._swap(connect)

    def _pick(self) -> dict[str, Any]:
        return copy.deepcopy(self._dice.choice(self.recorded))

    def _text(self) -> bytes:
        return json.dumps(self._pick()).encode()

    def _same(self) -> bytes:
        """A right frame whose id others have, too."""
        return json.dumps(self._pick() | {"id": self._dice.choice("ab")}).encode()

    def _truncate(self) -> bytes:
        data = self._text()
        return data[: self._dice.randrange(len(data))]

    def _flip(self) -> bytes:
        data = bytearray(self._text())
        for _ in range(self._dice.randint(1, 4)):
            data[self._dice.randrange(len(data))] ^= 1 << self._dice.randrange(8)
        return bytes(data)

    def _splice(self) -> bytes:
        one, other = self._text(), self._text()
        at, to = self._dice.randrange(len(one)), self._dice.randrange(len(other))
        return one[:at] + other[to:]

    def _place(self, value: dict[str, Any]) -> tuple[Any, Any]:
        """Return a container somewhere in a value, and a key or index in it."""
        places: list[tuple[Any, Any]] = []
        waiting: list[Any] = [value]
        while waiting:
            found = waiting.pop()
            keys = list(found) if isinstance(found, dict) else list(range(len(found)))
            places += [(found, key) for key in keys]
            waiting += [found[key] for key in keys if isinstance(found[key], dict | list)]
        return self._dice.choice(places)

    def _swap(self, value: dict[str, Any] | None = None) -> bytes:
        whole = value or self._pick()
        container, key = self._place(whole)
        container[key] = _HOLE
        return json.dumps(whole).replace(f'"{_HOLE}"', self._dice.choice(ODD)).encode()

    def _remove(self) -> bytes:
        whole = self._pick()
        container, key = self._place(whole)
        del container[key]
        return json.dumps(whole).encode()

    def _add(self) -> bytes:
        whole = self._pick()
        container, _ = self._place(whole)
        if isinstance(container, dict):
            container[self._dice.choice(("unknown", "", "a" * 3000, "\0", "__class__"))] = _HOLE
        return json.dumps(whole).replace(f'"{_HOLE}"', self._dice.choice(ODD)).encode()

    def _repeat_key(self) -> bytes:
        again = self._dice.choice(('"id":"twice",', '"method":"ping",', '"params":{},', '"type":"event",', '"id":7,'))
        return b"{" + again.encode() + self._text()[1:]

    def _nest(self) -> bytes:
        """Deep, on one of 40 times; these are large."""
        depth = DEEP if self._dice.random() < 0.025 else self._dice.randint(1, 40)
        opening, closing = self._dice.choice((("[", "]"), ('{"a":', "}")))
        middle = "1" if opening != "[" else ""
        whole = self._pick() | {"params": {"a": _HOLE}}
        return json.dumps(whole).replace(f'"{_HOLE}"', opening * depth + middle + closing * depth).encode()

    def _lone(self) -> bytes:
        """Not an object at all."""
        return self._dice.choice([*ODD, "", " ", "[" * DEEP, '"' * 99, "\0", "\ufeff{}", "}{", "// a"]).encode()
