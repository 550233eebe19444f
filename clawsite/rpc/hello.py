"""What both ends say of themselves when a connection begins."""

from __future__ import annotations

import sys
import uuid
from dataclasses import dataclass, field
from typing import Any

from clawsite.rpc.frames import LEAST_PROTOCOL, MAX_FRAME_BYTES, PROTOCOL, TICK_SECONDS

VERSION = "0.1.0"
ALL_SCOPES = tuple(f"operator.{name}" for name in ("admin", "read", "write", "approvals", "questions", "pairing"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Who connects. `scopes` are asked for; the gateway gives those of them that the token has.

    The default id and mode are what OpenClaw gives scopes to without a device, on its own machine.
    """

    client_id: str = "gateway-client"
    mode: str = "backend"
    display_name: str = "clawsite"
    version: str = VERSION
    scopes: tuple[str, ...] = ALL_SCOPES
    caps: tuple[str, ...] = ()
    instance_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def describe(self, token: str) -> dict[str, Any]:
        """Return the parameters of `connect`."""
        client = {
            "id": self.client_id,
            "displayName": self.display_name,
            "version": self.version,
            "platform": sys.platform,
            "mode": self.mode,
            "instanceId": self.instance_id,
        }
        params: dict[str, Any] = {
            "minProtocol": LEAST_PROTOCOL,
            "maxProtocol": PROTOCOL,
            "client": client,
            "role": "operator",
            "scopes": list(self.scopes),
            "caps": list(self.caps),
        }
        return {**params, "auth": {"token": token}} if token else params


@dataclass(frozen=True, kw_only=True, slots=True)
class Hello:
    """The gateway's hello-ok, read without trust in its being complete."""

    protocol: int
    version: str
    connection_id: str
    methods: tuple[str, ...]
    events: tuple[str, ...]
    scopes: tuple[str, ...]
    tick_seconds: float
    max_payload: int
    snapshot: dict[str, Any] = field(repr=False)


def read_hello(payload: Any) -> Hello:
    """Return what a hello-ok says, with the protocol's defaults for what it leaves out."""
    hello = _object(payload)
    server, features = _object(hello.get("server")), _object(hello.get("features"))
    policy, auth = _object(hello.get("policy")), _object(hello.get("auth"))
    return Hello(
        protocol=int(_number(hello.get("protocol"), PROTOCOL)),
        version=str(server.get("version", "")),
        connection_id=str(server.get("connId", "")),
        methods=_words(features.get("methods")),
        events=_words(features.get("events")),
        scopes=_words(auth.get("scopes")),
        tick_seconds=_number(policy.get("tickIntervalMs"), TICK_SECONDS * 1000) / 1000,
        max_payload=int(_number(policy.get("maxPayload"), MAX_FRAME_BYTES)),
        snapshot=_object(hello.get("snapshot")),
    )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any, default: float) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and 0 < value < 1e12 else default


def _words(value: Any) -> tuple[str, ...]:
    return tuple(word for word in value if isinstance(word, str)) if isinstance(value, list) else ()
