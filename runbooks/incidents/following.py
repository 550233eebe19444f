"""Telling outside ticket systems: each event of an incident makes a job for each hook that wants to know.

Deliveries of one incident to one hook go in order. Each is at least once: whoever receives knows a repeat by its
delivery id, and what came of a gap, such as an event that it refused, by the state of the incident that comes along
with every event. While a receiver is away one job of an incident waits for it, the newest, which sends what the others
had.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from django.db.models import F, Q
from django.utils import timezone

from clawsite.core.errors import BadInput, ClawError, Unavailable
from clawsite.core.jitter import jitter
from guardrails.types import Role
from runbooks.incidents.posting import EventRefused, post_event
from runbooks.jobs import JobContext, JobKind, Park, create_job
from runbooks.jobs.actions import SYSTEM
from runbooks.models import HookDelivery, Incident, IncidentEvent, IncidentHook, Job

NAME = "incident_hook"
# Waits before each next try, in seconds; after them a person must look.
WAITS = (5, 30, 120, 600, 1800, 3600, 7200, 14400)
ERROR_CHARS = 300


class Params(msgspec.Struct, forbid_unknown_fields=True):
    """Which hook is told of which incident, up to which event."""

    hook: int
    incident: int
    seq: int


def tell_hooks(incident: Incident) -> None:
    """Start a job for each hook that wants incidents of this severity, or was told of this one when it was more severe.

    In the transaction of the event.
    """
    wanted = Q(least__gte=incident.severity) | Q(deliveries__incident=incident)
    hooks = IncidentHook.objects.filter(wanted, enabled=True)
    for hook_id in hooks.order_by("pk").values_list("pk", flat=True).distinct():
        HookDelivery.objects.get_or_create(hook_id=hook_id, incident=incident)
        create_job(
            NAME,
            params={"hook": hook_id, "incident": incident.pk, "seq": incident.last_seq},
            actor=SYSTEM,
            idempotency_key=f"hook:{hook_id}:{incident.pk}:{incident.last_seq}",
            start=True,
        )


def run(ctx: JobContext) -> Any:
    """Send every event up to the given one that was not sent yet; wait without a process when nobody answers.

    One event that is refused is left out, and the job fails with the reason once the others are sent.
    """
    given = msgspec.convert(ctx.params, Params)
    hook = IncidentHook.objects.filter(pk=given.hook, enabled=True).first()
    if hook is None:
        return {"sent": 0, "reason": "the hook is off"}
    delivery, _ = HookDelivery.objects.get_or_create(hook=hook, incident_id=given.incident)
    sent = 0
    refused: EventRefused | None = None
    for event in _waiting(delivery, upto=given.seq):
        ctx.check()
        try:
            post_event(hook, event)
            _note(hook, "")
            sent += 1
        except EventRefused as error:
            _note(hook, error.message)
            refused = error
        except ClawError as error:
            _note(hook, error.message)
            if error.retryable and _has_later(given):
                return {"sent": sent, "reason": "a later event brings this one along"}
            return _later(ctx, error)
        if not _advance(delivery, event):
            break  # another job of this pair has gone on from here
    if refused is not None:
        raise refused
    return {"sent": sent}


def _waiting(delivery: HookDelivery, *, upto: int) -> list[IncidentEvent]:
    rows = IncidentEvent.objects.filter(incident_id=delivery.incident_id, seq__gt=delivery.seq, seq__lte=upto)
    return list(rows.select_related("incident__system").order_by("seq"))


def _has_later(given: Params) -> bool:
    """Tell whether another job of this pair goes further and has not ended."""
    open_ones = Job.objects.filter(owner=SYSTEM.subject, state__in=[Job.State.QUEUED, Job.State.RUNNING])
    rows = open_ones.filter(kind=NAME)
    return rows.filter(params__hook=given.hook, params__incident=given.incident, params__seq__gt=given.seq).exists()


def _advance(delivery: HookDelivery, event: IncidentEvent) -> bool:
    rows = HookDelivery.objects.filter(pk=delivery.pk, seq=event.seq - 1)
    return bool(rows.update(seq=F("seq") + 1))


def _note(hook: IncidentHook, error: str) -> None:
    now = {} if error else {"last_sent_at": timezone.now()}
    IncidentHook.objects.filter(pk=hook.pk).update(last_error=error[:ERROR_CHARS], **now)


def _later(ctx: JobContext, error: ClawError) -> Park:
    """Try again later what a later time may help; raise what it will not, or what was tried for hours."""
    tries = int(ctx.state.get("tries", 0))
    if not error.retryable or isinstance(error, BadInput):
        raise error
    if tries >= len(WAITS):
        raise Unavailable(f"{error.message} It was tried {tries + 1} times.")
    told = error.retry_after or 0.0 if isinstance(error, Unavailable) else 0.0
    wait = max(jitter(WAITS[tries]), told)
    ctx.save(tries=tries + 1)
    ctx.emit("retry", {"after": round(wait), "error": error.message})
    return Park(until=timezone.now() + timedelta(seconds=wait))


INCIDENT_HOOK = JobKind(
    name=NAME,
    run=run,
    description="Tells an outside ticket system what happened in an incident.",
    seconds=300,
    role=Role.ADMIN,
    params=Params,
)
