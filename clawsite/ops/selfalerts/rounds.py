"""A round: what is found opens alerts, what is not found any more closes them, and nothing flaps.

A trouble must last before it opens and must be gone for a minute before it closes. One that is back within ten minutes
of its end goes on in its old row, without a new message, and has to be gone for longer each time. One that becomes
critical is told anew and stays critical to its end, or it would be told with each step over the border. A check that
could not be made says nothing about what it found before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from clawsite.core.errors import log_unknown
from clawsite.models import SelfAlert
from clawsite.ops.selfalerts.checks import make_checks
from clawsite.ops.selfalerts.findings import Check, Finding

GONE_SECONDS = 60.0
BACK = timedelta(minutes=10)
MOST_RETURNS = 5

Key = tuple[str, str]


def open_alerts() -> QuerySet[SelfAlert]:
    """Return what is wrong now, the newest first."""
    return SelfAlert.objects.filter(closed_at=None)


class Watch:
    """Makes the rounds of one process. What it has seen begin is remembered here, everything else in rows."""

    def __init__(self, checks: Sequence[Check] | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._checks = make_checks() if checks is None else tuple(checks)
        self._clock = clock
        self._since: dict[Key, float] = {}

    def round(self, now: datetime | None = None) -> int:
        """Make one round; return how many alerts are open after it."""
        moment = now or timezone.now()
        found, silent = self._look(moment)
        self._since = {key: since for key, since in self._since.items() if key in found}
        known = {(row.check_name, row.subject): row for row in open_alerts()}
        for key, (finding, seconds) in found.items():
            if key in known:
                _see(known[key], finding, moment)
            elif self._is_ripe(finding, seconds):
                _open(finding, moment)
        for key, row in known.items():
            if key not in found and row.check_name not in silent:
                _close_if_gone(row, moment)
        return open_alerts().count()

    def _look(self, now: datetime) -> tuple[dict[Key, tuple[Finding, float]], set[str]]:
        """Return what is found, and the checks that could not be made."""
        found: dict[Key, tuple[Finding, float]] = {}
        silent = set()
        for check in self._checks:
            try:
                with transaction.atomic():
                    found |= {finding.key: (finding, check.seconds) for finding in check.find(now)}
            except Exception as error:
                silent.add(check.name)
                log_unknown(error, where=f"the check {check.name}")
        return found, silent

    def _is_ripe(self, finding: Finding, seconds: float) -> bool:
        now = self._clock()
        return max(now - self._since.setdefault(finding.key, now), finding.lasted) >= seconds


def _see(row: SelfAlert, finding: Finding, now: datetime) -> None:
    """Note that it lasts."""
    SelfAlert.objects.filter(pk=row.pk).update(seen_at=now, data=finding.data, **_severity(row, finding))


def _severity(row: SelfAlert, finding: Finding) -> dict[str, Any]:
    """Return how bad it is from now on; what has become critical has not been told."""
    if row.severity == SelfAlert.Severity.CRITICAL or finding.severity != SelfAlert.Severity.CRITICAL:
        return {"severity": row.severity}
    return {"severity": finding.severity, "chats": SelfAlert.Told.NOTHING, "mail": SelfAlert.Told.NOTHING}


@transaction.atomic
def _open(finding: Finding, now: datetime) -> None:
    name, subject = finding.key
    values = {"data": finding.data, "seen_at": now}
    old = SelfAlert.objects.filter(check_name=name, subject=subject, closed_at__gt=now - BACK).order_by("-id").first()
    if old is None:
        values["severity"] = finding.severity
        SelfAlert.objects.create(check_name=name, subject=subject, opened_at=now, **values)
    else:
        values |= {"closed_at": None, "returns": old.returns + 1, **_severity(old, finding)}
        SelfAlert.objects.filter(pk=old.pk).update(**values)


def _close_if_gone(row: SelfAlert, now: datetime) -> None:
    """Close what was not seen for a minute, or longer when it came back before."""
    wait = GONE_SECONDS * 2.0 ** min(row.returns, MOST_RETURNS)
    if (now - row.seen_at).total_seconds() >= wait:
        SelfAlert.objects.filter(pk=row.pk, closed_at=None).update(closed_at=now)
