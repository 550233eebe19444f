"""The first meeting with a host of ssh: a maintainer looks at the fingerprints of its keys before it is spoken to.

Invariant: keys become known only by a decision that is bound to exactly these keys of exactly this address.
"""

from __future__ import annotations

import hashlib
import json

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from clawsite.core import audit
from guardrails.approvals import create_approval, withdraw
from guardrails.models import Approval
from guardrails.types import Actor, Role
from runbooks.books.asking import names_of, show_request
from runbooks.jobs.actions import SYSTEM
from runbooks.models import Remote
from runbooks.workspaces.access import is_decided_still, maintainers_of
from runbooks.workspaces.sync.keys import fingerprint
from runbooks.workspaces.sync.queue import want_push
from runbooks.workspaces.watchers import sessions_of

KIND = "git_host"
SECONDS = 7 * 86_400


def ask_for_host(remote: Remote) -> None:
    """Show the keys that a host offered and ask whether it is the right one, unless that is asked already."""
    digest = digest_of(remote)
    waiting = Approval.objects.filter(kind=KIND, state=Approval.State.WAITING, data__remote=remote.pk)
    if waiting.filter(subject_hash=digest, expires_at__gt=timezone.now()).exists():
        return
    withdraw(KIND, actor=SYSTEM.subject, remote=remote.pk)
    people = set().union(*map(names_of, maintainers_of(remote.project)))
    sessions = sessions_of(remote.project)
    approval = create_approval(
        KIND,
        subject_hash=digest,
        summary=_summary(remote),
        requested_by=SYSTEM.subject,
        allowed=people,
        role=Role.ADMIN,
        data={"remote": remote.pk, "session": sessions[0] if sessions else None, "card": True},
        seconds=SECONDS,
    )
    show_request(approval, session_id=approval.data["session"])


def pin_host(approval: Approval) -> None:
    """Take up a decision: from now on this host is known by these keys. Called in the transaction that decided."""
    show_request(approval, session_id=approval.data["session"])
    remote = Remote.objects.select_for_update().filter(pk=approval.data["remote"]).first()
    if remote is None or approval.state != Approval.State.APPROVED or digest_of(remote) != approval.subject_hash:
        return
    if not is_decided_still(remote.project, approval):
        return  # the next push asks again, those who are maintainers then
    remote.host_keys, remote.offered_keys, remote.state, remote.tries = remote.offered_keys, [], Remote.State.NEW, 0
    remote.save(update_fields=["host_keys", "offered_keys", "state", "tries"])
    audit.record("remote.host", actor=approval.decided_by, subject=remote.ref, keys=_fingerprints(remote.host_keys))
    want_push(remote.project_id, actor=SYSTEM)


def forget_host(remote: Remote, *, actor: Actor, origin: str = "") -> None:
    """Have the host shown as a new one at the next exchange, after its keys were changed on purpose."""
    with transaction.atomic():
        Remote.objects.filter(pk=remote.pk).update(host_keys=[], offered_keys=[])
        audit.record("remote.forget", actor=actor.subject, subject=remote.ref, origin=origin)
        want_push(remote.project_id, actor=SYSTEM)


def digest_of(remote: Remote) -> str:
    """Return what stands for the keys that were offered, and for whom."""
    return hashlib.sha256(json.dumps([remote.pk, remote.url, remote.offered_keys]).encode()).hexdigest()


def _summary(remote: Remote) -> str:
    head = _("{project} is to be pushed to {url}. Is this host the right one? It shows these keys:").format(
        project=remote.project.name, url=remote.url
    )
    return "\n".join([head, *_fingerprints(remote.offered_keys)])


def _fingerprints(keys: list[str]) -> list[str]:
    return [f"{key.partition(' ')[0]} {fingerprint(key)}" for key in keys]
