"""The gateway's wire and its client, without Django: usable alone by any program.

The names below are loaded when they are first used, so that the server, which only needs the frames, does not carry
the client.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clawsite.rpc.blocking import BlockingClient, connect
    from clawsite.rpc.client import GatewayClient
    from clawsite.rpc.errors import (
        BadTarget,
        ClientClosed,
        ClientError,
        ConnectionLost,
        EventsLost,
        HandshakeRefused,
        NoTarget,
        RequestTimeout,
        RequestTooBig,
        RpcError,
        Unreachable,
    )
    from clawsite.rpc.events import EventStream, Gap
    from clawsite.rpc.hello import Hello, Identity
    from clawsite.rpc.registry import GatewayRegistry
    from clawsite.rpc.selection import Wanted
    from clawsite.rpc.target import GatewayTarget, TlsOptions
    from clawsite.rpc.targets import load_targets
    from clawsite.rpc.watch import JobEvent, JobWatch

_HOMES = {
    "blocking": ("BlockingClient", "connect"),
    "client": ("GatewayClient",),
    "errors": (
        "BadTarget", "ClientClosed", "ClientError", "ConnectionLost", "EventsLost", "HandshakeRefused", "NoTarget",
        "RequestTimeout", "RequestTooBig", "RpcError", "Unreachable",
    ),
    "events": ("EventStream", "Gap"),
    "hello": ("Hello", "Identity"),
    "registry": ("GatewayRegistry",),
    "selection": ("Wanted",),
    "target": ("GatewayTarget", "TlsOptions"),
    "targets": ("load_targets",),
    "watch": ("JobEvent", "JobWatch"),
}  # fmt: skip
# A program that configures no logging hears nothing of this package.
logging.getLogger(__name__).addHandler(logging.NullHandler())

_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "BadTarget", "BlockingClient", "ClientClosed", "ClientError", "ConnectionLost", "EventStream", "EventsLost",
    "Gap", "GatewayClient", "GatewayRegistry", "GatewayTarget", "HandshakeRefused", "Hello", "Identity", "JobEvent",
    "JobWatch", "NoTarget", "RequestTimeout", "RequestTooBig", "RpcError", "TlsOptions", "Unreachable", "Wanted",
    "connect", "load_targets",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    module = _HOME_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)
