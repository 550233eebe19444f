"""The approval of a change request: who is asked, what a decision leads to, and whether there is enough of it.

Invariant: a decision is bound to the hash of the commit; whoever merges compares it, and looks again at who decided.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import msgspec

from guardrails import approvals
from guardrails.models import Approval
from guardrails.types import Role
from runbooks.books.asking import name_of, names_of, show_request
from runbooks.models import ChangeRequest
from runbooks.workspaces.gitops.people import find_deciders
from runbooks.workspaces.gitops.showing import end_change, show_change
from runbooks.workspaces.gitops.spec import GitOps
from runbooks.workspaces.gitops.starting import start_merge

KIND = "gitops"
SHOWN_FILES = 20


def policy_of(change: ChangeRequest) -> GitOps:
    """Return what the document said when the change was made."""
    return msgspec.convert(change.policy, GitOps)


def ask(change: ChangeRequest) -> Approval:
    """Ask for one more approval; those who gave one already are not asked again. Part of the caller's transaction."""
    policy = policy_of(change)
    people = find_deciders(change.project, policy, requested_by=change.requested_by)
    agreed = find_agreed(change, people)
    mine = names_of(change.requested_by)
    out = set().union(*(names_of(each.decided_by) for each in agreed))
    if not any(each & mine for each in people):
        out |= mine
    data: dict[str, Any] = {"change": change.pk, "session": change.session_id, "not_by": sorted(out), "card": True}
    approval = approvals.create_approval(
        KIND,
        subject_hash=digest_of(change),
        summary=_summary(change),
        requested_by=change.requested_by,
        allowed=set().union(*people) - out,
        role=Role.ADMIN,
        session_ref=f"session:{change.session_id}" if change.session_id else "",
        data=data | {"number": len(agreed) + 1, "count": policy.approvals},
        seconds=policy.hours * 3600,
    )
    show_request(approval, session_id=change.session_id)
    return approval


def take_up(approval: Approval) -> None:
    """Go on with a change after a decision, whichever it was. Called in the transaction that decided."""
    show_request(approval, session_id=approval.data["session"])
    rows = ChangeRequest.objects.select_for_update(of=("self",)).select_related("project")
    change = rows.filter(pk=approval.data["change"], state=ChangeRequest.State.OPEN).first()
    if change is None:
        return
    if approval.state != Approval.State.APPROVED:
        rejected = approval.state == Approval.State.REJECTED
        end = ChangeRequest.State.REJECTED if rejected else ChangeRequest.State.EXPIRED
        end_change(change, end, by=approval.decided_by)
    elif not is_agreed(change):
        ask(change)
    else:
        change.state = ChangeRequest.State.APPROVED
        change.save(update_fields=["state"])
        show_change(change, by=name_of(approval.decided_by))
        if policy_of(change).auto_merge:
            start_merge(change)


def is_agreed(change: ChangeRequest) -> bool:
    """Tell whether enough people have approved exactly this commit, each of whom may, also by now."""
    policy = policy_of(change)
    if not policy.require_approval:
        return True
    mine = names_of(change.requested_by)
    people = find_deciders(change.project, policy, requested_by=change.requested_by)
    seen = set() if any(each & mine for each in people) else mine
    count = 0
    for approval in find_agreed(change, people):
        names = names_of(approval.decided_by)
        count += not names & seen
        seen = seen | names
    return count >= policy.approvals


def find_agreed(change: ChangeRequest, people: Sequence[set[str]]) -> list[Approval]:
    """Return the approvals of exactly this commit, in order, by those who are among these people still.

    Admins, who may always, were never listed.
    """
    rows = Approval.objects.filter(kind=KIND, data__change=change.pk, state=Approval.State.APPROVED)
    found = rows.filter(subject_hash=digest_of(change)).order_by("pk")
    still = set().union(*people)
    return [each for each in found if each.decided_by not in each.allowed or each.decided_by in still]


def withdraw(change: ChangeRequest, *, actor: str) -> None:
    """Take back what a change that is over still asks for. Part of the caller's transaction."""
    rows = Approval.objects.filter(kind=KIND, data__change=change.pk, state=Approval.State.WAITING)
    waiting = list(rows.order_by("expires_at"))  # by the index of what waits, not through all there ever were
    approvals.withdraw(KIND, actor=actor, change=change.pk)
    for approval in waiting:
        approval.refresh_from_db()
        show_request(approval, session_id=change.session_id)


def digest_of(change: ChangeRequest) -> str:
    """Return what stands for exactly what would be merged, and where."""
    told = [change.project.key, change.pk, change.branch, change.base, change.commit]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _summary(change: ChangeRequest) -> str:
    """Return what the deciding person reads: what it is, and every file that changes."""
    rows = [f"{path}  +{added} −{removed}" for path, added, removed in change.files]
    more = [f"… ({len(rows) - SHOWN_FILES})"] if len(rows) > SHOWN_FILES else []
    head = [f"{change.project.name} · {change.title}", change.line, f"{change.branch} {change.commit[:12]}"]
    way = f"/changes diff {change.pk}"
    return "\n".join([*head, "", *rows[:SHOWN_FILES], *more, "", way])
