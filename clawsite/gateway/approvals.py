"""Requests for a decision, as callers of the gateway see and decide them.

Seen by who sees all, by who asked, by those who are named as deciders, and by the owner of the session. What does not
exist and what is not yours get one answer. Who decides is the person behind the token, so that a person who asked over
the gateway is the same as the one who decides there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import CharField, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from clawsite.gateway.access import visible_sessions
from clawsite.gateway.errors import GatewayError
from clawsite.gateway.keys import key_for, owner_of
from clawsite.gateway.overview import AGENT, to_ms
from clawsite.gateway.principal import Principal
from clawsite.rpc import codes
from guardrails.models import Approval
from guardrails.types import Actor, Role
from sessions_app.channels import GATEWAY, channels_of
from sessions_app.models import Contact, Session


def no_approval() -> GatewayError:
    """Return the one answer for a request that does not exist and for one that is not the caller's."""
    return GatewayError(codes.APPROVAL_NOT_FOUND, "unknown or expired approval id")


def decider(principal: Principal) -> Actor:
    """Return who decides: the bearer of a token with the right to decide is an operator, or more. Asks the database."""
    role = Role.ADMIN if principal.sees_all else Role.OPERATOR
    contact = Contact.objects.filter(channel__in=channels_of(GATEWAY), external_id=principal.owner[:64]).first()
    return Actor(subject=contact.person if contact else principal.owner, role=role, name=principal.name)


def visible_approvals(principal: Principal) -> QuerySet[Approval]:
    """Return the requests that a principal may see, newest first."""
    rows = Approval.objects.order_by("-pk")
    if principal.sees_all:
        return rows
    me = decider(principal).subject
    sessions = visible_sessions(principal).order_by()
    refs = sessions.annotate(named=Concat(Value("session:"), Cast("pk", CharField()))).values("named")
    mine = Q(requested_by=me) | Q(named__contains=f'"{me}"') | Q(session_ref__in=refs)
    return rows.annotate(named=Cast("allowed", TextField())).filter(mine)


def waiting(rows: QuerySet[Approval]) -> QuerySet[Approval]:
    """Return those that can still be decided, found by the index of what waits."""
    found = Approval.objects.order_by().filter(state=Approval.State.WAITING, expires_at__gt=timezone.now())
    return rows.filter(pk__in=found.values("pk"))


def access_approval(principal: Principal, key: str) -> Approval:
    """Return a request that the principal may see; no_approval otherwise."""
    found = visible_approvals(principal).filter(key=key[:16]).first() if len(key) <= 16 else None
    if found is None:
        raise no_approval()
    return found


def exec_shape(row: dict[str, Any]) -> dict[str, Any]:
    """Return a described request as exec.approval.list and exec.approval.requested have it."""
    request = {
        "command": row["summary"],
        "cwd": None,
        "host": "gateway",
        "security": None,
        "ask": "always",
        "agentId": AGENT,
        "sessionKey": row["sessionKey"],
        "kind": row["kind"],
    }
    return {
        "id": row["id"],
        "request": request,
        "createdAtMs": row["createdAtMs"],
        "expiresAtMs": row["expiresAtMs"],
    }


def owners_of(approval: Approval) -> tuple[str, set[str]]:
    """Return the owner of the session ("" for none), and the owners that may see a request without seeing all."""
    subjects = {approval.requested_by, *approval.allowed}
    numbers = [int(subject[8:]) for subject in subjects if subject.startswith("contact:") and subject[8:].isdecimal()]
    known = Contact.objects.filter(pk__in=numbers, channel__kind=GATEWAY).values_list("external_id", flat=True)
    session = _sessions([approval]).get(approval.session_ref)
    owner = owner_of(session) if session is not None else ""
    return owner, {*subjects, *known, owner} - {""}


def describe(approvals: Iterable[Approval], owner: str) -> list[dict[str, Any]]:
    """Return requests as the wire has ours, with the keys by which an owner knows their sessions."""
    rows = list(approvals)
    sessions = _sessions(rows)
    return [_row(row, sessions.get(row.session_ref), owner) for row in rows]


def _sessions(approvals: Iterable[Approval]) -> dict[str, Session]:
    numbers = [row.session_ref.removeprefix("session:") for row in approvals if row.session_ref.startswith("session:")]
    found = Session.objects.filter(pk__in=[int(number) for number in numbers if number.isdecimal()])
    return {session.ref: session for session in found.select_related("channel")}


def _row(approval: Approval, session: Session | None, owner: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": approval.key,
        "kind": approval.kind,
        "state": approval.state,
        "summary": approval.summary,
        "requestedBy": approval.requested_by,
        "role": approval.role,
        "sessionKey": key_for(owner, session) if session is not None else None,
        "createdAtMs": to_ms(approval.created_at),
        "expiresAtMs": to_ms(approval.expires_at),
    }
    if approval.decided_at is not None:
        row |= {"decidedBy": approval.decided_by, "decidedAtMs": to_ms(approval.decided_at)}
    return row
