"""Noting how it went with a service that has no row of its own. Cheap when nothing is wrong, safe to repeat."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from clawsite.core import breaker
from clawsite.core.errors import Unavailable
from clawsite.core.models import ServiceState
from clawsite.core.redaction import redact


@contextmanager
def guard(kind: str, name: str) -> Iterator[None]:
    """Make a call in this block, unless the service is left alone now; what it raises as Unavailable is a failure.

    Any other error is an answer: the service is up.
    """
    check_service(kind, name)
    began = timezone.now()
    try:
        yield
    except Unavailable as error:
        told = {"error": error.message, "error_kind": error.code}
        note_failure(kind, name, **told, retry_after=error.retry_after, began=began)
        raise
    except Exception:
        note_success(kind, name)
        raise
    note_success(kind, name)


def check_service(kind: str, name: str) -> None:
    """Raise Unavailable while the breaker is open; when its time is over, let this one call through."""
    row = _rows(kind, name).first()
    if row is not None and not breaker.admit(row):
        raise Unavailable(f"{name} failed often and is left alone for a moment: {row.error}")


def note_success(kind: str, name: str) -> bool:
    """Close its breaker; True when it had been failing."""
    return breaker.note_success(_rows(kind, name), error_kind="", changed_at=timezone.now())


def note_failure(
    kind: str,
    name: str,
    *,
    error: str,
    error_kind: str = "unavailable",
    retry_after: float | None = None,
    began: datetime | None = None,
) -> None:
    """Count a failure. `retry_after`: it asked to be left alone for so many seconds; `began`: when it was asked."""
    row, _ = ServiceState.objects.get_or_create(kind=kind, name=name[:200])
    rows, text, now = ServiceState.objects.filter(pk=row.pk), redact(error), timezone.now()
    kept = {"error_kind": error_kind[:32], "changed_at": now}
    breaker.note_failure(rows, text, seconds=retry_after, now=now, began=began, **kept)


def _rows(kind: str, name: str) -> QuerySet[Any]:
    return ServiceState.objects.filter(kind=kind, name=name[:200])
