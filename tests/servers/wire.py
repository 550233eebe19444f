"""HTTP/1.1 messages: requests as they are parsed, answers as they are written."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

JSON_TYPE = "application/json"
PHRASES = {status.value: status.phrase for status in HTTPStatus} | {529: "Site Overloaded"}


class Cut(Exception):
    """Raised by a handler or a stream to close the connection at once, without the rest of the answer."""


@dataclass(slots=True)
class Request:
    """One request with its whole body.

    Header names are lower case, of repeated headers the last one counts.
    """

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""
    length: int = 0
    chunked: bool = False

    @property
    def path(self) -> str:
        return unquote(self.target.partition("?")[0])

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Response:
    """A whole answer, or a stream of chunks when `stream` is set (then `body` is what is sent first)."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: dict[str, str] = field(default_factory=dict)
    stream: AsyncIterator[bytes] | None = None

    @classmethod
    def from_json(cls, value: Any, status: int = 200, **headers: str) -> Response:
        body = json.dumps(value, separators=(",", ":")).encode()
        return cls(status=status, body=body, headers={name.replace("_", "-"): v for name, v in headers.items()})

    def head(self) -> bytes:
        lines = [
            f"HTTP/1.1 {self.status} {PHRASES.get(self.status, 'Unknown')}",
            f"Content-Type: {self.content_type}",
        ]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines.append("Transfer-Encoding: chunked" if self.stream else f"Content-Length: {len(self.body)}")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def frame(data: bytes) -> bytes:
    """`data` as one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def parse_head(head: str) -> Request:
    """Parse request line and headers; raises ValueError when they are not HTTP/1.x."""
    lines = head.split("\r\n")
    method, target, version = lines[0].split(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError("not HTTP/1")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError("bad header")
        headers[name.strip().lower()] = value.strip()
    length = int(headers.get("content-length", "0"))
    if length < 0:
        raise ValueError("negative length")
    chunked = headers.get("transfer-encoding", "").lower() == "chunked"
    return Request(method, target, headers, length=length, chunked=chunked)


def wants_close(request: Request) -> bool:
    return request.headers.get("connection", "").lower() == "close"
