"""The control side that both emulators share: one typed API, over HTTP or in the same process.

Invariant: every operation takes and returns what JSON can carry, so both ways behave the same.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from tests.servers.wire import Request, Response

POLL_SECONDS = 0.01
# It ends what hangs; a machine with much else to do may take its time.
WAIT_SECONDS = 30.0
CUTTING = {"refuse_connections", "cut_connections"}
Operation = Callable[..., Any]


class Controls(ABC):
    """Operations that every emulator has."""

    @abstractmethod
    def control(self, operation: str, **params: Any) -> Any:
        """Do one operation and return its result; raises ControlError."""

    def fault(
        self,
        kind: str,
        *,
        method: str = "*",
        times: int | None = None,
        for_seconds: float | None = None,
        status: int = 500,
        retry_after: float | None = None,
        description: str | None = None,
        error: str | None = None,
        seconds: float = 0.0,
    ) -> None:
        """Plan a fault (see faults.Fault); once, unless `times` or `for_seconds` says more."""
        self.control(
            "fault",
            kind=kind,
            method=method,
            times=times,
            for_seconds=for_seconds,
            status=status,
            retry_after=retry_after,
            description=description,
            error=error,
            seconds=seconds,
        )

    def clear_faults(self) -> None:
        self.control("clear_faults")

    def faults(self) -> list[dict[str, Any]]:
        """The faults planned since the last `clear_faults`, each with its `hits`."""
        return self.control("faults")  # type: ignore[no-any-return]

    def refuse_connections(self, *, for_seconds: float) -> None:
        """Close the door (open connections are cut) and open it again after this many seconds."""
        self.control("refuse_connections", for_seconds=for_seconds)

    def cut_connections(self) -> None:
        """Cut every open connection once."""
        self.control("cut_connections")

    def wait_for(self, check: Callable[[], Any], *, timeout: float = WAIT_SECONDS, what: str = "") -> Any:
        """Poll until `check()` is truthy and return that; raises TimeoutError.

        From another thread than the server's.
        """
        deadline = time.monotonic() + timeout
        while not (value := check()):
            if time.monotonic() >= deadline:
                raise TimeoutError(f"{what or check} not within {timeout} s")
            time.sleep(POLL_SECONDS)
        return value

    async def await_for(self, check: Callable[[], Any], *, timeout: float = WAIT_SECONDS, what: str = "") -> Any:
        """The same without blocking the event loop."""
        deadline = time.monotonic() + timeout
        while not (value := check()):
            if time.monotonic() >= deadline:
                raise TimeoutError(f"{what or check} not within {timeout} s")
            await asyncio.sleep(POLL_SECONDS)
        return value


class ControlError(ValueError):
    """An operation was refused; the text says why."""


def answer_control(request: Request, operations: dict[str, Operation]) -> Response:
    """Answer `GET|POST /control/<operation>`: parameters from the query (each as JSON) or a JSON body.

    A POST must say it is JSON, so that a page of another origin cannot send one without asking.
    """
    name = request.path.removeprefix("/control/")
    operation = operations.get(name)
    if operation is None:
        return Response.from_json({"ok": False, "error": f"no operation {name!r}"}, 404)
    try:
        result = operation(**_params(request))
    except (ControlError, ValueError, TypeError, KeyError) as error:
        return Response.from_json({"ok": False, "error": f"{type(error).__name__}: {error}"}, 400)
    return Response.from_json({"ok": True, "result": result})


def _params(request: Request) -> dict[str, Any]:
    params: dict[str, Any] = {name: json.loads(value) for name, value in request.query.items()}
    if request.method == "POST":
        if not request.headers.get("content-type", "").startswith("application/json"):
            raise ControlError("send application/json")
        params |= request.json() if request.body else {}
    return params


class HttpControl:
    """A blocking client of `/control/...` over one kept connection; safe to share between threads."""

    def __init__(self, base_url: str, *, timeout: float = 20.0) -> None:
        self.url = base_url.rstrip("/")
        parts = urlsplit(self.url)
        self._lock = threading.Lock()
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)

    def control(self, operation: str, **params: Any) -> Any:
        with self._lock:
            try:
                answer = self._post(operation, json.dumps(params).encode())
            except BaseException:
                self._connection.close()
                raise
            if operation in CUTTING:
                self._connection.close()
        if not answer["ok"]:
            raise ControlError(answer["error"])
        return answer["result"]

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _post(self, operation: str, body: bytes) -> Any:
        headers = {"Content-Type": "application/json"}
        self._connection.request("POST", f"/control/{operation}", body=body, headers=headers)
        return json.loads(self._connection.getresponse().read())
