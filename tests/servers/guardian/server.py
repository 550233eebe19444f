"""The example system over HTTP: `/health`, `/stats`, `/metrics`, and what runbooks do to it.

`POST /restart`, `POST /cache/clear` and `POST /workers {"count": 5}` are what operators have; `/control/...` is how a
test or a person makes it misbehave. With a token, everything but `/control/` and the page wants it as bearer.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.servers.control import answer_control
from tests.servers.faults import FaultPlan
from tests.servers.guardian.controls import GuardianControls
from tests.servers.guardian.exposition import CONTENT_TYPE, write_metrics
from tests.servers.guardian.world import World
from tests.servers.hosting import Hosted
from tests.servers.http import HttpServer
from tests.servers.wire import Cut, Request, Response

PAGE = Path(__file__).with_name("page.html")


class GuardianServer(Hosted, GuardianControls):
    """`with GuardianServer().running() as guardian:`; its faults are those of every emulator."""

    def __init__(self, *, port: int = 0, token: str = "", restart_seconds: float = 0.0) -> None:
        super().__init__()
        self.world = World()
        self.token = token
        self.restart_seconds = restart_seconds
        self.asked: Counter[str] = Counter()
        self.plan = FaultPlan()
        self.http = HttpServer(self.handle, port=port, gate=self._gate)
        self.operations: dict[str, Callable[..., Any]] = {
            "misbehave": self.world.misbehave,
            "behave": self.world.behave,
            "state": self._state,
            "fault": self._fault,
            "clear_faults": self.plan.clear,
            "faults": self.plan.describe,
            "refuse_connections": self._shut,
            "cut_connections": self.http.cut_soon,
        }

    @property
    def url(self) -> str:
        return self.http.url

    async def _open(self) -> None:
        await self.http.open()

    async def _close(self) -> None:
        await self.http.stop()

    def control(self, operation: str, **params: Any) -> Any:
        return self.on_loop(lambda: self.operations[operation](**params))

    def handle(self, request: Request) -> Any:
        if request.path.startswith("/control/"):
            return answer_control(request, self.operations)
        if request.path == "/":
            return Response(body=PAGE.read_bytes(), content_type="text/html; charset=utf-8")
        self.asked[f"{request.method} {request.path}"] += 1
        if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
            return Response.from_json({"error": "no token"}, 401)
        return self._answer(request)

    def _gate(self, request: Request) -> bool:
        return request.path.startswith("/control/") or not self.plan.cuts_before(request.path)

    async def _answer(self, request: Request) -> Response:
        fault = self.plan.take(request.path)
        if fault is not None:
            await asyncio.sleep(fault.seconds)
            if fault.kind in ("hang", "cut_after"):
                raise Cut
            if fault.kind == "garbage":
                return Response(body=b"<html>", content_type="text/html")
            if fault.kind == "status":
                return Response.from_json({"error": fault.description}, fault.status)
        if request.path in ("/health", "/stats") and "slow" in self.world.troubles:
            await asyncio.sleep(self.world.latency)
        answer = self._routes().get((request.method, request.path))
        return answer(request) if answer else Response.from_json({"error": "not found"}, 404)

    def _routes(self) -> dict[tuple[str, str], Callable[[Request], Response]]:
        return {
            ("GET", "/health"): self._health,
            ("GET", "/stats"): self._stats,
            ("GET", "/metrics"): lambda _: Response(body=write_metrics(self.world), content_type=CONTENT_TYPE),
            ("POST", "/restart"): self._restart,
            ("GET", "/cache"): lambda _: Response.from_json({"entries": self.world.cached}),
            ("POST", "/cache/clear"): lambda _: Response.from_json({"removed": self.world.clear_cache()}),
            ("GET", "/workers"): lambda _: Response.from_json({"count": self.world.workers}),
            ("POST", "/workers"): self._scale,
        }

    def _health(self, request: Request) -> Response:
        world = self.world
        world.advance()
        status = 503 if world.status in ("unhealthy", "starting") else 200
        return Response.from_json({"status": world.status, "uptime": f"{world.uptime:.2f}%"}, status)

    def _stats(self, request: Request) -> Response:
        world = self.world
        world.advance()
        return Response.from_json(
            {
                "transactions_per_minute": round(world.per_minute),
                "approval_rate": round(world.approval, 1),
                "anomalies_last_hour": world.anomalies(),
                "active_alerts": len(world.troubles),
                "backlog": round(world.backlog),
            }
        )

    def _restart(self, request: Request) -> Response:
        self.world.restart(self.restart_seconds)
        return Response.from_json({"restarted": True}, 202)

    def _scale(self, request: Request) -> Response:
        try:
            self.world.scale(int(json.loads(request.body)["count"]))
        except (ValueError, KeyError, TypeError) as error:
            return Response.from_json({"error": str(error)}, 400)
        return Response.from_json({"count": self.world.workers})

    def _fault(self, **options: Any) -> None:
        self.plan.add(**{name: value for name, value in options.items() if value is not None})

    def _shut(self, for_seconds: float) -> None:
        self.http.shut_for(for_seconds)

    def _state(self) -> dict[str, Any]:
        world = self.world
        world.advance()
        return {
            "status": world.status,
            "uptime": round(world.uptime, 2),
            "troubles": dict(world.troubles),
            "transactions_per_minute": round(world.per_minute),
            "approval_rate": round(world.approval, 1),
            "workers": world.workers,
            "cached": world.cached,
            "backlog": round(world.backlog),
            "asked": dict(self.asked),
        }
