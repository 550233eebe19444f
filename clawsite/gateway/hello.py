"""The words of the handshake: what a client says of itself, and what it is told when it is let in."""

from __future__ import annotations

import secrets
import time
from typing import Annotated, Any

import msgspec
from django.conf import settings

from clawsite.core.errors import BadInput
from clawsite.gateway.errors import GatewayError
from clawsite.gateway.eventkinds import EVENTS
from clawsite.gateway.presence import presence
from clawsite.gateway.principal import Principal
from clawsite.gateway.registry import all_methods
from clawsite.rpc import codes
from clawsite.rpc.frames import LEAST_PROTOCOL, MAX_BUFFERED_BYTES, MAX_FRAME_BYTES, PROTOCOL, TICK_SECONDS

BOOT_ID = secrets.token_hex(16)
BEGUN = time.monotonic()
# Methods that a client would use if they were there, which is worse than if they are not.
UNLISTED = frozenset({"taskSuggestions.list"})

Word = Annotated[str, msgspec.Meta(max_length=200)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Client(msgspec.Struct, kw_only=True, rename="camel", frozen=True):
    """Which program this is. Names nobody knows are welcome."""

    id: Name
    version: Name
    platform: Name
    mode: Name
    display_name: Word | None = None
    device_family: Word | None = None
    model_identifier: Word | None = None
    time_zone: Word | None = None
    instance_id: Word | None = None

    def as_dict(self) -> dict[str, str]:
        """Return what the client said of itself, in the wire's names."""
        found: dict[str, str | None] = msgspec.to_builtins(self)
        return {key: value for key, value in found.items() if value is not None}


class Auth(msgspec.Struct, kw_only=True, rename="camel", frozen=True):
    """The secrets. Ours come as token or as password."""

    token: str | None = None
    password: str | None = None
    device_token: str | None = None
    bootstrap_token: str | None = None


class Device(msgspec.Struct, kw_only=True, rename="camel", frozen=True):
    """A proof that the program holds the key of a device."""

    id: Word
    public_key: Word
    signature: Word
    signed_at: int
    nonce: Word | None = None


class ConnectParams(msgspec.Struct, kw_only=True, rename="camel", frozen=True):
    """Parameters of `connect`. Other fields are ignored here: newer clients say more."""

    min_protocol: Annotated[int, msgspec.Meta(ge=1)]
    max_protocol: Annotated[int, msgspec.Meta(ge=1)]
    client: Client
    caps: Annotated[list[Word], msgspec.Meta(max_length=64)] = []
    role: Word = "operator"
    scopes: Annotated[list[Word], msgspec.Meta(max_length=64)] | None = None
    device: Device | None = None
    auth: Auth | None = None

    @property
    def secret(self) -> str:
        """The token, wherever the client put it."""
        auth = self.auth or Auth()
        return auth.token or auth.password or ""


class Refusal(GatewayError):
    """A handshake that ends here: an error response and a close code."""

    def __init__(self, code: str, message: str, *, close: int = codes.CLOSE_POLICY, **extra: Any) -> None:
        super().__init__(code, message, **extra)
        self.close = close


_decode = msgspec.json.Decoder(ConnectParams).decode


def parse_connect(raw: msgspec.Raw) -> ConnectParams:
    """Return the parameters of connect; Refusal says where they are wrong."""
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError, BadInput) as error:
        raise Refusal(codes.INVALID_REQUEST, f"invalid connect params: {error}"[:300]) from None


def check_protocol(params: ConnectParams) -> int:
    """Return the protocol that is spoken from here on; Refusal when there is none in common."""
    if params.max_protocol >= LEAST_PROTOCOL and params.min_protocol <= PROTOCOL:
        return min(PROTOCOL, params.max_protocol)
    details = {
        "code": "PROTOCOL_MISMATCH",
        "clientMinProtocol": params.min_protocol,
        "clientMaxProtocol": params.max_protocol,
        "expectedProtocol": PROTOCOL,
        "minimumProbeProtocol": LEAST_PROTOCOL,
    }
    raise Refusal(codes.INVALID_REQUEST, "protocol mismatch", close=codes.CLOSE_PROTOCOL, details=details)


def hello_ok(*, protocol: int, connection_id: str, role: str, scopes: list[str], viewer: Principal) -> dict[str, Any]:
    """Return the payload that answers a connect."""
    entries, versions = presence.snapshot(viewer)
    return {
        "type": "hello-ok",
        "protocol": protocol,
        "server": {"version": settings.VERSION, "bootId": BOOT_ID, "connId": connection_id},
        "features": {
            "methods": [name for name in all_methods() if name not in UNLISTED],
            "events": EVENTS,
            "capabilities": [],
        },
        "snapshot": {
            "presence": entries,
            "health": {},
            "stateVersion": versions,
            "uptimeMs": round((time.monotonic() - BEGUN) * 1000),
            "sessionDefaults": {
                "defaultAgentId": "main",
                "mainKey": "main",
                "mainSessionKey": "agent:main:main",
                "scope": "per-sender",
            },
            "authMode": "token",
        },
        "auth": {"method": "token", "role": role, "scopes": scopes},
        "policy": {
            "maxPayload": MAX_FRAME_BYTES,
            "maxBufferedBytes": MAX_BUFFERED_BYTES,
            "tickIntervalMs": round(TICK_SECONDS * 1000),
            "attachments": {"maxBytes": 20 * 1024 * 1024, "maxImageBytes": 6 * 1024 * 1024},
        },
    }
