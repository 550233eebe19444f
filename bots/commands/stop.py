"""/stop: end the answer that is being made. Never waits behind it."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bots.commands.base import Answer, Command, CommandContext, say
from bots.decisions import close_parked
from clawsite.core.nudge import nudge_on_commit
from sessions_app.models import Session, Turn


def run(context: CommandContext) -> Answer:
    """Ask for the end of every open turn of this session; its owner, in whichever process, ends it."""
    if request_stop(context.session, actor=context.actor.subject):
        return say(_("Stopping."))
    return say(_("There is nothing to stop: I am not working on anything here."))


def request_stop(session: Session, *, actor: str) -> int:
    """End the turns of a session that wait for a decision, and tell the owners of those that run. Returns how many."""
    turns = list(Turn.objects.filter(session_id=session.pk, state__in=[Turn.State.RUNNING, Turn.State.PARKED]))
    Turn.objects.filter(pk__in=[turn.pk for turn in turns]).update(cancel_requested=True)
    for turn in turns:
        if turn.state == Turn.State.PARKED:
            close_parked(turn, actor=actor)
        else:
            nudge_on_commit("cancel", turn=turn.pk)
    return len(turns)


COMMAND = Command(
    name="stop",
    description=gettext_lazy("Stop the answer I am working on"),
    run=run,
    control=True,
    aliases=("cancel",),
)
