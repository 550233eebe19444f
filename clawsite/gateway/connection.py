"""One open socket: requests in, responses and events out. Nothing that comes in can end more than this connection.

The hot path is `_answer`: decode, look up, call, encode, send, without a task and without a database.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Container, Mapping
from functools import partial
from typing import Any

from django.conf import settings

from clawsite.gateway import counts, replies
from clawsite.gateway.errors import missing_scope, to_shape, unknown_method
from clawsite.gateway.greeting import Greeting
from clawsite.gateway.hello import ConnectParams
from clawsite.gateway.hub import hub
from clawsite.gateway.intake import UNKNOWN_ID, BadFrame, parse_request
from clawsite.gateway.jobfeed import feed
from clawsite.gateway.limits import doors
from clawsite.gateway.outgoing import Outgoing
from clawsite.gateway.pace import Pace
from clawsite.gateway.presence import presence
from clawsite.gateway.principal import Principal
from clawsite.gateway.registry import Call, Later, Method, all_methods
from clawsite.gateway.wire import Wire
from clawsite.gateway.work import OpenRequest, Work
from clawsite.rpc import codes
from clawsite.rpc.frames import MAX_FRAME_BYTES, MAX_PREAUTH_BYTES, ErrorShape, Request
from clawsite.web import sockets

MOST_FOLLOWED = 64
# How long a restart waits for the answers of requests that were read before it.
LAST_SECONDS = 1.0
NOBODY = Principal(subject="", owner="", name="", granted=frozenset(), scopes=frozenset())
_methods = all_methods()


class Connection:
    """A client, from the moment its socket is accepted until it is gone."""

    __slots__ = (
        "__weakref__", "_followed", "_greeting", "_out", "_pace", "_watches_jobs", "_work", "address",
        "caps", "client", "closed", "connected_at", "device_id", "id", "local", "nonce", "opened_at", "principal",
        "token_id", "watches_sessions", "wire",
    )  # fmt: skip

    def __init__(self, wire: Wire, *, address: str, local: bool) -> None:
        self.id = secrets.token_hex(8)
        self.wire = wire
        self.address, self.local = address, local
        self.principal = NOBODY
        self.client: Mapping[str, Any] = {}
        self.caps: frozenset[str] = frozenset()
        self.token_id: int | None = None
        self.device_id = ""
        self.opened_at, self.connected_at = time.monotonic(), 0.0
        self.nonce = secrets.token_urlsafe(16)
        self.watches_sessions = False
        self.closed = False
        self._out = Outgoing(wire, end_slow=self._end_slow)
        self._greeting: Greeting | None = Greeting(self, let_in=self._let_in, turn_away=self._turn_away)
        self._followed: dict[int, None] | None = None
        self._work: Work | None = None
        self._watches_jobs = False
        self._pace = Pace(settings.CLAW_GATEWAY_RATE)

    # --- life -----------------------------------------------------------------------------------------------------
    def open(self) -> None:
        """Greet the client with a challenge, and listen."""
        self.wire.limit(MAX_PREAUTH_BYTES)
        self.wire.attach(self.receive, self.drained)
        doors.open(self)
        self._out.tell("connect.challenge", {"nonce": self.nonce, "ts": round(time.time() * 1000)})

    def enter(self, params: ConnectParams, principal: Principal, *, token_id: int | None) -> None:
        """Become a connection of somebody: from here on methods are answered and events heard."""
        self.client = params.client.as_dict()
        self.caps = frozenset(params.caps)
        self.principal, self.token_id = principal, token_id
        self.device_id = params.device.id if params.device is not None else ""
        self.connected_at = time.time()
        self.wire.limit(MAX_FRAME_BYTES)
        doors.settle(self)
        hub.join(self)
        presence.change()

    def _let_in(self, request_id: str, hello: dict[str, Any], early: list[bytes]) -> None:
        self._greeting = None
        self._out.respond(request_id, hello)
        for data in early:
            self.receive(data)

    def _turn_away(self, request_id: str, shape: ErrorShape, code: int) -> None:
        self._out.refuse(request_id, shape)
        self.close(code, shape.message)

    def close(self, code: int, reason: str = "") -> None:
        """Close with a code, once."""
        if not self.closed:
            self.wire.close(code, reason)
            self.lost()

    def drop(self) -> None:
        """Cut a socket that never said who it is."""
        self.wire.abort()
        self.lost()

    def _end_slow(self) -> None:
        counts.slow()
        self.close(codes.CLOSE_POLICY, "slow consumer")

    def lost(self) -> None:
        """Clean up after the socket; safe to call twice."""
        self.closed = True
        doors.settle(self)
        if self.id in hub.connections:
            hub.leave(self)
            doors.leave(self)
            presence.change()
        if self._greeting is not None:
            self._greeting.cancel()
        if self._work is not None:
            self._work.cancel()
        if self._watches_jobs:
            feed.leave(self)
        self._out.end()
        sockets.unregister(self)

    async def close_for_restart(self, code: int) -> None:
        """Tell the client that the gateway restarts, answer what it has asked so far, and close."""
        if self._greeting is None:
            payload = replies.encode({"reason": "gateway restarting", "restartExpectedMs": 1500})
            self.push("shutdown", payload, droppable=False)
        if self._work is not None:
            self.wire.pause()
            await self._work.finish(seconds=LAST_SECONDS)
        self.close(code, "service restart")

    def describe(self) -> dict[str, Any]:
        """Return the presence entry."""
        client = self.client
        known = ("version", "platform", "deviceFamily", "modelIdentifier", "timeZone", "mode", "instanceId")
        named = client.get("displayName") or client.get("id", "")
        return {
            **{key: client[key] for key in known if key in client},
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
            if self._greeting is None:
                self._answer(data)
            elif not self._greeting.take(data):
                self.close(codes.CLOSE_POLICY, "too many pending handshake frames")
        except Exception as error:  # the last net: one frame must not end the socket
            self._out.refuse(UNKNOWN_ID, to_shape(error, where="frame"))

    def _answer(self, data: bytes) -> None:
        try:
            request = parse_request(data)
        except BadFrame as error:
            self._refuse_frame(error)
            return
        if not self._pace.take():
            self._slow_down(request.id)
            return
        method = _methods.get(request.method)
        if method is None or method.scope not in self.principal.scopes:
            self._refuse_method(request, method)
            return
        call = Call(
            request_id=request.id, method=method.name, connection=self, respond=partial(self._out.respond, request.id)
        )
        if method.is_task:
            self._begin(OpenRequest(method, call, request.params, len(data)))
        else:
            self._answer_now(method, call, request, len(data))

    def _answer_now(self, method: Method, call: Call, request: Request, size: int) -> None:
        try:
            answer = method.handler(call, method.parse(request.params))
            if isinstance(answer, Later):
                self._begin(OpenRequest(method, call, request.params, size))
                return
            self._out.respond(request.id, answer)
        except Exception as error:
            self._fail(request.id, method.name, error)
        else:
            counts.request(method.name, "ok")

    def _refuse_frame(self, error: BadFrame) -> None:
        """Say what is wrong with a frame; it counts as a request does, or nonsense could come without end."""
        if self._pace.take():
            counts.request("unknown", "invalid")
            self._out.refuse(error.request_id, ErrorShape(code=codes.INVALID_REQUEST, message=error.message))
        else:
            self._slow_down(error.request_id)

    def _refuse_method(self, request: Request, method: Method | None) -> None:
        if method is not None:
            counts.request(method.name, "forbidden")
            self._out.refuse(request.id, missing_scope(method.scope).shape)
            return
        counts.request("unknown", "invalid")
        shape = unknown_method(request.method).shape
        if request.method == "connect":
            shape = ErrorShape(code=codes.INVALID_REQUEST, message="connect is only valid as the first request")
        self._out.refuse(request.id, shape)

    def _slow_down(self, request_id: str) -> None:
        """Refuse what comes over the rate; who goes on like that is closed."""
        counts.request("unknown", "rate")
        self._out.refuse(request_id, replies.BUSY)
        if self._pace.is_abuse:
            self.close(codes.CLOSE_POLICY, "too many requests")

    def _begin(self, asked: OpenRequest) -> None:
        if self._work is None:
            self._work = Work(done=self._done, behind=self._out.is_behind)
        if not self._work.add(asked):
            counts.request(asked.method.name, "busy")
            self._out.refuse(asked.call.request_id, replies.BUSY)
            self._pace.refuse()
            if self._pace.is_held:
                self.wire.pause()

    def _done(self, asked: OpenRequest, answer: Any, error: BaseException | None) -> None:
        method, call = asked.method, asked.call
        try:
            if error is None:
                self._out.respond(call.request_id, answer)
                counts.request(method.name, "ok")
                return
        except Exception as broken:
            error = broken
        self._fail(call.request_id, method.name, error)

    def _fail(self, request_id: str, method: str, error: BaseException) -> None:
        shape = to_shape(error, where=method)
        counts.request(method, "invalid" if shape.code == codes.INVALID_REQUEST else "error")
        self._out.refuse(request_id, shape, replies.payload_of(error))

    # --- out ------------------------------------------------------------------------------------------------------
    def push(self, event: str, payload: bytes, *, droppable: bool, state: bytes = b"") -> None:
        """Send an event whose payload is JSON already."""
        self._out.push(event, payload, droppable=droppable, state=state)

    def is_behind(self) -> bool:
        """Tell whether the client has yet to read much of what it was sent."""
        return self._out.is_behind()

    def drained(self) -> None:
        """Go on with a client that has read everything."""
        if self.closed:
            return
        if not self._pace.is_held:
            self.wire.resume()
        if self._work is not None:
            self._work.go_on()

    def look(self, now: float) -> None:
        """Look after this connection, once a second."""
        if self._pace.is_held and not self.is_behind():
            self.wire.resume()
        self._pace.look()
        self._out.look(now)

    # --- what methods may ask of a connection ---------------------------------------------------------------------
    @property
    def followed(self) -> Container[int]:
        """The sessions whose events are sent here."""
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
        """Send the events of a job after a number, at the pace the client reads."""
        self._watches_jobs = True
        feed.watch(self, job_id, after_seq)

    def unwatch_job(self, job_id: str) -> None:
        """Stop that."""
        feed.unwatch(self, job_id)
