"""approvals.*: requests for a decision, ours; exec.approval.*: the same in the words of the protocol's clients."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from clawsite.core.db import run_db
from clawsite.core.errors import NotAllowed
from clawsite.gateway.approvals import (
    access_approval,
    decider,
    describe,
    exec_shape,
    no_approval,
    visible_approvals,
    waiting,
)
from clawsite.gateway.errors import GatewayError
from clawsite.gateway.overview import AGENT
from clawsite.gateway.principal import Principal, Scope
from clawsite.gateway.registry import Call, Params, method
from clawsite.rpc import codes
from guardrails.approvals import decide
from guardrails.models import Approval

AT_ONCE = 200
DECISIONS = ("allow-once", "deny")
ApprovalId = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class ApprovalsListParams(Params):
    """cursor: the nextCursor of the page before. Newest first."""

    state: Literal["waiting", "approved", "rejected", "expired", "all"] = "waiting"
    limit: Annotated[int, msgspec.Meta(ge=1, le=AT_ONCE)] = 50
    cursor: Annotated[int, msgspec.Meta(ge=1, le=2**53)] | None = None


@method("approvals.list", scope=Scope.APPROVALS, summary="Requests for a decision.", params=ApprovalsListParams)
async def list_approvals(call: Call, params: ApprovalsListParams) -> dict[str, Any]:
    """Return one page."""
    return await run_db(_list, call.principal, params)


def _list(principal: Principal, params: ApprovalsListParams) -> dict[str, Any]:
    rows = visible_approvals(principal)
    if params.state == "waiting":
        rows = waiting(rows)
    elif params.state != "all":
        rows = rows.filter(state=params.state)
    if params.cursor is not None:
        rows = rows.filter(pk__lt=params.cursor)
    found = list(rows[: params.limit + 1])
    page = found[: params.limit]
    answer: dict[str, Any] = {"approvals": describe(page, principal.owner)}
    return answer | ({"nextCursor": page[-1].pk} if len(found) > len(page) else {})


class ApprovalGetParams(Params):
    """id: the request's key, as lists and events have it."""

    id: ApprovalId


@method("approvals.get", scope=Scope.APPROVALS, summary="One request for a decision.", params=ApprovalGetParams)
async def get_approval(call: Call, params: ApprovalGetParams) -> dict[str, Any]:
    """Return the request, also one that was decided."""
    return await run_db(_get, call.principal, params.id)


def _get(principal: Principal, key: str) -> dict[str, Any]:
    return {"approval": describe([access_approval(principal, key)], principal.owner)[0]}


class ApprovalDecideParams(Params):
    """approve: true to allow exactly this once, false to refuse."""

    id: ApprovalId
    approve: bool


@method("approvals.decide", scope=Scope.APPROVALS, summary="Decide a request, once.", params=ApprovalDecideParams)
async def decide_approval(call: Call, params: ApprovalDecideParams) -> dict[str, Any]:
    """Return the request as it now stands. Safe to repeat: who decided the same before is told the same."""
    return await run_db(_decide, call.principal, params.id, params.approve)


def _decide(principal: Principal, key: str, approve: bool) -> dict[str, Any]:
    actor = decider(principal)
    access_approval(principal, key)
    decision = decide(key, actor=actor, approve=approve)
    found = decision.approval
    if found is None:
        raise no_approval()
    if decision.outcome == "not_allowed":
        raise NotAllowed("You may see this request, but somebody else must decide it.")
    wanted = Approval.State.APPROVED if approve else Approval.State.REJECTED
    if decision.outcome == "late" and (found.state, found.decided_by) != (wanted, actor.subject):
        details = {"code": "ALREADY_DECIDED", "state": found.state}
        raise GatewayError(codes.APPROVAL_NOT_FOUND, "unknown or expired approval id", details=details)
    return {"approval": describe([found], principal.owner)[0]}


@method("exec.approval.list", scope=Scope.APPROVALS, summary="Waiting requests, in the protocol's shape.")
async def list_exec(call: Call, params: Params) -> list[dict[str, Any]]:
    """Return a bare list, as the protocol has it; the newest AT_ONCE of them."""
    return await run_db(_list_exec, call.principal)


def _list_exec(principal: Principal) -> list[dict[str, Any]]:
    rows = describe(waiting(visible_approvals(principal))[:AT_ONCE], principal.owner)
    return [exec_shape(row) | {"approvalKind": "exec"} for row in rows]


@method("exec.approval.get", scope=Scope.APPROVALS, summary="One waiting request.", params=ApprovalGetParams)
async def get_exec(call: Call, params: ApprovalGetParams) -> dict[str, Any]:
    """Return a request that still waits."""
    return await run_db(_get_exec, call.principal, params.id)


def _get_exec(principal: Principal, key: str) -> dict[str, Any]:
    access_approval(principal, key)
    found = waiting(visible_approvals(principal)).filter(key=key).first()
    if found is None:
        raise no_approval()
    row = describe([found], principal.owner)[0]
    return {
        "id": row["id"],
        "commandText": row["summary"],
        "commandPreview": None,
        "allowedDecisions": DECISIONS,
        "host": "gateway",
        "nodeId": None,
        "agentId": AGENT,
        "expiresAtMs": row["expiresAtMs"],
    }


class Reviewer(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Who decided in some chat, as a client says. Not believed: the token decides."""

    channel: str
    account_id: str
    sender_id: str


class ExecResolveParams(Params):
    """decision: allow-once or deny. reviewer and grantExpiresInDays are accepted and ignored."""

    id: ApprovalId
    decision: Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
    reviewer: Reviewer | None = None
    grant_expires_in_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] | None = None


@method("exec.approval.resolve", scope=Scope.APPROVALS, summary="Decide a waiting request.", params=ExecResolveParams)
async def resolve_exec(call: Call, params: ExecResolveParams) -> dict[str, Any]:
    """Decide exactly this one request."""
    if params.decision not in DECISIONS:
        details = {"code": "DECISION_NOT_OFFERED", "allowedDecisions": DECISIONS}
        text = f"decision must be one of {', '.join(DECISIONS)}: every action is asked for by itself here"
        raise GatewayError(codes.INVALID_REQUEST, text, details=details)
    await run_db(_decide, call.principal, params.id, params.decision == "allow-once")
    return {"ok": True}
