"""What both forges have in common: a token, a journal of what was asked, faults, and routes by regular expression.

Invariant: a request that a fault answered has changed nothing, but for `cut_after` and `garbage`.
"""

from __future__ import annotations

import asyncio
import re
from abc import abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.servers.faults import FaultPlan
from tests.servers.hosting import Hosted
from tests.servers.http import HttpServer
from tests.servers.wire import Cut, Request, Response

TOKEN = "a-token-of-a-forge"
Answer = Callable[..., Response]


class ForgeServer(Hosted):
    """`with GitHubServer().running() as forge:`; `forge.fault(...)` plans what goes wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.plan = FaultPlan()
        self.http = HttpServer(self.handle)

    async def _open(self) -> None:
        await self.http.open()

    async def _close(self) -> None:
        await self.http.stop()

    def fault(self, kind: str, **options: Any) -> None:
        """Plan a fault; `method` is a pattern of "GET /path"."""
        self.on_loop(lambda: self.plan.add(kind, **options))

    async def handle(self, request: Request) -> Response:
        line = f"{request.method} {request.target}"
        self.asked.append(line)
        fault = self.plan.take(line)
        if fault is None:
            return self._answer(request)
        await asyncio.sleep(fault.seconds)
        if fault.kind == "status":
            headers = {"retry_after": f"{fault.retry_after:g}"} if fault.retry_after is not None else {}
            return Response.from_json({"message": fault.description or "told to fail"}, fault.status, **headers)
        if fault.kind == "hang":
            raise Cut
        answer = self._answer(request)
        if fault.kind == "cut_after":
            raise Cut
        return Response(body=b"<html>", content_type="text/html") if fault.kind == "garbage" else answer

    def _answer(self, request: Request) -> Response:
        if not self.is_known(request):
            return Response.from_json({"message": "Bad credentials"}, 401)
        path = request.target.partition("?")[0]
        for method, pattern, answer in self.routes():
            match = re.fullmatch(pattern, path)
            if method == request.method and match:
                return answer(request, *match.groups())
        return Response.from_json({"message": "Not Found"}, 404)

    @abstractmethod
    def is_known(self, request: Request) -> bool:
        """Tell whether a request carries the token."""

    @abstractmethod
    def routes(self) -> list[tuple[str, str, Answer]]:
        """Return method, path and answer of all there is."""


def now() -> str:
    """Return the time as both APIs write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
