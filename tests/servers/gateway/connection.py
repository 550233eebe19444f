"""One connection of the scripted gateway: handshake, requests, events, faults."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
import struct
from typing import TYPE_CHECKING, Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from tests.servers.gateway.faults import Fault
from tests.servers.gateway.jobs import EmulatedJob

if TYPE_CHECKING:
    from tests.servers.gateway.server import GatewayEmulator

MISMATCH: dict[str, Any] = {
    "code": "INVALID_REQUEST",
    "message": "unauthorized: gateway token mismatch (provide gateway auth token)",
    "details": {"code": "AUTH_TOKEN_MISMATCH", "recommendedNextStep": "update_auth_credentials"},
}


class Connection:
    """What the gateway knows of one client."""

    def __init__(self, gateway: GatewayEmulator, ws: ServerConnection) -> None:
        self.gateway = gateway
        self.ws = ws
        self.seq = itertools.count(1)
        self.pumps: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Talk until the connection ends."""
        try:
            await self.event("connect.challenge", {"nonce": "n", "ts": 1}, is_counted=False)
            first = json.loads(await self.ws.recv())
            self.gateway.connects.append(first["params"])
            if await self._shake_hands(first):
                async for text in self.ws:
                    self._spawn(self._handle(json.loads(text)))
        except ConnectionClosed:
            pass
        finally:
            for task in (*self._tasks, *self.pumps.values()):
                task.cancel()
            await asyncio.gather(*self._tasks, *self.pumps.values(), return_exceptions=True)

    async def event(self, name: str, payload: Any, *, is_counted: bool = True) -> None:
        """Send an event, with the next sequence number unless it is for this connection alone."""
        frame = {"type": "event", "event": name, "payload": payload}
        await self.ws.send(json.dumps({**frame, "seq": next(self.seq)} if is_counted else frame))

    async def answer(self, request_id: str, payload: Any) -> None:
        """Answer well."""
        await self.ws.send(json.dumps({"type": "res", "id": request_id, "ok": True, "payload": payload}))

    async def refuse(self, request_id: str, error: dict[str, Any]) -> None:
        """Answer with an error."""
        await self.ws.send(json.dumps({"type": "res", "id": request_id, "ok": False, "error": error}))

    def reset(self) -> None:
        """End with a TCP reset, without a word."""
        raw = self.ws.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.ws.transport.abort()

    def watch(self, job: EmulatedJob, after: int) -> None:
        """Send the events of a job after a number, as fast as the client reads."""
        self.unwatch(job.id)
        self.pumps[job.id] = asyncio.get_running_loop().create_task(self._pump(job, after))

    def unwatch(self, job_id: str) -> None:
        """Send them no longer."""
        if (pump := self.pumps.pop(job_id, None)) is not None:
            pump.cancel()

    async def _shake_hands(self, first: dict[str, Any]) -> bool:
        fault = self.gateway.plan.take("connect")
        if fault is not None and not await self._misbehave(fault, first):
            return False
        if first["params"].get("auth", {}).get("token", "") != self.gateway.token:
            await self.refuse(first["id"], MISMATCH)
            await self.ws.close(1008, MISMATCH["message"][:120])
            return False
        await self.answer(first["id"], self.gateway.hello(self))
        self.gateway.connections.add(self)
        self._spawn(self._tick())
        return True

    async def _handle(self, request: dict[str, Any]) -> None:
        method, request_id, params = request["method"], request["id"], request.get("params") or {}
        self.gateway.requests.append((method, params))
        fault = self.gateway.plan.take(method)
        if fault is not None and fault.kind != "cut_after" and not await self._misbehave(fault, request):
            return
        handler = self.gateway.methods.get(method)
        if handler is None:
            await self.refuse(request_id, {"code": "INVALID_REQUEST", "message": f"unknown method: {method}"})
            return
        try:
            payload = await handler(self, params, request_id)
        except LookupError:
            await self.refuse(request_id, {"code": "INVALID_REQUEST", "message": "not found"})
            return
        if fault is not None and fault.kind == "cut_after":
            self.reset()
            return
        for _ in range(2 if fault is not None and fault.kind == "twice" else 1):
            await self.answer(request_id, payload)

    async def _misbehave(self, fault: Fault, request: dict[str, Any]) -> bool:
        """Do what the fault says; return whether the request is answered all the same."""
        if fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
        elif fault.kind == "garbage":
            await self.ws.send(fault.data)
        elif fault.kind == "foreign":
            await self.ws.send(json.dumps({"type": "hint", "id": request["id"]}))
        elif fault.kind == "cut":
            self.reset()
        elif fault.kind == "silent":
            await self.ws.wait_closed()
        elif fault.error is not None:
            await self.refuse(request["id"], fault.error)
        if fault.kind == "close":
            await self.ws.close(fault.code, fault.reason)
        return fault.kind in ("delay", "twice", "foreign")

    async def _tick(self) -> None:
        while self.gateway.has_ticks:
            await self.event("tick", {"ts": 1})
            await asyncio.sleep(self.gateway.tick_seconds)

    async def _pump(self, job: EmulatedJob, after: int) -> None:
        while True:
            news = job.news
            for event in job.events[after:]:
                if event["seq"] not in self.gateway.lost_events:
                    await self.event("job", event, is_counted=False)
                after = event["seq"]
            if after >= len(job.events):
                await news.wait()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(_until_closed(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _until_closed(work: Any) -> None:
    with contextlib.suppress(ConnectionClosed):
        await work
