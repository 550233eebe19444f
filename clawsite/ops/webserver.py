"""The web role: Daphne on our own signal handling, so that a restart loses no request and cuts no socket.

Importing daphne.server installs Twisted's event loop, which forked processes would share: only the web process itself
may import this module, never the supervisor.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import daphne.http_protocol
import daphne.server
from daphne.server import Server, twisted_loop
from daphne.ws_protocol import WebSocketFactory
from django.core.signals import request_finished
from django.db import connections
from twisted.internet.endpoints import AdoptedStreamServerEndpoint

from clawsite.core.errors import NotConfigured
from clawsite.core.nudge import NudgeListener
from clawsite.core.process import drain_seconds
from clawsite.core.services import keep_probing
from clawsite.gateway.hub import hub
from clawsite.gateway.wire import EXTENSION
from clawsite.ops import tls
from clawsite.ops.link import Link
from clawsite.ops.listening import open_socket
from clawsite.ops.role import run_role
from clawsite.ops.selfalerts.keeping import keep_watching_ourselves
from clawsite.ops.wire import Request, WebSocket
from clawsite.web import sockets
from clawsite.web.plain import App

logger = logging.getLogger(__name__)

HTTP_SECONDS = 60
CLOSE_SECONDS = 3.0
# Of the drain time, what running requests may use.
REQUESTS_SHARE = 0.6
LOOK_SECONDS = 0.05


def run_web(application: App, *, listen: Callable[[NudgeListener], None], link: Link | None = None) -> int:
    """Serve an ASGI application until told to stop; `listen` subscribes it to nudges."""
    _allow_many_sockets()
    request_finished.connect(_close_connections, dispatch_uid="claw-web-connections")
    server = _Server(
        application,
        endpoints=[str(_own_socket(link))],
        signal_handlers=False,
        http_timeout=HTTP_SECONDS,
        websocket_timeout=-1,
        websocket_connect_timeout=10,
        ping_interval=20,
        ping_timeout=30,
        verbosity=0,
        server_name="clawsite",
    )

    async def main(process_id: int, stop: asyncio.Event, listener: NudgeListener) -> None:
        listen(listener)
        looks = asyncio.create_task(keep_watching_ourselves(process_id), name="self alerts")
        probes = asyncio.create_task(keep_probing(process_id), name="asking services")
        await stop.wait()
        for task in (looks, probes):
            task.cancel()
        await asyncio.gather(looks, probes, return_exceptions=True)
        await _drain(server)

    def drive(role: Coroutine[Any, Any, int]) -> int:
        return _drive(server, role)

    def note() -> dict[str, Any]:
        return {"sockets": sockets.count_open(), "gateway": len(hub.connections)}

    return run_role("web", main, link=link, drive=drive, note=note)


def _own_socket(link: Link | None) -> int:
    """Return a descriptor of the socket to listen on: the supervisor's, or one of our own."""
    if link is not None and link.listen_fd is not None:
        return os.dup(link.listen_fd)
    return open_socket().detach()


def _take_socket(reactor: Any, descriptor: str) -> Any:
    """Make an endpoint of a listening socket. Twisted's own parser first imports every plugin there is."""
    number = int(descriptor)
    with socket.socket(fileno=os.dup(number)) as listening:
        family = listening.family
    endpoint: Any = AdoptedStreamServerEndpoint(reactor, number, family)  # type: ignore[no-untyped-call]
    return tls.TlsEndpoint(endpoint) if tls.is_on() else endpoint


def _allow_many_sockets() -> None:
    """Let this process open as many files as the system lets it: each connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class _Server(Server):  # type: ignore[misc]  # Daphne carries no types
    """Daphne, whose sockets tell the application more than ASGI does."""

    def create_application(self, protocol: Any, scope: Any) -> Any:
        """Put the socket itself into its scope."""
        if scope["type"] == "websocket":
            scope["extensions"] = {EXTENSION: protocol}
            scope["scheme"] = "wss" if tls.is_on() else "ws"
        return super().create_application(protocol, scope)


daphne.server.serverFromString = _take_socket
daphne.http_protocol.WebRequest = Request
WebSocketFactory.protocol = WebSocket


def _drive(server: Server, role: Coroutine[Any, Any, int]) -> int:
    """Run the role on Daphne's event loop and stop the server when it ends."""
    task = twisted_loop.create_task(role)
    task.add_done_callback(lambda _: _stop(server))
    server.run()
    if not task.done():
        raise NotConfigured("The web server could not be started; see the line above.")
    code: int = task.result()
    return code


def _stop(server: Server) -> None:
    """Stop Daphne. It stumbles over connections whose application has ended already, so they go first."""
    for protocol, details in list(server.connections.items()):
        if "application_instance" not in details:
            del server.connections[protocol]
    server.stop()


async def _drain(server: Server) -> None:
    """Refuse new work, close sockets with 1012, let running requests end."""
    sockets.begin_draining()
    for listener in server.listeners:
        port = getattr(listener, "result", None)
        if port is not None:
            port.stopListening()
    await sockets.close_all(seconds=CLOSE_SECONDS)
    deadline = asyncio.get_running_loop().time() + drain_seconds() * REQUESTS_SHARE
    while _count_running(server) and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - Daphne tells nobody
        await asyncio.sleep(LOOK_SECONDS)


def _count_running(server: Server) -> int:
    """Return how many applications still work on an answer or a socket."""
    return sum(
        1
        for details in server.connections.values()
        if "application_instance" in details and not details["application_instance"].done()
    )


def _close_connections(**_: object) -> None:
    """Close what a request opened: each runs on a thread of its own, which ends with it."""
    connections.close_all()
