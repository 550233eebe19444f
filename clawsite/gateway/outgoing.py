"""What goes out on one connection, and what happens when the client does not read it.

Responses: beyond 1 MiB the client is asked nothing new (its socket is not read), at the limit it is closed. Events:
those it can do without are dropped first and leave a gap in `seq`; with too many of the others it is closed and reads
anew. A client that takes nothing at all is closed, however little is due.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from clawsite.gateway import counts, replies
from clawsite.gateway.wire import Wire
from clawsite.rpc.frames import MAX_BUFFERED_BYTES, ErrorShape

BEHIND_BYTES = 1024 * 1024
SLOW_BYTES = 256 * 1024
# A page of a job's events has 4 MiB at most and is only sent to who is not behind.
MOST_EVENT_BYTES = 8 * 1024 * 1024
PATIENCE_SECONDS = 45.0


class Outgoing:
    """The way out of one connection. `end_slow` closes it."""

    __slots__ = ("_end_slow", "_event_bytes", "_moved_at", "_taken", "seq", "wire")

    def __init__(self, wire: Wire, *, end_slow: Callable[[], None]) -> None:
        self.wire = wire
        self.seq = 0
        self._end_slow = end_slow
        self._event_bytes = 0
        self._taken, self._moved_at = 0, time.monotonic()

    def respond(self, request_id: str, payload: Any) -> None:
        """Send the response of a request that went well."""
        self._send(replies.answer(request_id, payload))

    def refuse(self, request_id: str, shape: ErrorShape, payload: Any = None) -> None:
        """Send the response of one that did not."""
        self._send(replies.refusal(request_id, shape, payload))

    def _send(self, data: bytes) -> None:
        self.wire.send(data)
        unsent = self.wire.unsent
        if unsent > BEHIND_BYTES:
            self.wire.pause()
            if unsent > MAX_BUFFERED_BYTES:
                self._end_slow()

    def tell(self, event: str, payload: Any) -> None:
        """Send an event to this client alone; such events are not counted."""
        self.wire.send(replies.event_head(event), replies.encode(payload), replies.END)

    def push(self, event: str, payload: bytes, *, droppable: bool, state: bytes = b"") -> None:
        """Send a broadcast event whose payload (and stateVersion) is JSON already."""
        self.seq += 1
        unsent = self.wire.unsent
        if unsent == 0:
            self._event_bytes = 0
        elif droppable and unsent > SLOW_BYTES:
            counts.dropped(event)
            return
        self._event_bytes += len(payload)
        if self._event_bytes > MOST_EVENT_BYTES and unsent > MOST_EVENT_BYTES:
            self._end_slow()
            return
        version = b',"stateVersion":' + state if state else b""
        self.wire.send(replies.event_head(event), payload, b',"seq":%d' % self.seq, version, replies.END)

    def end(self) -> None:
        """Hold the connection no longer: it is over."""
        self._end_slow = _nobody

    def is_behind(self) -> bool:
        """Tell whether the client has yet to read much of what it was sent."""
        return self.wire.unsent > BEHIND_BYTES

    def look(self, now: float) -> None:
        """Close a client that has taken nothing of what is due for too long."""
        unsent = self.wire.unsent
        taken = self.wire.sent - unsent
        if unsent == 0 or taken > self._taken:  # less: a ping waits too, which was not sent from here
            self._taken, self._moved_at = taken, now
        elif now - self._moved_at > PATIENCE_SECONDS:
            self._end_slow()


def _nobody() -> None:
    """Stand for a connection that is over."""
