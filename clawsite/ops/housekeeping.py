"""Tasks that keep tables from growing without end. Each is safe to run at any time, twice, or half.

What was answered a week ago is not needed to recognise repeats any more: platforms repeat for a day at most.
"""

from __future__ import annotations

import logging
import shutil
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from clawsite.core.clock import silent_since
from clawsite.core.models import AuditEvent, Lease, Process, ServiceState
from clawsite.core.oldfiles import remove_old
from clawsite.core.queue import forget_old_tasks
from clawsite.core.rotation import rotate_when_due
from clawsite.models import Authenticator, GatewayToken, Minute, SelfAlert
from guardrails import approvals
from guardrails.models import Approval, VerdictRecord
from runbooks.alerts.retention import old_alerts, old_groups, old_storms, old_webhooks
from runbooks.books import ending, undoing
from runbooks.charts import clean_charts
from runbooks.models import Anomaly, Responder
from runbooks.retention import clean_jobs, clean_runs, clean_schedules
from runbooks.workspaces.deploys.following import clean_logs
from runbooks.workspaces.deploys.retention import clean_deploys
from runbooks.workspaces.handing import clean_handed
from runbooks.workspaces.pipelines.store import old_deliveries, old_pipelines
from runbooks.workspaces.uploads import clean_rows
from sessions_app import outbox
from sessions_app.models import Card, Contact, GroupAccess, Inbox, Message, Outbox, Pairing

logger = logging.getLogger(__name__)

INBOX_DAYS = 7
OUTBOX_DAYS = 30
TASK_DAYS = 30
# An answer that could not be sent for so long would surprise more than help; an admin can still replay it.
STALE_DAYS = 3
VERDICT_DAYS = 90
APPROVAL_DAYS = 90
ANOMALY_DAYS = 90
AUDIT_DAYS = 730
# What was given up waits for a person, and nothing in the audit log names a token any more.
DEAD_DAYS = TOKEN_DAYS = AUDIT_DAYS
# Nothing that the guards keep names somebody any more who was last answered so long ago.
STRANGER_DAYS = VERDICT_DAYS
LEASE_DAYS = 30
UPLOAD_DAYS = 7
# A message so old is not changed any more.
CARD_DAYS = 30
PAIRING_DAYS = 1
TROUBLE_DAYS = 90
STEP_DAYS = 2
PROCESS_DAYS = 1
TRY_DAYS = 1
# A week is the longest range of the dashboard.
MINUTE_DAYS = 8
# Short transactions: others wait for the lock of SQLite no longer than one batch takes.
BATCH = 500
MAX_BATCHES = 200


def expire_approvals() -> int:
    """End the approvals whose time is over; return how many."""
    return approvals.expire_due()


def settle_runs() -> int:
    """Settle the runs of runbooks whose job has ended and could not do it itself; return how many."""
    return ending.settle_runs(then=undoing.roll_back_cancelled)


def rotate_keys() -> bool:
    """Give stored secrets a fresh key when CLAW_KEY_DAYS asks for it; True when something was done."""
    if settings.CLAW_ENCRYPTION_KEYS or not settings.CLAW_KEY_DAYS:
        return False
    return rotate_when_due(settings.CLAW_KEY_FILE, days=settings.CLAW_KEY_DAYS, actor="system")


def clean() -> dict[str, int]:
    """Remove what nobody needs any more; return how many rows of each kind."""
    counts = {
        "inbox": clean_inbox(),
        "outbox": _delete(_ended_outbox()),
        "dead letters": _delete(_dead_outbox()),
        "stale answers": outbox.expire_older(days=STALE_DAYS),
        "verdicts": _delete(VerdictRecord.objects.filter(at__lt=_ago(VERDICT_DAYS))),
        "approvals": _delete(_decided_approvals()),
        "tokens": _delete(GatewayToken.objects.ended_before(_ago(TOKEN_DAYS))),
        "strangers": _delete(_strangers()),
        "audit events": _delete(AuditEvent.objects.filter(at__lt=_ago(AUDIT_DAYS))),
        "leases": _delete(Lease.objects.filter(owner=None, taken_at__lt=_ago(LEASE_DAYS))),
        "uploads": clean_uploads(),
        "folders of steps": clean_folders(),
        "cards": _delete(Card.objects.filter(changed=False, changed_at__lt=_ago(CARD_DAYS))),
        "pairings": _delete(Pairing.objects.filter(decided_at=None, expires_at__lt=_ago(PAIRING_DAYS))),
        "processes": _delete(Process.objects.filter(beat_at__lt=silent_since(_ago(PROCESS_DAYS)))),
        "minutes": _delete(Minute.objects.filter(at__lt=_ago(MINUTE_DAYS))),
        "tasks": forget_old_tasks(TASK_DAYS),
        "browser sessions": _delete(Session.objects.filter(expire_date__lt=timezone.now())),
        "wrong passwords": _delete(_old_tries()),
        "unfinished second factors": _delete(
            Authenticator.objects.filter(confirmed=False, created_at__lt=_ago(TRY_DAYS))
        ),
        "jobs": clean_jobs(),
        "deploys": clean_deploys(),
        "schedule runs": clean_runs(),
        "schedules": clean_schedules(),
        "alert webhooks": _delete(old_webhooks()),
        "CI deliveries": _delete(old_deliveries()),
        "pipelines": _delete(old_pipelines()),
        "alerts": _delete(old_groups()),
        "ended alerts": _delete(old_alerts()),
        "storms of alerts": _delete(old_storms()),
        "anomalies": _delete(Anomaly.objects.filter(state=Anomaly.State.RESOLVED, ended_at__lt=_ago(ANOMALY_DAYS))),
        "own troubles": _delete(SelfAlert.objects.filter(closed_at__lt=_ago(TROUBLE_DAYS))),
        "services": _delete(ServiceState.objects.filter(changed_at__lt=_ago(TROUBLE_DAYS))),
        "charts": clean_charts(),
        "logs of environments": clean_logs(),
        "files of projects": clean_handed() + clean_rows(),
    }
    if any(counts.values()):
        logger.info("removed old rows: %s", ", ".join(f"{key} {value}" for key, value in counts.items() if value))
    return counts


def clean_inbox() -> int:
    """Remove old finished updates, and what was given up long ago.

    Where a turn came of one, the row stays for the turn's sake, without its text. So it is by their text that the
    others are found: in the end there are very many rows without.
    """
    ended = [Inbox.State.DONE, Inbox.State.UNPARSED]
    with_text = Inbox.objects.exclude(raw="")
    return sum(
        _clean_updates(old)
        for old in (
            with_text.filter(state__in=ended, received_at__lt=_ago(INBOX_DAYS)),
            with_text.filter(state=Inbox.State.DEAD, received_at__lt=_ago(DEAD_DAYS)),
        )
    )


def _clean_updates(old: QuerySet[Inbox]) -> int:
    emptied = 0
    for _ in range(MAX_BATCHES):
        keys = list(old.filter(turn__isnull=False).values_list("pk", flat=True)[:BATCH])
        if not keys:
            break
        emptied += Inbox.objects.filter(pk__in=keys).update(raw="")
    return emptied + _delete(old.filter(turn__isnull=True))


def _ended_outbox() -> QuerySet[Outbox]:
    ended = [Outbox.State.SENT, Outbox.State.EXPIRED]
    return Outbox.objects.filter(state__in=ended, created_at__lt=_ago(OUTBOX_DAYS))


def _dead_outbox() -> QuerySet[Outbox]:
    return Outbox.objects.filter(state=Outbox.State.DEAD, created_at__lt=_ago(DEAD_DAYS))


def _strangers() -> QuerySet[Contact]:
    """Return people nobody has let in or shut out, or done anything else about: who writes again is met again.

    Not `user=None`: SQLite would go through all who have none.
    """
    unknown = Contact.objects.filter(state=Contact.State.PENDING, seen_at__lt=_ago(STRANGER_DAYS))
    codes, duties = (model.objects.filter(contact=OuterRef("pk")) for model in (Pairing, Responder))
    lists = GroupAccess.members.through.objects.filter(contact=OuterRef("pk"))
    # The text that brought them a code is no reason: it is a message of its own role, and stays without them.
    words = Message.objects.filter(contact=OuterRef("pk"), role=Message.Role.USER)
    unknown = unknown.exclude(user__isnull=False)
    return unknown.filter(~Exists(codes), ~Exists(duties), ~Exists(lists), ~Exists(words))


def _old_tries() -> Any:
    """Return the tries by which nobody is locked out any more, however long that lasts here."""
    kept = max(timedelta(days=TRY_DAYS), timedelta(minutes=settings.CLAW_LOGIN_LOCK_MINUTES))
    return AccessAttempt.objects.filter(attempt_time__lt=timezone.now() - kept)


def _decided_approvals() -> QuerySet[Approval]:
    return Approval.objects.exclude(state=Approval.State.WAITING).filter(created_at__lt=_ago(APPROVAL_DAYS))


def clean_uploads() -> int:
    """Remove web chat uploads that are a week old: what was sent with a message has been copied long ago."""
    return remove_old(filter(Path.is_file, (settings.MEDIA_ROOT / "uploads").glob("*/*")), days=UPLOAD_DAYS)


def clean_folders() -> int:
    """Remove the working folders of runbook steps whose process was killed: none lasts longer than a day."""
    remove = partial(shutil.rmtree, ignore_errors=True)
    return remove_old((settings.CLAW_HOME / "steps").glob("step-*"), days=STEP_DAYS, remove=remove)


def _ago(days: int) -> Any:
    return timezone.now() - timedelta(days=days)


def _delete(rows: QuerySet[Any]) -> int:
    """Delete rows a batch at a time; return how many. What has changed since it was found stays.

    In no order: for that of the lists SQLite looks through all rows.
    """
    rows = rows.order_by()
    count = 0
    for _ in range(MAX_BATCHES):
        keys = list(rows.values_list("pk", flat=True)[:BATCH])
        if not keys:
            break
        with transaction.atomic():
            still = [row.pk for row in rows.select_for_update(of=("self",)).filter(pk__in=keys).only("pk")]
            deleted, _ = rows.model._default_manager.filter(pk__in=still).delete()
        count += len(keys) if deleted else 0
    return count
