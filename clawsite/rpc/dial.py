"""From a target to an open socket: TLS, proxy, limits. Follows no redirects: the token goes where it was meant to."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from typing import Any, Literal

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidProxy, InvalidStatus, InvalidURI, WebSocketException

from clawsite.rpc.codes import CLOSE_NORMAL
from clawsite.rpc.errors import BadTarget, Unreachable
from clawsite.rpc.frames import MAX_FRAME_BYTES
from clawsite.rpc.target import DIRECT, GatewayTarget

OPEN_SECONDS = 10.0
PING_SECONDS = 20.0
CLOSE_SECONDS = 1.0
MOST_BYTES = MAX_FRAME_BYTES + 1024 * 1024


class _NoFrames(logging.LoggerAdapter[logging.Logger]):
    """The socket library's logger without its debug lines: they show frames, and one frame holds the token."""

    def isEnabledFor(self, level: int) -> bool:
        """Say no to debug, whatever the configuration says."""
        return level > logging.DEBUG and super().isEnabledFor(level)


class _Connect(connect):
    """A connect that stays with the address it was given."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Take a redirect for the failure it is here."""
        return exc


_logger = _NoFrames(logging.getLogger("clawsite.rpc.socket"), {})


async def dial(target: GatewayTarget, *, ping_seconds: float = PING_SECONDS) -> ClientConnection:
    """Return an open socket; Unreachable says why there is none, BadTarget that there never will be."""
    options: dict[str, Any] = {"ssl": target.tls.make_context()} if target.is_secure else {}
    try:
        return await _Connect(
            target.ws_url,
            proxy=_find_proxy(target),
            compression=None,
            open_timeout=OPEN_SECONDS,
            ping_interval=ping_seconds,
            ping_timeout=ping_seconds,
            close_timeout=CLOSE_SECONDS,
            max_size=MOST_BYTES,
            logger=_logger,
            **options,
        )
    except (InvalidURI, InvalidProxy):
        raise BadTarget(f"Target {target.id}: the address or its proxy cannot be understood.") from None
    except (OSError, EOFError, TimeoutError, WebSocketException, ImportError) as error:
        raise Unreachable(f"{target.ws_url} cannot be reached: {_reason(error)}.") from None


async def hang_up(socket: ClientConnection, code: int = CLOSE_NORMAL, reason: str = "") -> None:
    """End a connection with a goodbye that takes at most CLOSE_SECONDS; who is cancelled meanwhile cuts it off."""
    try:
        await socket.close(code, reason)
    except asyncio.CancelledError:
        socket.transport.abort()
        raise


def _find_proxy(target: GatewayTarget) -> str | Literal[True] | None:
    if target.proxy:
        return None if target.proxy == DIRECT else target.proxy
    return None if target.is_this_machine else True


def _reason(error: Exception) -> str:
    """Say in a few words what happened, without what a proxy's or server's answer may hold."""
    match error:
        case InvalidStatus():
            return f"it answers {error.response.status_code} instead of opening a WebSocket"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted ({error.verify_message})"
        case ssl.SSLError():
            return f"TLS failed ({error.reason or 'connection closed'})"
        case TimeoutError():
            return f"no answer within {OPEN_SECONDS:g} s"
        case ImportError():
            return "a SOCKS proxy needs the package python-socks"
        case OSError():
            return _words(error)
        case InvalidHandshake():
            return f"it does not speak WebSocket, or its proxy refuses ({type(error).__name__})"
    return "the connection was closed"


def _words(error: OSError) -> str:
    """Say what the system said; asyncio puts addresses in the place of its words."""
    if error.errno is None or isinstance(error, socket.gaierror):
        return error.strerror or str(error) or "the connection was closed"
    return os.strerror(error.errno)
