"""The time of a socket before anybody knows whose it is: one connect, and what was sent behind it in good hope."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from clawsite.core.errors import log_unknown
from clawsite.gateway import counts
from clawsite.gateway.admission import Visitor, admit
from clawsite.gateway.hello import Refusal
from clawsite.gateway.intake import UNKNOWN_ID, BadFrame, parse_request
from clawsite.rpc import codes
from clawsite.rpc.frames import MAX_PREAUTH_BYTES, ErrorShape, Request

# Frames that may wait behind a connect, and the bytes of all of them: nobody knows yet who would have us keep them.
MOST_EARLY, MOST_EARLY_BYTES = 15, MAX_PREAUTH_BYTES
LetIn = Callable[[str, dict[str, Any], list[bytes]], None]
TurnAway = Callable[[str, ErrorShape, int], None]


class Greeting:
    """The handshake of one socket. It ends with `let_in`, with `turn_away`, or with the socket."""

    __slots__ = ("_early", "_early_bytes", "_let_in", "_task", "_turn_away", "_visitor")

    def __init__(self, visitor: Visitor, *, let_in: LetIn, turn_away: TurnAway) -> None:
        self._visitor = visitor
        self._let_in = let_in
        self._turn_away = turn_away
        self._early: list[bytes] = []
        self._early_bytes = 0
        self._task: asyncio.Task[None] | None = None

    def take(self, data: bytes) -> bool:
        """Take a frame: the first must be connect, the next wait for its outcome. False when too much waits."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(data))
            return True
        self._early_bytes += len(data)
        if len(self._early) >= MOST_EARLY or self._early_bytes > MOST_EARLY_BYTES:
            return False
        self._early.append(data)
        return True

    def cancel(self) -> None:
        """Stop; the socket is gone."""
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()

    async def _run(self, data: bytes) -> None:
        request_id = UNKNOWN_ID
        try:
            request = _parse_first(data)
            request_id = request.id
            hello = await admit(self._visitor, request.params)
        except BadFrame as error:
            self._refuse(error.request_id, ErrorShape(code=codes.INVALID_REQUEST, message=error.message))
        except Refusal as error:
            self._refuse(request_id, error.shape, error.close)
        except Exception as error:
            log_unknown(error, where="a handshake")
            text = "gateway busy; retry shortly"
            shape = ErrorShape(code=codes.UNAVAILABLE, message=text, retryable=True, retry_after_ms=1000)
            self._refuse(request_id, shape, codes.CLOSE_TRY_LATER)
        else:
            self._let_in(request_id, hello, self._early)

    def _refuse(self, request_id: str, shape: ErrorShape, close: int = codes.CLOSE_POLICY) -> None:
        counts.refused(shape)
        self._turn_away(request_id, shape, close)


def _parse_first(data: bytes) -> Request:
    """Return the first request, which must be connect."""
    request = parse_request(data)
    if request.method != "connect":
        raise BadFrame("invalid handshake: first request must be connect", request.id)
    if bytes(request.params) == b"null":
        request = msgspec.structs.replace(request, params=msgspec.Raw(b"{}"))
    return request
