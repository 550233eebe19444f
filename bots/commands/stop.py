"""/stop: end the answer that is being made, and the work on projects that was begun in this chat. Never waits."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bots.commands.base import Answer, Command, CommandContext, say
from bots.decisions import close_parked
from clawsite.core.nudge import nudge_on_commit
from guardrails.types import Actor, Role
from runbooks.jobs import cancel_job
from runbooks.models import Job
from runbooks.models.job import ENDS
from sessions_app.models import Session, Turn
from sessions_app.turns import open_turns

# Kinds of job that end with what a chat is doing. A runbook is stopped by its own button: it is about systems.
KINDS = ("agent_code", "log_follow")


def run(context: CommandContext) -> Answer:
    """Ask for the end of every open turn of this session; its owner, in whichever process, ends it."""
    stopped = request_stop(context.session, actor=context.actor.subject)
    if stopped + stop_jobs(context.session, actor=context.actor):
        return say(_("Stopping."))
    return say(_("There is nothing to stop: I am not working on anything here."))


def request_stop(session: Session, *, actor: str) -> int:
    """End the turns of a session that wait for a decision, and tell the owners of those that run. Returns how many."""
    turns = list(open_turns().filter(session_id=session.pk))
    Turn.objects.filter(pk__in=[turn.pk for turn in turns]).update(cancel_requested=True)
    for turn in turns:
        if turn.state == Turn.State.PARKED:
            close_parked(turn, actor=actor)
        else:
            nudge_on_commit("cancel", turn=turn.pk)
    return len(turns)


def stop_jobs(session: Session, *, actor: Actor) -> int:
    """Cancel the jobs of a session that end with it, for operators; return how many."""
    if not actor.is_at_least(Role.OPERATOR):
        return 0
    rows = Job.objects.filter(session_id=session.pk, kind__in=KINDS).exclude(state__in=ENDS)
    keys = list(rows.values_list("key", flat=True))
    for key in keys:
        cancel_job(key, actor=actor, origin="chat")
    return len(keys)


COMMAND = Command(
    name="stop",
    description=gettext_lazy("Stop the answer I am working on"),
    run=run,
    control=True,
    aliases=("cancel",),
)
