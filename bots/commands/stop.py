"""/stop: end the answer that is being made. Never waits behind it."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bots.commands.base import Answer, Command, CommandContext, say
from clawsite.core.nudge import nudge_on_commit
from sessions_app.models import Session, Turn


def run(context: CommandContext) -> Answer:
    """Ask for the end of every open turn of this session; its owner, in whichever process, ends it."""
    if request_stop(context.session):
        return say(_("Stopping."))
    return say(_("There is nothing to stop: I am not working on anything here."))


def request_stop(session: Session) -> int:
    """Mark the open turns of a session as cancelled and tell their owners. Returns how many there were."""
    turns = Turn.objects.filter(session_id=session.pk, state__in=[Turn.State.RUNNING, Turn.State.PARKED])
    ids = list(turns.values_list("pk", flat=True))
    Turn.objects.filter(pk__in=ids).update(cancel_requested=True)
    for pk in ids:
        nudge_on_commit("cancel", turn=pk)
    return len(ids)


COMMAND = Command(
    name="stop",
    description=gettext_lazy("Stop the answer I am working on"),
    run=run,
    control=True,
    aliases=("cancel",),
)
