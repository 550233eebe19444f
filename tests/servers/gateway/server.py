"""The scripted gateway itself: its methods, its connections, its switches."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve

from tests.servers.gateway.connection import Connection
from tests.servers.gateway.faults import Fault, FaultPlan
from tests.servers.gateway.jobs import Jobs
from tests.servers.hosting import Hosted

# How long a connection may take to end when the server does.
GONE_SECONDS = 3.0

Method = Callable[[Connection, dict[str, Any], str], Awaitable[Any]]


class GatewayEmulator(Hosted):
    """Listens on a free port of 127.0.0.1 and keeps it through `restart`.

    token: the right one. has_ticks, tick_seconds: the heartbeat. plan: faults. lost_events: numbers of job events
    that are never sent. connects, requests: what came. methods: add or replace any.
    """

    def __init__(
        self, *, token: str = "claw_right_token", tick_seconds: float = 30.0, tls: ssl.SSLContext | None = None
    ):
        super().__init__()
        self.token = token
        self.tick_seconds = tick_seconds
        self.has_ticks = True
        self.max_payload = 25 * 1024 * 1024
        self.plan = FaultPlan()
        self.jobs = Jobs()
        self.lost_events: set[int] = set()
        self.connects: list[dict[str, Any]] = []
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.connections: set[Connection] = set()
        self.port = 0
        self.methods: dict[str, Method] = {
            "ping": _ok, "health": _ok, "status": _ok, "echo": _echo, "agent": _agent, "jobs.create": _create,
            "jobs.start": _start, "jobs.status": _status, "jobs.result": _result, "jobs.subscribe": _subscribe,
            "jobs.unsubscribe": _unsubscribe,
        }  # fmt: skip
        self._tls = tls
        self._server: Server | None = None
        self._sockets: set[ServerConnection] = set()

    @property
    def url(self) -> str:
        return f"{'ws' if self._tls is None else 'wss'}://127.0.0.1:{self.port}"

    def fault(self, kind: Any, method: str = "*", **options: Any) -> Fault:
        """Plan a fault; it happens once unless `times` says otherwise."""
        fault = Fault(kind=kind, method=method, **options)
        self.plan.faults.append(fault)
        return fault

    def count(self, method: str) -> int:
        """How often a method was called."""
        return sum(name == method for name, _ in self.requests)

    def hello(self, connection: Connection) -> dict[str, Any]:
        """The hello-ok for a connection."""
        policy = {"maxPayload": self.max_payload, "maxBufferedBytes": 1, "tickIntervalMs": self.tick_seconds * 1000}
        return {
            "type": "hello-ok",
            "protocol": 4,
            "server": {"version": "emulator", "connId": str(id(connection))},
            "features": {"methods": sorted(self.methods), "events": ["tick", "job", "chat"]},
            "snapshot": {"presence": [], "health": {}, "stateVersion": {"presence": 1, "health": 1}, "uptimeMs": 1},
            "auth": {"role": "operator", "scopes": ["operator.read"]},
            "policy": policy,
        }

    async def broadcast(self, event: str, payload: Any, *, skip: int = 0) -> None:
        """Send an event to everybody; with `skip`, after losing so many."""
        for connection in tuple(self.connections):
            for _ in range(skip):
                next(connection.seq)
            await connection.event(event, payload)

    async def close_all(self, code: int, reason: str = "") -> None:
        """Close every connection with a code."""
        await asyncio.gather(*(connection.ws.close(code, reason) for connection in tuple(self.connections)))

    def cut_all(self) -> None:
        """Reset every connection."""
        for connection in tuple(self.connections):
            connection.reset()

    async def restart(self) -> None:
        """Go away, with a notice and the right close code, and come back on the same port."""
        await self.broadcast("shutdown", {"reason": "gateway restarting", "restartExpectedMs": 50})
        async with self.away():
            pass

    @contextlib.asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Be away for the length of a block, and then back on the same port."""
        await self._close()
        try:
            yield
        finally:
            await self._open()

    async def _open(self) -> None:
        self._server = await serve(
            self._serve, "127.0.0.1", self.port, ssl=self._tls, compression=None, max_size=None, close_timeout=1,
            ping_interval=None,
        )  # fmt: skip
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close(code=1012, reason="service restart")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._server.wait_closed()), GONE_SECONDS)
            for ws in self._sockets:  # of those who began to close and went away
                ws.transport.abort()
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, ws: ServerConnection) -> None:
        connection = Connection(self, ws)
        self._sockets.add(ws)
        try:
            await connection.serve()
        finally:
            self._sockets.discard(ws)
            self.connections.discard(connection)


async def _ok(connection: Connection, params: dict[str, Any], request_id: str) -> Any:
    return {"ok": True}


async def _echo(connection: Connection, params: dict[str, Any], request_id: str) -> Any:
    return params


async def _agent(connection: Connection, params: dict[str, Any], request_id: str) -> Any:
    await connection.answer(request_id, {"runId": params["idempotencyKey"], "status": "accepted"})
    return {"runId": params["idempotencyKey"], "status": "ok", "summary": "completed"}


async def _create(connection: Connection, params: dict[str, Any], request_id: str) -> Any:
    jobs = connection.gateway.jobs
    job = jobs.create(params["kind"], params.get("params"), params.get("idempotencyKey", ""))
    if params.get("start", True):
        jobs.start(job)
    return {"job": job.describe()}


async def _start(connection: Connection, params: dict[str, Any], request_id: str) -> Any:
    job = connection.gateway.jobs.by_id[params["id"]]
    connection.gateway.jobs.start(job)
    return {"job": job.describe()}


async def _status(connection: Connection, params: dict[str, Any], request_id: str) -> Any:
    return {"job": connection.gateway.jobs.by_id[params["id"]].describe()}


async def _result(connection: Connection, params: dict[str, Any], request_id: str) -> Any:
    job = connection.gateway.jobs.by_id[params["id"]]
    return {"job": job.describe(), "done": job.state == "succeeded", "result": {"events": len(job.events)}}


async def _subscribe(connection: Connection, params: dict[str, Any], request_id: str) -> Any:
    job = connection.gateway.jobs.by_id[params["id"]]
    connection.watch(job, params.get("afterSeq", 0))
    return {"job": job.describe(), "lastSeq": len(job.events)}


async def _unsubscribe(connection: Connection, params: dict[str, Any], request_id: str) -> Any:
    connection.unwatch(params["id"])
    return {}
