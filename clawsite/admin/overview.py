"""The index page: what needs somebody's attention, then everything there is, in groups."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from clawsite.admin.navigation import groups_for
from guardrails.models import Approval
from runbooks.models import Job, Schedule
from sessions_app.models import Channel, Inbox, Outbox, Pairing

# Older dead letters have been seen, or nobody cares; the window makes the count a look into an index.
RECENT = timedelta(days=7)
MOST = 100


@dataclass(frozen=True, slots=True)
class Attention:
    """One thing that may need somebody: how many, and where."""

    count: int
    text: Any
    url: str
    icon: str
    style: str

    @property
    def shown(self) -> str:
        """The number, or that there are very many."""
        return f"{MOST}+" if self.count >= MOST else str(self.count)


def overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Give the index page its groups and counts."""
    found = [item for item in _attention(request) if item is not None]
    # A template takes `group.items` for the method of a dictionary.
    groups = [{"title": group["title"], "pages": group["items"]} for group in groups_for(request)]
    return context | {"groups": groups, "attention": found, "calm": not any(i.count for i in found)}


def _attention(request: HttpRequest) -> list[Attention | None]:
    now = timezone.now()
    since = now - RECENT
    pairings = Pairing.objects.filter(decided_at=None, expires_at__gt=now)
    approvals = Approval.objects.filter(state=Approval.State.WAITING, expires_at__gt=now)
    inbox = Inbox.objects.filter(received_at__gte=since)
    outbox = Outbox.objects.filter(created_at__gte=since, state=Outbox.State.DEAD)
    channels = Channel.objects.filter(enabled=True).exclude(last_error="")
    failed = Job.objects.filter(state=Job.State.FAILED, ended_at__gte=since)
    schedules = Schedule.objects.exclude(error="")
    dead, unread = inbox.filter(state=Inbox.State.DEAD), inbox.filter(state=Inbox.State.UNPARSED)
    return [
        _count(request, pairings, _("people ask to be let in"), "?decided_at__isempty=1", "waving_hand", "warn"),
        _count(request, approvals, _("actions wait for approval"), "?state__exact=waiting", "how_to_reg", "warn"),
        _count(request, dead, _("messages were given up"), "?state__exact=dead", "inbox", "bad"),
        _count(request, outbox, _("answers could not be sent"), "?state__exact=dead", "outbox", "bad"),
        _count(request, unread, _("updates were not understood"), "?state__exact=unparsed", "help", "warn"),
        _count(request, failed, _("jobs failed"), "?state__exact=failed", "work_history", "bad"),
        _count(request, schedules, _("schedules report an error"), "", "calendar_clock", "bad"),
        _count(request, channels, _("channels report an error"), "", "hub", "bad"),
    ]


def _count(request: HttpRequest, rows: QuerySet[Any], text: Any, query: str, icon: str, style: str) -> Attention | None:
    """Count rows to MOST, for who may see them."""
    opts = rows.model._meta
    if not cast(Any, request.user).has_perm(f"{opts.app_label}.view_{opts.model_name}"):
        return None
    url = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist") + query
    return Attention(rows.order_by()[:MOST].count(), text, url, icon, style)
