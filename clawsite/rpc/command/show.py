"""Answers, events and errors as people or programs read them. What comes from outside moves no cursor.

Of a text what cannot be shown becomes a question mark; JSON stays the same JSON, in which that is escaped.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from typing import Any

import msgspec

from clawsite.rpc.errors import ClientError, HandshakeRefused, RequestTimeout, RpcError
from clawsite.rpc.watch import JobEvent

DONE, FAILED, USAGE, NO_CONNECTION, REFUSED, TOO_LATE, STOPPED = 0, 1, 2, 3, 4, 5, 130


def code_of(error: ClientError) -> int:
    """Return the exit code that an error ends with."""
    match error:
        case RpcError():
            return FAILED
        case HandshakeRefused():
            return REFUSED if error.is_terminal else NO_CONNECTION
        case RequestTimeout():
            return TOO_LATE
    return NO_CONNECTION if error.retryable else USAGE


@dataclass(frozen=True, kw_only=True, slots=True)
class Screen:
    """Where things are shown, and in which shape."""

    as_json: bool = False
    as_frames: bool = False

    def frame(self, data: bytes) -> None:
        """Show a frame of the wire."""
        self._json(data.decode(errors="replace"))

    def answer(self, payload: Any) -> None:
        """Show the payload of an answer."""
        if self.as_json:
            self._json(_compact(payload))
        elif not self.as_frames:
            if isinstance(payload, str):
                self._line(payload)
            else:
                self._json(json.dumps(payload, indent=2, ensure_ascii=False))

    def event(self, event: JobEvent) -> None:
        """Show an event of a job."""
        if self.as_json:
            self._json(msgspec.json.encode(event).decode())
        elif not self.as_frames:
            at = time.strftime("%H:%M:%S", time.localtime((event.ts or 0) / 1000)) if event.ts else "--:--:--"
            data = "" if event.data is None else _words(event.data)
            self._line(f"{at} {event.seq:>5}  {event.kind:<10} {data}".rstrip())

    def error(self, error: ClientError, *, hint: str = "") -> None:
        """Show what went wrong; as JSON it goes where the answer would have gone."""
        if self.as_json:
            shape = {"code": getattr(error, "code", type(error).__name__), "message": _message(error)}
            details = getattr(error, "details", None)
            self._json(_compact({"error": {**shape, **({"details": details} if details is not None else {})}}))
            return
        self.note(_message(error) if not isinstance(error, RpcError) else f"{error.code}: {error.message}")
        if isinstance(error, RpcError) and error.details is not None:
            self.note(_words(error.details))
        if hint:
            self.note(hint)

    def note(self, text: str) -> None:
        """Say something to a person, apart from the answers."""
        sys.stderr.write(_printable(text) + "\n")

    def _line(self, text: str) -> None:
        self._write("\n".join(_printable(line) for line in text.splitlines()))

    def _json(self, text: str) -> None:
        self._write("".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text))

    def _write(self, text: str) -> None:
        # Flushed, so that a program that reads along hears of an event when it happens.
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def _message(error: ClientError) -> str:
    return error.message if isinstance(error, RpcError) else str(error)


def _words(data: Any) -> str:
    """Return an event's data in one line: the text alone when there is nothing else."""
    if isinstance(data, dict) and set(data) == {"text"}:
        return str(data["text"])
    return data if isinstance(data, str) else _compact(data)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)
