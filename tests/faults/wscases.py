"""What a WebSocket client may and may not send, case by case, as Autobahn's test suite has it (groups 1 to 7 and 9).

The suite itself runs on Python 2 only. Each case is bytes on the wire after the handshake, and what must come of them:
the answer of a ping sent behind them (KEPT), or the end of the socket with a code.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

CONTINUE, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
KEPT = 0
PROTOCOL_ERROR, NOT_TEXT = 1002, 1007
REQUEST = b'{"type":"req","id":"case","method":"ping","params":{}}'
RESERVED = (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
CODES_GOOD = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
CODES_BAD = (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535)
NO_TEXT = {
    "a lone continuation byte": b"\x80",
    "a cut sequence": b"\xce\xba\xe1\xbd",
    "an overlong slash": b"\xc0\xaf",
    "a surrogate": b"\xed\xa0\x80",
    "beyond unicode": b"\xf4\x90\x80\x80",
    "a byte that is never used": b"\xff",
}


class Case(NamedTuple):
    """Bytes, and what must come of them: KEPT, or the codes of which one ends the socket."""

    name: str
    sent: bytes
    ends: tuple[int, ...] = (KEPT,)


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, reserved: int = 0, masked: bool = True) -> bytes:
    """Return a frame; with a mask of zeros, or wrongly with none."""
    size, bit = len(payload), 0x80 if masked else 0
    first = (0x80 if fin else 0) | reserved << 4 | opcode
    if size < 126:
        head = struct.pack("!BB", first, bit | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, bit | 127, size)
    return head + (bytes(4) if masked else b"") + payload


def pieces(payload: bytes, size: int, *between: bytes) -> bytes:
    """Return a text message in frames of a size, with other frames between all of them."""
    parts = [payload[at : at + size] for at in range(0, len(payload), size)]
    last = len(parts) - 1
    frames = [frame(TEXT if at == 0 else CONTINUE, part, fin=at == last) for at, part in enumerate(parts)]
    return b"".join(between).join(frames)


def _framing() -> list[Case]:
    padded = REQUEST[:-1] + b',"x":"' + b"y" * 70_000 + b'"}'
    return [
        Case("a text", frame(TEXT, REQUEST)),
        Case("a text as binary", frame(BINARY, REQUEST)),
        Case("an empty text", frame(TEXT)),
        *(Case(f"a text of {size} bytes", frame(TEXT, b"x" * size)) for size in (125, 126, 127, 128, 65535, 65536)),
        Case("a large request in pieces", pieces(padded, 997)),
        Case("without a mask", frame(TEXT, REQUEST, masked=False), (PROTOCOL_ERROR,)),
        Case("a length of 2**63", struct.pack("!BBQ", 0x81, 0xFF, 2**63) + bytes(4), (PROTOCOL_ERROR, 1009)),
        Case("a length in more bytes than it needs", struct.pack("!BBH", 0x81, 0xFE, 5) + b"\0" * 9, (PROTOCOL_ERROR,)),
    ]


def _control() -> list[Case]:
    return [
        Case("a ping of nothing", frame(PING)),
        Case("a ping of 125 bytes", frame(PING, b"\xfe" * 125)),
        Case("a ping of 126 bytes", frame(PING, b"x" * 126), (PROTOCOL_ERROR,)),
        Case("a ping in pieces", frame(PING, b"x", fin=False), (PROTOCOL_ERROR,)),
        Case("a pong that nobody asked for", frame(PONG, b"unasked")),
        Case("ten pings", frame(PING, b"x") * 10),
        *(Case(f"reserved bit {bit}", frame(TEXT, REQUEST, reserved=bit), (PROTOCOL_ERROR,)) for bit in range(1, 8)),
        *(Case(f"opcode {opcode}", frame(opcode, b"x"), (PROTOCOL_ERROR,)) for opcode in RESERVED),
    ]


def _fragments() -> list[Case]:
    begun = frame(TEXT, REQUEST[:9], fin=False)
    return [
        Case("a request in two pieces", begun + frame(CONTINUE, REQUEST[9:])),
        Case("a request in single bytes", pieces(REQUEST, 1)),
        Case("a ping between pieces", pieces(REQUEST, 7, frame(PING, b"between"))),
        Case("pieces of nothing", frame(TEXT, b"", fin=False) + frame(CONTINUE, b"", fin=False) + frame(CONTINUE)),
        Case("a continuation of nothing", frame(CONTINUE, REQUEST), (PROTOCOL_ERROR,)),
        Case("a text within a text", begun + frame(TEXT, REQUEST), (PROTOCOL_ERROR,)),
        Case("a character in two pieces", frame(TEXT, b"\xce", fin=False) + frame(CONTINUE, b"\xba")),
        Case("no text in the second piece", frame(TEXT, b"ok", fin=False) + frame(CONTINUE, b"\xff"), (NOT_TEXT, KEPT)),
    ]


def _ends() -> list[Case]:
    # A whole small frame goes to the reader of JSON at once, which answers that it is none and keeps the socket.
    closing = [Case(f"close with {code}", frame(CLOSE, struct.pack("!H", code)), (code, 1000)) for code in CODES_GOOD]
    wrong = [Case(f"close with {code}", frame(CLOSE, struct.pack("!H", code)), (PROTOCOL_ERROR,)) for code in CODES_BAD]
    return [
        *(Case(f"no text: {name}", frame(TEXT, data), (KEPT, NOT_TEXT)) for name, data in NO_TEXT.items()),
        Case("close without a code", frame(CLOSE), (1000, 1005)),
        Case("close with half a code", frame(CLOSE, b"\x03"), (PROTOCOL_ERROR,)),
        Case("close with a reason", frame(CLOSE, struct.pack("!H", 1000) + b"x" * 123), (1000,)),
        Case("close with too long a reason", frame(CLOSE, struct.pack("!H", 1000) + b"x" * 124), (PROTOCOL_ERROR,)),
        Case("close with a reason that is no text", frame(CLOSE, struct.pack("!H", 1000) + b"\xce"), (1007, 1002)),
        Case("close, and a request behind it", frame(CLOSE, struct.pack("!H", 1000)) + frame(TEXT, REQUEST), (1000,)),
        *closing,
        *wrong,
    ]


CASES = [*_framing(), *_control(), *_fragments(), *_ends()]
