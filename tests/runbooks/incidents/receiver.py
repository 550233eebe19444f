"""An outside ticket system on loopback: keeps what it takes, checks signatures, and answers as it is told."""

from __future__ import annotations

from typing import Any

from runbooks.incidents.posting import sign
from runbooks.models import IncidentHook
from tests.servers.hosting import Hosted
from tests.servers.http import HttpServer
from tests.servers.wire import Request, Response

SECRET = "a-secret-of-both-sides"


class Receiver(Hosted):
    """Takes every event unless `statuses` has something else to say first."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[dict[str, Any]] = []
        self.requests: list[Request] = []
        self.statuses: list[int] = []
        self._server = HttpServer(self._answer)

    async def _open(self) -> None:
        await self._server.open()

    async def _close(self) -> None:
        await self._server.close()

    def _answer(self, request: Request) -> Response:
        self.requests.append(request)
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            self.taken.append(request.json())
        return Response.from_json({}, status)

    def hook(self, **fields: Any) -> IncidentHook:
        """Make a hook that leads here."""
        given = {"name": "tickets", "url": f"{self._server.url}/in?from=claw", "secret": SECRET} | fields
        return IncidentHook.objects.create(**given)

    def deliveries(self) -> list[str]:
        """Return the ids of what was taken, in order."""
        return [told["delivery"] for told in self.taken]


def is_signed(request: Request) -> bool:
    """Tell whether a request carries the signature that the secret makes."""
    moment = request.headers["x-claw-timestamp"]
    return request.headers["x-claw-signature"] == sign(SECRET, moment, request.body)
