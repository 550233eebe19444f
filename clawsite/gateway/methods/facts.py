"""facts.*: what is remembered about a session, for who may see the session."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from django.db import transaction

from clawsite.core import audit
from clawsite.core.db import run_db
from clawsite.core.errors import BadInput
from clawsite.gateway.access import access_session
from clawsite.gateway.overview import to_ms
from clawsite.gateway.principal import Principal, Scope
from clawsite.gateway.registry import Call, Params, method
from sessions_app import facts
from sessions_app.models import Fact

SessionKey = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class FactsListParams(Params):
    """A page that does not exist is the nearest one that does."""

    session_key: SessionKey
    page: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    size: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50


@method("facts.list", scope=Scope.READ, summary="What is remembered about a session.", params=FactsListParams)
async def list_facts(call: Call, params: FactsListParams) -> dict[str, Any]:
    """Return one page, newest first."""
    return await run_db(_list, call.principal, params)


def _list(principal: Principal, params: FactsListParams) -> dict[str, Any]:
    found = facts.list_facts(access_session(principal, params.session_key), page=params.page, size=params.size)
    rows = [_row(fact) for fact in found.items]
    return {"facts": rows, "page": found.page, "pages": found.pages, "total": found.total}


class FactsAddParams(Params):
    """kind: permanent is always told to the model, durable when it fits, ephemeral for a week."""

    session_key: SessionKey
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=10_000)]
    kind: Literal["permanent", "durable", "ephemeral"] = "durable"


@method("facts.add", scope=Scope.WRITE, summary="Remember a statement about a session.", params=FactsAddParams)
async def add_fact(call: Call, params: FactsAddParams) -> dict[str, Any]:
    """Return the fact: the one there was when it says the same. Safe to repeat."""
    return await run_db(_add, call.principal, params)


def _add(principal: Principal, params: FactsAddParams) -> dict[str, Any]:
    with transaction.atomic():
        session = access_session(principal, params.session_key)
        fact = facts.remember(session, params.text, kind=params.kind, origin="command")
        audit.record("fact.add", actor=principal.owner, subject=session.ref, origin="gateway", facts=[fact.pk])
    return {"fact": _row(fact)}


class FactsForgetParams(Params):
    """id names one fact; query all that have its words, five at most. Either of them."""

    session_key: SessionKey
    id: Annotated[int, msgspec.Meta(ge=1, le=2**53)] | None = None
    query: Annotated[str, msgspec.Meta(min_length=1, max_length=500)] | None = None


@method("facts.forget", scope=Scope.WRITE, summary="Forget facts of a session for good.", params=FactsForgetParams)
async def forget_facts(call: Call, params: FactsForgetParams) -> dict[str, Any]:
    """Return what was forgotten, as it was; nothing when there was nothing like it. Safe to repeat."""
    if (params.id is None) == (params.query is None):
        raise BadInput("give either id or query")
    return await run_db(_forget, call.principal, params)


def _forget(principal: Principal, params: FactsForgetParams) -> dict[str, Any]:
    with transaction.atomic():
        session = access_session(principal, params.session_key)
        gone = facts.forget(session, params.query if params.id is None else params.id)  # type: ignore[arg-type]
        if gone:
            numbers = [fact.pk for fact in gone]
            audit.record("fact.forget", actor=principal.owner, subject=session.ref, origin="gateway", facts=numbers)
    return {"forgotten": [_row(fact) for fact in gone]}


def _row(fact: Fact) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": fact.pk,
        "text": fact.text,
        "kind": fact.kind,
        "origin": fact.origin,
        "confidence": fact.confidence,
        "createdAtMs": to_ms(fact.created_at),
    }
    times = {"usedAtMs": fact.used_at, "expiresAtMs": fact.expires_at}
    return row | {name: to_ms(moment) for name, moment in times.items() if moment is not None}
