"""One open socket: requests in, responses and events out. Nothing that comes in can end more than this connection.

The hot path is `_answer`: decode, look up, call, encode, send, without a task and without a database.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Container, Mapping
from functools import partial
from typing import Any

from django.conf import settings

from clawsite.core.errors import log_unknown
from clawsite.gateway import counts, replies
from clawsite.gateway.admission import admit, refuse_first
from clawsite.gateway.errors import missing_scope, to_shape, unknown_method
from clawsite.gateway.hello import ConnectParams, Refusal
from clawsite.gateway.hub import hub
from clawsite.gateway.intake import BadFrame, parse_request
from clawsite.gateway.limits import doors
from clawsite.gateway.presence import presence
from clawsite.gateway.principal import Principal
from clawsite.gateway.registry import Call, Method, all_methods
from clawsite.gateway.wire import Wire
from clawsite.gateway.work import Job, Work
from clawsite.rpc import codes
from clawsite.rpc.frames import MAX_BUFFERED_BYTES, MAX_FRAME_BYTES, MAX_PREAUTH_BYTES, ErrorShape, Request
from clawsite.web import sockets
from clawsite.web.chat.flow import Bucket

MOST_EARLY = 15
MOST_FOLLOWED = 64
# A client this far behind is asked nothing new, and misses events that it can do without.
BEHIND_BYTES = 1024 * 1024
SLOW_BYTES = 256 * 1024
# And this far behind with events that it cannot do without, it is closed and reads anew.
MOST_EVENT_BYTES = 4 * 1024 * 1024
MOST_OVER_RATE = 1000
NOBODY = Principal(subject="", owner="", name="", granted=frozenset(), scopes=frozenset())
_methods = all_methods()


class Connection:
    """A client, from the moment its socket is accepted until it is gone."""

    __slots__ = (
        "__weakref__", "_bucket", "_early", "_event_bytes", "_followed", "_greeting", "_over_rate", "_request_work",
        "_stuck_at", "address", "caps", "client", "closed", "connected_at", "id", "local", "nonce",
        "opened_at", "origin", "principal", "seq", "token_id", "watches_sessions", "wire",
    )  # fmt: skip

    def __init__(self, wire: Wire, *, address: str, local: bool, origin: str = "") -> None:
        self.id = secrets.token_hex(8)
        self.wire = wire
        self.address, self.local, self.origin = address, local, origin
        self.principal = NOBODY
        self.client: Mapping[str, Any] = {}
        self.caps: frozenset[str] = frozenset()
        self.token_id: int | None = None
        self.opened_at = time.monotonic()
        self.connected_at = 0.0
        self.nonce = secrets.token_urlsafe(16)
        self.seq = 0
        self.watches_sessions = False
        self.closed = False
        self._followed: dict[int, None] | None = None
        self._greeting: asyncio.Task[None] | None = None
        self._early: list[bytes] | None = []
        self._request_work: Work | None = None
        self._bucket: Bucket | None = None
        self._over_rate = 0
        self._event_bytes = 0
        self._stuck_at = 0.0

    # --- life -----------------------------------------------------------------------------------------------------
    def open(self) -> None:
        """Greet the client with a challenge, and listen."""
        self.wire.limit(MAX_PREAUTH_BYTES)
        self.wire.attach(self.receive)
        doors.open(self)
        self.tell("connect.challenge", {"nonce": self.nonce, "ts": round(time.time() * 1000)})

    def enter(self, params: ConnectParams, principal: Principal, *, token_id: int | None) -> None:
        """Become a connection of somebody: from here on methods are answered and events heard."""
        self.client = params.client.as_dict()
        self.caps = frozenset(params.caps)
        self.principal, self.token_id = principal, token_id
        self.connected_at = time.time()
        self._bucket = Bucket(settings.CLAW_GATEWAY_RATE, settings.CLAW_GATEWAY_RATE * 2.0, time.monotonic())
        self.wire.limit(MAX_FRAME_BYTES)
        doors.settle(self)
        hub.join(self)
        presence.change()

    def close(self, code: int, reason: str = "") -> None:
        """Close with a code, once."""
        if not self.closed:
            self.closed = True
            self.wire.close(code, reason)
            self.lost()

    def drop(self) -> None:
        """Cut a socket that never said who it is."""
        self.closed = True
        self.wire.abort()
        self.lost()

    def lost(self) -> None:
        """Clean up after the socket; safe to call twice."""
        self.closed = True
        doors.settle(self)
        if hub.connections.get(self.id) is self:
            hub.leave(self)
            doors.leave(self)
            presence.change()
        if self._greeting is not None:
            self._greeting.cancel()
        if self._request_work is not None:
            self._request_work.cancel()
        sockets.unregister(self)

    async def close_for_restart(self, code: int) -> None:
        """Tell the client that the gateway restarts, and close."""
        self.tell("shutdown", {"reason": "gateway restarting", "restartExpectedMs": 1500})
        self.close(code, "service restart")

    def describe(self) -> dict[str, Any]:
        """Return the presence entry."""
        client = self.client
        named = client.get("displayName") or client.get("id", "")
        return {
            **{
                key: client[key]
                for key in ("version", "platform", "deviceFamily", "mode", "instanceId")
                if key in client
            },
            "host": named,
            "ip": self.address,
            "reason": "connect",
            "text": f"{named} · {client.get('mode', '')} · {self.principal.name}",
            "ts": round(self.connected_at * 1000),
            "roles": ["operator"],
            "scopes": sorted(self.principal.scopes),
        }

    # --- in -------------------------------------------------------------------------------------------------------
    def receive(self, data: bytes) -> None:
        """Take one frame."""
        if self.closed:
            return
        try:
            if self._early is None:
                self._answer(data)
            else:
                self._greet(data)
        except Exception as error:  # the last net: one frame must not end the socket
            self._refuse("invalid", to_shape(error, where="frame"))

    def _greet(self, data: bytes) -> None:
        """Take the first frame, which must be connect, and keep what follows until that is answered."""
        if self._greeting is None:
            self._greeting = asyncio.get_running_loop().create_task(self._admit(data))
        elif self._early is not None and len(self._early) < MOST_EARLY:
            self._early.append(data)
        else:
            self.close(codes.CLOSE_POLICY, "too many pending handshake frames")

    async def _admit(self, data: bytes) -> None:
        request_id = "invalid"
        try:
            request = parse_request(data)
            request_id = request.id
            refuse_first(request)
            hello = await admit(self, request.params)
        except BadFrame as error:
            shape = ErrorShape(code=codes.INVALID_REQUEST, message=error.message)
            self._turn_away(error.request_id, shape, codes.CLOSE_POLICY)
        except Refusal as error:
            self._turn_away(request_id, error.shape, error.close)
        except Exception as error:
            log_unknown(error, where="a handshake")
            shape = ErrorShape(
                code=codes.UNAVAILABLE, message="gateway busy; retry shortly", retryable=True, retry_after_ms=1000
            )
            self._turn_away(request_id, shape, codes.CLOSE_TRY_LATER)
        else:
            self._let_in(request_id, hello)

    def _turn_away(self, request_id: str, shape: ErrorShape, code: int) -> None:
        counts.refused(shape)
        self._greeting = None
        self._refuse(request_id, shape)
        self.close(code, shape.message)

    def _let_in(self, request_id: str, hello: dict[str, Any]) -> None:
        self._greeting = None
        self.wire.send(replies.answer(request_id, hello))
        early, self._early = self._early or [], None
        for data in early:
            self.receive(data)

    def _answer(self, data: bytes) -> None:
        try:
            request = parse_request(data)
        except BadFrame as error:
            counts.request("unknown", "invalid")
            self._refuse(error.request_id, ErrorShape(code=codes.INVALID_REQUEST, message=error.message))
            return
        if self._bucket is not None and not self._bucket.take(time.monotonic()):
            self._slow_down(request)
            return
        method = _methods.get(request.method)
        if method is None or method.scope not in self.principal.scopes:
            self._refuse_method(request, method)
            return
        call = Call(
            request_id=request.id, method=request.method, connection=self, respond=partial(self._respond, request.id)
        )
        if method.is_task:
            self._begin((method, call, request.params))
            return
        try:
            payload = method.handler(call, method.parse(request.params))
            self._respond(request.id, payload)
        except Exception as error:
            self._fail(request.id, method.name, error)
        else:
            counts.request(method.name, "ok")

    def _refuse_method(self, request: Request, method: Method | None) -> None:
        if request.method == "connect":
            shape = ErrorShape(code=codes.INVALID_REQUEST, message="connect is only valid as the first request")
            self._refuse(request.id, shape)
        elif method is None:
            counts.request("unknown", "invalid")
            self._refuse(request.id, unknown_method(request.method).shape)
        else:
            counts.request(method.name, "forbidden")
            self._refuse(request.id, missing_scope(method.scope).shape)

    def _slow_down(self, request: Request) -> None:
        """Refuse what comes over the rate; who goes on like that is closed."""
        counts.request("unknown", "rate")
        self._over_rate += 1
        self._refuse(request.id, replies.BUSY)
        if self._over_rate > MOST_OVER_RATE:
            self.close(codes.CLOSE_POLICY, "too many requests")

    def _begin(self, job: Job) -> None:
        if self._request_work is None:
            self._request_work = Work(done=self._done, behind=self.is_behind)
        if not self._request_work.add(job):
            counts.request(job[0].name, "busy")
            self._refuse(job[1].request_id, replies.BUSY)

    def _done(self, job: Job, answer: Any, error: BaseException | None) -> None:
        method, call, _ = job
        try:
            if error is None:
                self._respond(call.request_id, answer)
                counts.request(method.name, "ok")
                return
        except Exception as broken:
            error = broken
        self._fail(call.request_id, method.name, error)

    # --- out ------------------------------------------------------------------------------------------------------
    def _respond(self, request_id: str, payload: Any) -> None:
        self._send(replies.answer(request_id, payload))

    def _fail(self, request_id: str, method: str, error: BaseException) -> None:
        shape = to_shape(error, where=method)
        counts.request(method, "invalid" if shape.code == codes.INVALID_REQUEST else "error")
        self._refuse(request_id, shape, replies.payload_of(error))

    def _refuse(self, request_id: str, shape: ErrorShape, payload: Any = None) -> None:
        self._send(replies.refusal(request_id, shape, payload))

    def _send(self, data: bytes) -> None:
        """Send a response; a client that lets them pile up is asked nothing new, and closed at the limit."""
        self.wire.send(data)
        unsent = self.wire.unsent
        if unsent > BEHIND_BYTES:
            self.wire.pause()
            if unsent > MAX_BUFFERED_BYTES:
                self.end_slow()

    def tell(self, event: str, payload: Any) -> None:
        """Send an event to this client alone; such events are not counted."""
        self.wire.send(replies.event_head(event), replies.encode(payload), replies.END)

    def push(self, event: str, payload: bytes, *, droppable: bool, state: bytes = b"") -> None:
        """Send an event; one that is dropped leaves a gap in `seq`."""
        self.seq += 1
        unsent = self.wire.unsent
        if unsent == 0:
            self._event_bytes = 0
        elif droppable and unsent > SLOW_BYTES:
            counts.dropped(event)
            return
        self._event_bytes += len(payload)
        if self._event_bytes > MOST_EVENT_BYTES and unsent > MOST_EVENT_BYTES:
            self.end_slow()
            return
        version = b',"stateVersion":' + state if state else b""
        self.wire.send(replies.event_head(event), payload, b',"seq":%d' % self.seq, version, replies.END)

    def end_slow(self) -> None:
        """Close a client that does not read."""
        counts.slow()
        self.close(codes.CLOSE_POLICY, "slow consumer")

    def is_behind(self) -> bool:
        """Tell whether the client has yet to read much of what it was sent."""
        return self.wire.unsent > BEHIND_BYTES

    def look(self, now: float, patience: float) -> None:
        """Go on with a client that has caught up; cut one that has taken nothing for too long."""
        self._over_rate //= 2
        if self.wire.unsent == 0:
            self._stuck_at = 0.0
        if not self.is_behind():
            self.wire.resume()
            if self._request_work is not None:
                self._request_work.go_on()

    # --- what methods may ask of a connection ---------------------------------------------------------------------
    @property
    def followed(self) -> Container[int]:
        """Return the sessions whose events are sent here."""
        return self._followed or ()

    def follow(self, session_id: int) -> None:
        """Send the events of a session from here on; the one followed longest falls off after 64."""
        followed = self._followed = self._followed or {}
        followed.pop(session_id, None)
        followed[session_id] = None
        if len(followed) > MOST_FOLLOWED:
            del followed[next(iter(followed))]

    def unfollow(self, session_id: int) -> None:
        """Stop that."""
        if self._followed is not None:
            self._followed.pop(session_id, None)

    def watch_sessions(self, wanted: bool) -> None:
        """Send what happens to sessions, or stop that."""
        self.watches_sessions = wanted

    def watch_job(self, job_id: str, after_seq: int) -> None:
        """Send the events of a job."""

    def unwatch_job(self, job_id: str) -> None:
        """Stop that."""
