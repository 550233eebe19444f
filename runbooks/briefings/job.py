"""The job that makes a briefing and shows it in a chat. Run twice it changes the same card: one chat hears it once.

A chat is named by the job itself, when somebody asked there, or by the parameters, as in a schedule. Whether a chat may
be told at all is looked at when the card is brought there.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from django.db import transaction
from django.utils import timezone
from msgspec import Meta

from clawsite.core.errors import BadInput
from guardrails.types import Role
from runbooks.briefings.gather import gather
from runbooks.briefings.window import Window
from runbooks.jobs import JobContext, JobKind
from runbooks.jobs.working import patiently
from runbooks.models import Job
from sessions_app.cards import lock_card, put_card
from sessions_app.models import Session

NAME = "briefing"
HOURS, MOST_HOURS = 8, 48
BY_SCHEDULE = "schedule:"


class Params(msgspec.Struct, forbid_unknown_fields=True):
    """How many hours it tells of, and the number of the conversation that hears it; 0: the one it was asked in."""

    hours: Annotated[int, Meta(ge=1, le=MOST_HOURS)] = HOURS
    session: Annotated[int, Meta(ge=0)] = 0


def run(ctx: JobContext) -> Any:
    """Gather what happened up to the moment at which it was asked for, and show it."""
    given = msgspec.convert(ctx.params, Params)
    session_id = _session_of(ctx.job, given)
    by_clock = ctx.job.requested_by.startswith(BY_SCHEDULE)
    window = Window.until(ctx.job.created_at, hours=given.hours, exact=not by_clock)
    told = gather(window, now=timezone.now())
    ctx.check()
    if session_id is not None:
        patiently(lambda: put_briefing(ctx.job, session_id, told))
    return told


@transaction.atomic
def put_briefing(job: Job, session_id: int, told: dict[str, Any]) -> None:
    """Show what is known of a briefing in its chat: that it is being made, or what it tells.

    Who has taken the shift over stays on it, should the job run again: the card is locked from the look to the change.
    """
    known = lock_card(card_key(job.key))
    taken = {"taken": known.data["taken"]} if known is not None and "taken" in known.data else {}
    put_card(card_key(job.key), kind=NAME, data={"job": job.key, **told, **taken}, session_id=session_id)


def tell_end(job: Job) -> None:
    """Say in the chat that waits for a briefing that there will be none. In the transaction that ends the job."""
    session_id = _session_of(job, msgspec.convert(job.params, Params)) if job.state != Job.State.SUCCEEDED else None
    if session_id is not None:
        put_briefing(job, session_id, {"failed": str(job.state), "error": job.error})


def card_key(job_key: str) -> str:
    """Return the name of the card of a briefing."""
    return f"briefing:{job_key}"


def _session_of(job: Job, given: Params) -> int | None:
    """Return the conversation that hears it, None when it is only the job's result; BadInput for one that is gone."""
    wanted = given.session or job.session_id
    if wanted and not Session.objects.filter(pk=wanted).exists():
        raise BadInput("The conversation of this briefing was removed.")
    return wanted or None


def check(params: dict[str, Any], owner: str) -> None:
    """Raise what a schedule with these parameters would fail with now."""
    if not Session.objects.filter(pk=msgspec.convert(params, Params).session).exists():
        raise BadInput('Say in which conversation it is told: {"session": 12}, the number of the conversation.')


BRIEFING = JobKind(
    name=NAME,
    run=run,
    description="Tells a chat what happened in the last hours: traffic, incidents, points of attention, what waits.",
    seconds=300,
    role=Role.VIEWER,
    params=Params,
    session_param="session",
    check=check,
    ended=tell_end,
)
