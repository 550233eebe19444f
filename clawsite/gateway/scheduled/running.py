"""Running a scheduled message: it is stored, the pipeline answers it, and the answer is the job's result.

Nothing waits in a process: the job parks and looks again at the run's rows. Run twice, by a crash or otherwise, it
stores one message and tells one answer, because both are named after the job. What its owner may do is read at every
look. Only admins have such jobs made (the kinds' role), so it is never more than it was then.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from django.db import transaction
from django.utils import timezone

from clawsite.core.errors import ClawError, NotAllowed, Unavailable
from clawsite.gateway.access import admit, get_channel
from clawsite.gateway.chats import Chat
from clawsite.gateway.keys import own_key
from clawsite.gateway.owners import access_writer
from clawsite.gateway.principal import Principal
from clawsite.gateway.runs import ABORTED, ERROR, Run, replies_of, text_of
from clawsite.gateway.scheduled.params import EventParams, TurnParams, name_session
from clawsite.gateway.scheduled.places import announce, find_place
from clawsite.gateway.stop import stop_runs
from clawsite.gateway.store import Stored, find_stored, store_message
from runbooks.jobs import JobContext, Park
from runbooks.jobs.working import patiently
from runbooks.models import Job, ScheduleRun

FIRST_LOOK, LAST_LOOK = 1.0, 30.0
_BY_SCHEDULE = "schedule:"


def run_turn(ctx: JobContext) -> Any:
    """Have a message answered; return {status, text} and where it was told, or fail with the reason."""
    given = msgspec.convert(ctx.params, TurnParams)
    principal = _admit_owner(ctx.job)
    if not given.delivery.best_effort:
        find_place(principal, given.delivery)  # what could not be told is not asked
    stored = _store(ctx, principal, given)
    if not stored.run.has_ended:
        return _look_again(stored, principal, seconds=given.seconds)
    text = _answer_of(stored.run)
    return {"status": "ok", "text": text, **_told(stored)} | _deliver(ctx.job, principal, given, stored, text)


def run_event(ctx: JobContext) -> Any:
    """Say in a session what happened, and wait for nothing.

    It is a message like any other. A note that waits for the next turn would not reach who writes nothing, and what
    people schedule with it are reminders; and our prompts have no place for words of nobody, so that whatever the model
    reads went through the guards and budgets of somebody.
    """
    given = msgspec.convert(ctx.params, EventParams)
    return {"status": "ok", **_told(_store(ctx, _admit_owner(ctx.job), given))}


def check_turn(params: dict[str, Any], owner: str) -> None:
    """Raise what a turn of this owner would fail with now."""
    find_place(access_writer(owner), msgspec.convert(params, TurnParams).delivery)


def check_event(params: dict[str, Any], owner: str) -> None:
    """Raise what an event of this owner would fail with now."""
    access_writer(owner)


def _admit_owner(job: Job) -> Principal:
    """Return the job's owner with what they may do now; NotAllowed for one whose tokens or contact were shut out."""
    principal = access_writer(job.owner)
    with transaction.atomic():
        admit(principal, get_channel())
    return principal


# --- the message ---------------------------------------------------------------------------------------------------
def _store(ctx: JobContext, principal: Principal, given: TurnParams | EventParams) -> Stored:
    """Store the message, or find it stored by an earlier run of this job."""
    run_id = f"job:{ctx.key}"
    if "key" in ctx.state:
        found = find_stored(principal, ctx.state["key"], run_id, text=given.text)
        if found is None:
            raise NotAllowed("The conversation of this run was removed.")
        return found
    key = name_session(given.session_target, given.session_key) or own_key(f"cron:{_name_of(ctx.job)}")
    stored = patiently(lambda: store_message(principal, key=key, run_id=run_id, text=given.text))
    ctx.save(key=key)
    ctx.emit("message", _told(stored))
    return stored


def _name_of(job: Job) -> str:
    """Return the number of the schedule that a job belongs to; the job's key where it belongs to none."""
    if job.requested_by.startswith(_BY_SCHEDULE):
        return job.requested_by.removeprefix(_BY_SCHEDULE)
    run = ScheduleRun.objects.filter(job=job).first()
    return str(run.schedule_id) if run is not None else job.key


def _told(stored: Stored) -> dict[str, Any]:
    return {"runId": stored.run.run_id, "sessionKey": own_key(stored.session.chat_id.partition("/")[2])}


# --- its answer ----------------------------------------------------------------------------------------------------
def _look_again(stored: Stored, principal: Principal, *, seconds: float) -> Park:
    """Wait for the end of the run without a process; Unavailable when it takes too long, which stops it."""
    now = timezone.now()
    waited = (now - (stored.run.received_at or now)).total_seconds()
    if waited >= seconds:
        stop_runs(stored.session, actor=principal.owner, only=stored.run.inbox_id)
        raise Unavailable(f"The run took longer than {seconds} seconds and was stopped.")
    return Park(until=now + timedelta(seconds=min(pause_after(waited), seconds - waited)))


def pause_after(waited: float) -> float:
    """Return how long to wait before the next look: half as long as it took so far, so that few looks are enough."""
    return min(max(waited / 2, FIRST_LOOK), LAST_LOOK)


def _answer_of(run: Run) -> str:
    """Return what a run was answered with; an error says why it was not."""
    text = text_of(replies_of(run))
    if run.state == ABORTED:
        raise Unavailable("The run was stopped.")
    if run.state == ERROR:
        raise Unavailable(text or f"The run failed ({run.error}).")
    if not text:
        raise Unavailable("The message was not answered: a guard or a limit kept it back.")
    return text


def _deliver(job: Job, principal: Principal, given: TurnParams, stored: Stored, text: str) -> dict[str, Any]:
    """Tell the answer where it is wanted; return how that went."""
    try:
        place = find_place(principal, given.delivery)
        if place is None:
            return {}
        _tell(job, principal, place, stored, text)
    except ClawError as error:
        if not given.delivery.best_effort:
            raise
        return {"delivered": False, "deliveryError": error.message}
    return {"delivered": True}


def _tell(job: Job, principal: Principal, place: Chat, stored: Stored, text: str) -> None:
    if not place.is_at(stored.session):  # there it was said already
        patiently(lambda: announce(job, principal, place, text))
