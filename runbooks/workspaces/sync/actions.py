"""What admins do with a project's remote. Each is one transaction with its audit row; no secret is in any of them."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from clawsite.core import audit
from guardrails.types import Actor
from runbooks.jobs.actions import SYSTEM
from runbooks.models import Remote
from runbooks.workspaces.sync.addresses import read_address
from runbooks.workspaces.sync.keys import make_key
from runbooks.workspaces.sync.queue import want_push

# What people enter, and what they know no more of another address. All else is written by exchanges, meanwhile too.
ENTERED = ("project", "url", "enabled", "user", "token")
KNOWN = ("host_keys", "offered_keys", "pushed_sha", "pushed_at", "state", "error", "tries", "failing_since")
KEYS = ("private_key", "public_key")


def save_remote(remote: Remote, *, actor: Actor, fields: Sequence[str] = (), origin: str = "") -> None:
    """Store a checked row and push there. At another address, hosts and commits that were known count no more."""
    with transaction.atomic():
        before = Remote.objects.select_for_update().filter(pk=remote.pk).first() if remote.pk else None
        changed = [name for name in ENTERED if name not in remote.get_deferred_fields()]
        if before is not None and before.url != remote.url:
            remote.host_keys, remote.offered_keys, remote.pushed_sha, remote.pushed_at = [], [], "", None
            remote.state, remote.error, remote.tries, remote.failing_since = Remote.State.NEW, "", 0, None
            changed += KNOWN
        if read_address(remote.url).kind == "ssh" and not (before or remote).public_key:
            _give_key(remote)
            changed += KEYS
        remote.save(update_fields=changed if before is not None else None)
        what = "create" if before is None else "change"
        audit.record(f"remote.{what}", actor=actor.subject, subject=remote.ref, origin=origin, fields=sorted(fields))
        want_push(remote.project_id, actor=SYSTEM)


def renew_key(remote: Remote, *, actor: Actor, origin: str = "") -> None:
    """Make another deploy key; the old one opens nothing for us from now on."""
    with transaction.atomic():
        _give_key(remote)
        remote.save(update_fields=KEYS)
        audit.record("remote.key", actor=actor.subject, subject=remote.ref, origin=origin)


def _give_key(remote: Remote) -> None:
    made = make_key(remote.project.name)
    remote.private_key, remote.public_key = made.private, made.public
