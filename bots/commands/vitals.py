"""The first sections of /status: this chat, the processes, the queues. A few counts over indexed rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Max, Min, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from bots.agent.notices import not_configured
from bots.agent.targets import get_usable_targets, targets_for
from bots.commands.base import CommandContext
from bots.commands.figures import show_span
from clawsite.core.models import Process
from sessions_app.models import Inbox, Outbox, Turn
from sessions_app.outbox import IS_OPEN
from sessions_app.turns import open_turns


def read_session(context: CommandContext) -> Sequence[str]:
    """Say that we are up, whether we are at work here, and with which model, if there is one that can be called."""
    running = open_turns().filter(session_id=context.session.pk, state=Turn.State.RUNNING).count()
    doing = _("I am working on an answer here.") if running else _("I am ready.")
    usable = get_usable_targets(targets_for(context.session.model))
    return [doing, _("Model: {model}").format(model=usable[0].model) if usable else not_configured(context.language)]


def read_version(context: CommandContext) -> Sequence[str]:
    """Say which version answers."""
    return [name_instance()]


def name_instance() -> str:
    """Return the version, and the name of this instance where there may be several."""
    return " · ".join(part for part in (f"clawsite {settings.VERSION}", settings.CLAW_INSTANCE) if part)


def read_processes(context: CommandContext) -> Sequence[str]:
    """Say which roles are alive and since when, and which have gone quiet."""
    now = timezone.now()
    alive = now - timedelta(seconds=settings.CLAW_LEASE_SECONDS)
    rows = (
        Process.objects.filter(beat_at__gt=alive)
        .values("role")
        .annotate(count=Count("id"), oldest=Min("started_at"), beat=Max("beat_at"))
        .order_by("role")
    )
    lines = [
        _("{role}: {count} running, up {uptime}").format(
            role=row["role"], count=row["count"], uptime=show_span(now - row["oldest"])
        )
        for row in rows
    ]
    return [_("Processes:"), *(lines or [_("none has reported lately")])]


def read_queues(context: CommandContext) -> Sequence[str]:
    """Say what waits to be worked on and to be sent, and what was given up."""
    now = timezone.now()
    new = _other_rows(context).aggregate(count=Count("id"), oldest=Min("received_at"))
    waiting = Outbox.objects.filter(IS_OPEN).aggregate(count=Count("id"), oldest=Min("created_at"))
    day = now - timedelta(days=1)
    dead = (
        Inbox.objects.filter(state=Inbox.State.DEAD, received_at__gt=day).count()
        + Outbox.objects.filter(state=Outbox.State.DEAD, created_at__gt=day).count()
    )
    return [
        _("Queues:"),
        _("to answer: {count}").format(count=new["count"]) + _oldest(now - new["oldest"] if new["oldest"] else None),
        _("to send: {count}").format(count=waiting["count"])
        + _oldest(now - waiting["oldest"] if waiting["oldest"] else None),
        _("given up in the last day: {count}").format(count=dead),
    ]


def _other_rows(context: CommandContext) -> QuerySet[Inbox]:
    """Return the rows that wait, without the one of this very command."""
    rows = Inbox.objects.filter(state=Inbox.State.NEW)
    if context.message is None:
        return rows
    return rows.exclude(channel=context.channel, external_id=context.message.external_id)


def _oldest(age: timedelta | None) -> str:
    return "" if age is None else _(" (oldest {age})").format(age=show_span(age))
