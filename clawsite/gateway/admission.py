"""Who is let in: protocol, token, device, and how many. Everything that can be wrong has its own words and codes."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Protocol

import msgspec

from clawsite.core.db import run_db
from clawsite.gateway.auth import Grant, grants
from clawsite.gateway.devices import check_device
from clawsite.gateway.hello import ConnectParams, Refusal, check_protocol, hello_ok, parse_connect
from clawsite.gateway.limits import LONGEST_DELAY, attempts, doors, is_guessable
from clawsite.gateway.pairing import Ask, admit_device
from clawsite.gateway.principal import Principal
from clawsite.gateway.tokens import is_wellformed
from clawsite.rpc import codes

logger = logging.getLogger(__name__)

KNOWN_MODES = frozenset({"webchat", "cli", "ui", "backend", "node", "worker", "probe", "test"})
KNOWN_IDS = frozenset(
    {
        "webchat-ui", "openclaw-control-ui", "openclaw-browser-copilot", "openclaw-tui", "webchat", "cli",
        "gateway-client", "openclaw-macos", "openclaw-linux", "openclaw-ios", "openclaw-watchos", "openclaw-android",
        "node-host", "openclaw-worker", "test", "fingerprint", "openclaw-probe",
    }
)  # fmt: skip
ROLE = "operator"


class Visitor(Protocol):
    """A connection that asks to be let in."""

    id: str
    address: str
    local: bool
    nonce: str

    def drop(self) -> None:
        """End it without a word."""

    def enter(self, params: ConnectParams, principal: Principal, *, token_id: int | None) -> None:
        """Become a connection of somebody."""


async def admit(visitor: Visitor, raw: msgspec.Raw) -> dict[str, Any]:
    """Let a client in and return its hello-ok; Refusal says why not. A wrong token is answered late."""
    params = parse_connect(raw)
    protocol = check_protocol(params)
    if params.role != ROLE:
        raise Refusal(codes.INVALID_REQUEST, f"unauthorized role: {params.role}")
    grant = await _authenticate(visitor, params)
    if params.client.id not in KNOWN_IDS or params.client.mode not in KNOWN_MODES:
        logger.info("a client that nobody knows connects: %.40r, mode %.40r", params.client.id, params.client.mode)
    principal, shown = grant.ask(_requested(params))
    await _check_device(visitor, params, principal)
    if await grants.find(params.secret) != grant:  # it ended meanwhile, when no connection was there yet to be closed
        raise _unauthorized("token_mismatch", "gateway token mismatch (provide gateway auth token)", "credentials")
    if not doors.enter(visitor):
        text = "too many connections from this address; close some"
        raise Refusal(codes.UNAVAILABLE, text, close=codes.CLOSE_TRY_LATER, retryable=True, retry_after_ms=5000)
    visitor.enter(params, principal, token_id=grant.token_id)
    return hello_ok(protocol=protocol, connection_id=visitor.id, role=params.role, scopes=shown, viewer=principal)


async def _check_device(visitor: Visitor, params: ConnectParams, principal: Principal) -> None:
    """Check the proof of a device, when one is given, and that the device was let in."""
    if params.device is None:
        return
    check_device(params, params.device, nonce=visitor.nonce)
    ask = Ask(
        params=params,
        device=params.device,
        scopes=principal.scopes,
        address=visitor.address,
        local=visitor.local,
    )
    await run_db(admit_device, ask)


def _requested(params: ConnectParams) -> list[str] | None:
    if params.scopes is None and params.client.mode == "probe":
        return []
    return params.scopes


async def _authenticate(visitor: Visitor, params: ConnectParams) -> Grant:
    secret = params.secret
    if not secret:
        raise _unauthorized("token_missing", "gateway token missing (provide gateway auth token)", "configuration")
    refused_unseen = attempts.is_blocked(visitor.address) and is_guessable() and not is_wellformed(secret)
    grant = None if refused_unseen else await grants.find(secret)
    if grant is not None:
        return grant
    delay, refused = attempts.fail(visitor.address, local=visitor.local)
    if delay < LONGEST_DELAY:  # who tries on and on does not fill the log
        logger.warning("a wrong gateway token from %s", visitor.address)
    await asyncio.sleep(delay)
    if refused:
        details = {"code": "AUTH_RATE_LIMITED", "authReason": "rate_limited", "recommendedNextStep": "wait_then_retry"}
        text = "unauthorized: too many failed authentication attempts (retry later)"
        raise Refusal(
            codes.INVALID_REQUEST, text, details=details, retryable=True, retry_after_ms=round(refused * 1000)
        )
    kind = "token" if params.auth is not None and params.auth.token else "password"
    raise _unauthorized(f"{kind}_mismatch", f"gateway {kind} mismatch (provide gateway auth {kind})", "credentials")


def _unauthorized(reason: str, text: str, step: str) -> Refusal:
    details = {
        "code": f"AUTH_{reason.upper()}",
        "authReason": reason,
        "canRetryWithDeviceToken": False,
        "recommendedNextStep": f"update_auth_{step}",
    }
    return Refusal(codes.INVALID_REQUEST, f"unauthorized: {text}", details=details)
