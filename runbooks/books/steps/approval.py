"""Waiting for people to say yes to exactly what still runs. The job parks; nothing runs meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from django.utils import timezone
from msgspec import Meta

from guardrails.models import Approval as Request
from runbooks.books.asking import ask, find_requests, find_self, name_of
from runbooks.books.steps.base import Outcome, StepContext, StepFailed, StepKind
from runbooks.jobs import Park

# Requests expire by a task that comes once a minute; the job waits until it has come for certain.
SLACK = timedelta(minutes=5)


class Approval(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Who decides: anybody of a role, or the people named by subject (`user:3`, `contact:7`); how many of them, each
    a different person; within how many minutes. no_self: who started the run does not count."""

    text: Annotated[str, Meta(max_length=1000)] = ""
    role: Literal["operator", "admin"] = "operator"
    people: Annotated[list[Annotated[str, Meta(pattern=r"^(?:user|contact):\d+$")]], Meta(max_length=20)] = []
    count: Annotated[int, Meta(ge=1, le=5)] = 1
    minutes: Annotated[float, Meta(gt=0, le=1440)] = 15.0
    no_self: bool = False


def run(ctx: StepContext, given: Approval) -> Outcome:
    """Go on when enough people agreed; ask the next one otherwise. One refusal is a refusal."""
    requests = find_requests(ctx.run, ctx.place)
    for request in requests:
        if request.state in (Request.State.REJECTED, Request.State.EXPIRED):
            raise StepFailed(_refusal(request))
        if request.subject_hash != ctx.digest:
            raise StepFailed("What was asked for is not what would run now.")
    agreed = [request for request in requests if request.state == Request.State.APPROVED]
    if who := find_self(ctx.run, given, agreed):
        raise StepFailed(f"{name_of(who)} may not decide this, or has done so before.")
    if len(agreed) >= given.count:
        return ", ".join(name_of(request.decided_by) for request in agreed)
    waiting = next((request for request in requests if request.state == Request.State.WAITING), None)
    if waiting is not None:
        return Park(until=waiting.expires_at + SLACK, for_approval=True)
    until = timezone.now() + timedelta(minutes=given.minutes)
    return Park(until=until + SLACK, for_approval=True, then=lambda: ask(ctx, given, agreed))


def _refusal(request: Request) -> str:
    if request.state == Request.State.REJECTED:
        return f"{name_of(request.decided_by)} said no."
    return "Nobody decided in time."


def describe(given: Approval) -> str:
    """Show who is asked."""
    who = ", ".join(given.people) or given.role
    return f"{who}, {given.count}, {given.minutes:g} min" + (", not who started it" if given.no_self else "")


APPROVAL = StepKind(
    name="approval",
    params=Approval,
    run=run,
    describe=describe,
    seconds=lambda given: given.minutes * 60 * given.count,
    texts=("text",),
)
