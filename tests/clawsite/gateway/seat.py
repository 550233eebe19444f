"""Callers of the gateway for tests: without a socket (`Line`), and over a real server with an independent client.

`Line` is a connection that remembers what it was told; `await line.call("method", key=value)` runs a method as a
connection would, with rights and schema. The fixture `gateway` (tests/clawsite/gateway/conftest.py, or
`running_gateway` here) is the product's web role in a process of its own, on the database of the test and with the
same nudges; `async with gateway.client(token)` connects to it. `standing` is one for all tests of a module, with
a state directory of its own: much faster where rows are not looked at.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import msgspec
from django.db import connection
from websockets.asyncio.client import ClientConnection, connect

from clawsite.gateway import methods
from clawsite.gateway.errors import GatewayError, to_shape
from clawsite.gateway.hub import hub
from clawsite.gateway.principal import ALL_SCOPES, Principal, Scope, expand
from clawsite.gateway.registry import Call, invoke
from clawsite.gateway.tokens import create_token
from clawsite.rpc.frames import ErrorShape
from tests.clawsite.running import ROOT, until
from tests.engine import servers_of
from tests.environment import HOME
from tests.ports import free_port
from tests.template import NAME, put_database

WAIT_SECONDS = 30.0
# What is not told by a nudge is found by a look at all rights, half a minute after a gateway began at the soonest.
AT_ONCE = 10.0
ENV_TOKEN = "environment-token-of-the-tests-0123456789"
__all__ = ["Client", "Gateway", "Line", "Refused", "methods", "principal", "running_gateway", "standing_gateway"]


def principal(name: str = "alice", *scopes: Scope, user_id: int | None = None) -> Principal:
    """Return a caller: with all scopes when none are named, who then sees everybody's things."""
    granted = expand(scopes) if scopes else ALL_SCOPES
    owner = f"user:{user_id}" if user_id else f"token:{name}"
    return Principal(subject=f"token:{name}", owner=owner, name=name, granted=granted, scopes=granted, user_id=user_id)


class Refused(Exception):
    """A method answered with an error."""

    def __init__(self, error: Mapping[str, Any], payload: Any = None) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.error, self.payload = dict(error), payload
        self.code, self.message = str(error["code"]), str(error["message"])


class Line:
    """A connection without a socket. Use as `with Line(...) as line` to hear the hub's events too."""

    _numbers = itertools.count(1)

    def __init__(self, who: Principal | None = None) -> None:
        self.id = f"line-{next(self._numbers)}"
        self.principal = who or principal()
        self.client: Mapping[str, Any] = {"id": "test", "mode": "test"}
        self.caps: frozenset[str] = frozenset({"tool-events"})
        self.followed: dict[int, None] = {}
        self.watches_sessions = False
        self.jobs: dict[str, int] = {}
        self.events: list[tuple[str, Any]] = []
        self.responses: list[Any] = []

    def __enter__(self) -> Line:
        """Hear what the hub broadcasts."""
        hub.join(self)
        return self

    def __exit__(self, *_: object) -> None:
        """Hear no more."""
        hub.leave(self)

    async def call(self, method: str, **params: Any) -> Any:
        """Run a method and return its payload as a client would read it; Refused for an error."""
        call = Call(request_id="1", method=method, connection=self, respond=self._respond)
        try:
            answer = await invoke(method, call, msgspec.Raw(json.dumps(params).encode()))
        except Exception as error:
            shape: ErrorShape = to_shape(error, where=method)
            payload = error.payload if isinstance(error, GatewayError) else None
            raise Refused(msgspec.to_builtins(shape), payload) from error
        return json.loads(msgspec.json.encode(answer))

    def _respond(self, payload: Any) -> None:
        self.responses.append(json.loads(msgspec.json.encode(payload)))

    def push(self, event: str, payload: bytes, *, droppable: bool, state: bytes = b"") -> None:
        """Remember an event."""
        self.events.append((event, json.loads(payload)))

    def follow(self, session_id: int) -> None:
        """Remember the session."""
        self.followed[session_id] = None

    def unfollow(self, session_id: int) -> None:
        """Forget it."""
        self.followed.pop(session_id, None)

    def watch_sessions(self, wanted: bool) -> None:
        """Remember it."""
        self.watches_sessions = wanted

    def watch_job(self, job_id: str, after_seq: int) -> None:
        """Remember it."""
        self.jobs[job_id] = after_seq

    def unwatch_job(self, job_id: str) -> None:
        """Forget it."""
        self.jobs.pop(job_id, None)


class Client:
    """A client of the protocol over a real socket, which shares no code with the product."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[dict[str, Any]] = []
        self.responses: dict[str, list[dict[str, Any]]] = {}
        self.hello: dict[str, Any] = {}
        self._numbers = itertools.count(1)

    async def read(self, *, timeout: float = WAIT_SECONDS) -> dict[str, Any]:
        """Return the next frame, and keep it."""
        frame: dict[str, Any] = json.loads(await asyncio.wait_for(self.socket.recv(), timeout))
        if frame["type"] == "event":
            self.events.append(frame)
        else:
            self.responses.setdefault(frame["id"], []).append(frame)
        return frame

    async def say(self, **frame: Any) -> None:
        """Send a frame."""
        await self.socket.send(json.dumps(frame))

    async def connect(self, token: str | None, **over: Any) -> dict[str, Any]:
        """Wait for the challenge, connect, and return the response frame."""
        await self.event("connect.challenge")
        await self.say(type="req", id="connect", method="connect", params=connect_params(token, **over))
        answer = await self.response("connect")
        self.hello = answer.get("payload") or {}
        return answer

    async def call(self, method: str, *, timeout: float = WAIT_SECONDS, **params: Any) -> Any:
        """Call a method and return its payload; Refused for an error."""
        request_id = f"{next(self._numbers)}"
        await self.say(type="req", id=request_id, method=method, params=params)
        answer = await self.response(request_id, timeout=timeout)
        if not answer["ok"]:
            raise Refused(answer["error"], answer.get("payload"))
        return answer["payload"]

    async def response(self, request_id: str, *, timeout: float = WAIT_SECONDS) -> dict[str, Any]:
        """Return the next response to a request, reading past other frames."""
        deadline = time.monotonic() + timeout
        while not self.responses.get(request_id):
            await self.read(timeout=deadline - time.monotonic())
        return self.responses[request_id].pop(0)

    async def event(self, name: str, *, timeout: float = WAIT_SECONDS, **fields: Any) -> dict[str, Any]:
        """Return the next event of a name whose payload has these fields, reading past other frames."""
        deadline = time.monotonic() + timeout
        seen = 0
        while True:
            for frame in self.events[seen:]:
                payload = frame.get("payload") or {}
                if frame["event"] == name and all(payload.get(key) == value for key, value in fields.items()):
                    self.events.remove(frame)
                    return frame
            seen = len(self.events)
            await self.read(timeout=deadline - time.monotonic())

    async def closed(self, *, timeout: float = WAIT_SECONDS) -> tuple[int | None, str]:
        """Wait for the end of the socket; return code and reason."""
        await asyncio.wait_for(self.socket.wait_closed(), timeout)
        return self.socket.close_code, self.socket.close_reason or ""


def connect_params(token: str | None, **over: Any) -> dict[str, Any]:
    """Return parameters of connect as a plain client sends them."""
    params: dict[str, Any] = {
        "minProtocol": 4,
        "maxProtocol": 4,
        "client": {"id": "gateway-client", "version": "1.0.0", "platform": "linux", "mode": "backend"},
        "role": "operator",
        "caps": ["tool-events"],
    }
    if token is not None:
        params["auth"] = {"token": token}
    return params | over


class Gateway:
    """A running web role."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], log: Path, *, secure: bool) -> None:
        self.port, self.process, self.log, self.secure = port, process, log, secure
        self.url = f"ws://127.0.0.1:{port}"
        self.env_token = ENV_TOKEN

    def token(self, name: str = "bob", *scopes: str, user_id: int | None = None) -> str:
        """Make a token row and return its secret; all scopes when none are named."""
        return create_token(name, scopes=scopes or list(ALL_SCOPES), actor="test", user_id=user_id)[1]

    async def make_token(self, name: str = "bob", *scopes: str, **params: Any) -> str:
        """Make a token over the wire and return its secret."""
        async with self.client() as alice:
            made = await alice.call("tokens.create", name=name, scopes=list(scopes or ALL_SCOPES), **params)
            return str(made["secret"])

    @asynccontextmanager
    async def socket(self, path: str = "/", *, name: str = "127.0.0.1", **options: Any) -> AsyncIterator[Client]:
        """Open a socket without connecting; `name` is the host that is asked for."""
        url = f"ws://{name}:{self.port}{path}"
        own: dict[str, Any] = {"max_size": None, "close_timeout": 1, **options}
        async with connect(url, host="127.0.0.1", port=self.port, **own) as opened:
            yield Client(opened)

    @asynccontextmanager
    async def client(self, token: str = ENV_TOKEN, **over: Any) -> AsyncIterator[Client]:
        """Open a socket and connect; Refused when that is refused."""
        async with self.socket() as client:
            answer = await client.connect(token, **over)
            if not answer["ok"]:
                raise Refused(answer["error"])
            yield client

    def tail(self) -> str:
        """Return the end of the log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]


@contextmanager
def running_gateway(folder: Path, *, database: str = "", **environment: str) -> Iterator[Gateway]:
    """Run the web role, on the database of this test (which must commit: `transactional_db`) if no other is named."""
    port, log = free_port(), folder / "gateway.log"
    own = servers_of(Path(HOME)) | {"CLAW_PORT": str(port), "CLAW_GATEWAY_TOKEN": ENV_TOKEN, **environment}
    name = database or str(connection.settings_dict["NAME"])
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.clawsite.gateway.program", name],
            cwd=ROOT,
            env={**os.environ, **own},
            stdout=output,
            stderr=output,
        )
    gateway = Gateway(port, process, log, secure="CLAW_TLS_CERT" in environment)
    try:
        until(lambda: _is_up(gateway), seconds=90, what="the gateway")
        yield gateway
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        finally:
            process.kill()
            process.wait(5)


@contextmanager
def standing_gateway(folder: Path, **environment: str) -> Iterator[Gateway]:
    """Run the web role in a state directory of its own, with a database of its own."""
    home = folder / "home"
    servers = put_database(home)
    database = servers["DATABASE_URL"].rpartition("/")[2] if servers else str(home / NAME)
    with running_gateway(folder, database=database, CLAW_HOME=str(home), **servers | environment) as running:
        yield running


def _is_up(gateway: Gateway) -> bool:
    """Tell whether the gateway says that it can take a connect; whose certificate it has is no matter here."""
    assert gateway.process.poll() is None, gateway.tail()
    with suppress(OSError, ValueError):
        anybody = ssl._create_unverified_context() if gateway.secure else None  # noqa: S323 - our own server
        url = f"http{'s' if gateway.secure else ''}://127.0.0.1:{gateway.port}/startupz"
        with urlopen(url, timeout=2, context=anybody) as answer:  # noqa: S310
            return bool(answer.status == 200)
    return False
