"""tokens.*: the tokens of the gateway, for those who hold all rights. A secret is in the answer that made it only."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, field

from clawsite.core.db import run_db, run_tx
from clawsite.core.errors import NotAllowed
from clawsite.gateway.principal import Principal, Scope
from clawsite.gateway.registry import Call, Params, method
from clawsite.gateway.tokens import (
    OVERLAP,
    create_token,
    describe_token,
    expires_after,
    list_tokens,
    parse_span,
    revoke_token,
    rotate_token,
)
from clawsite.models import GatewayToken

ORIGIN = "gateway"

Id = Annotated[int, Meta(ge=1, le=2**62)]
Span = Annotated[str, Meta(max_length=8)]


class Create(Params):
    """A new token; `expires` is a span such as 30d, and without it the token lasts until it is revoked."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    scopes: Annotated[list[str], Meta(max_length=16)] = field(default_factory=lambda: ["operator.read"])
    expires: Span = ""


class One(Params):
    """A token."""

    id: Id


class Rotate(Params):
    """A token, and how long the old secret works on (24h when nothing is said)."""

    id: Id
    overlap: Span = ""


@method("tokens.list", scope=Scope.ADMIN, summary="List the tokens of the gateway, newest first, without secrets.")
async def list_(call: Call, params: Params) -> dict[str, Any]:
    """Return the tokens."""
    return {"tokens": await run_db(_list)}


def _list() -> list[dict[str, Any]]:
    return [describe_token(token) for token in list_tokens()]


@method("tokens.create", scope=Scope.ADMIN, params=Create, summary="Make a token; the answer alone has its secret.")
async def create(call: Call, params: Create) -> dict[str, Any]:
    """Return the token and its secret. Its sessions and jobs are those of the account that the caller belongs to."""
    return await run_tx(_create, call.principal, params)


def _create(principal: Principal, params: Create) -> dict[str, Any]:
    token, secret = create_token(
        params.name,
        scopes=params.scopes,
        actor=principal.subject,
        user_id=principal.user_id,
        expires_at=expires_after(params.expires),
        origin=ORIGIN,
    )
    return {"token": describe_token(token), "secret": secret}


@method("tokens.revoke", scope=Scope.ADMIN, params=One, summary="End a token and close its connections at once.")
async def revoke(call: Call, params: One) -> dict[str, Any]:
    """Return the token; revoking twice is revoking once."""
    return {"token": await run_tx(_revoke, call.principal, params.id)}


def _revoke(principal: Principal, pk: int) -> dict[str, Any]:
    token = _access(pk)
    revoke_token(token, actor=principal.subject, origin=ORIGIN)
    return describe_token(token)


@method("tokens.rotate", scope=Scope.ADMIN, params=Rotate, summary="Make a token's successor; the old one ends later.")
async def rotate(call: Call, params: Rotate) -> dict[str, Any]:
    """Return the successor and its secret."""
    return await run_tx(_rotate, call.principal, params)


def _rotate(principal: Principal, params: Rotate) -> dict[str, Any]:
    overlap = parse_span(params.overlap) if params.overlap else OVERLAP
    token, secret = rotate_token(_access(params.id), actor=principal.subject, overlap=overlap, origin=ORIGIN)
    return {"token": describe_token(token), "secret": secret}


def _access(pk: int) -> GatewayToken:
    token = GatewayToken.objects.filter(pk=pk).first()
    if token is None:
        raise NotAllowed("There is no such token.")
    return token
