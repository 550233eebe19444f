"""/reset: a fresh conversation in the same place. Nothing is deleted; earlier messages are no longer read."""

from __future__ import annotations

from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bots.commands.base import Answer, Command, CommandContext, say
from bots.commands.stop import request_stop
from clawsite.core import audit
from guardrails.types import Role
from sessions_app.facts import list_facts
from sessions_app.models import Session


def run(context: CommandContext) -> Answer:
    """Begin a new epoch: what an open turn of the old one computes is not committed."""
    session = context.session
    request_stop(session, actor=context.actor.subject)
    begin_anew(session, actor=context.actor.subject)
    kept = list_facts(session, size=1).total
    text = _("We start afresh: I no longer read the earlier messages here.")
    if kept:
        text += " " + ngettext(
            "I still remember {count} fact (/memory).", "I still remember {count} facts (/memory).", kept
        ).format(count=kept)
    return say(text)


def begin_anew(session: Session, *, actor: str) -> None:
    """Put away what was said in a session. In the transaction of its cause."""
    Session.objects.filter(pk=session.pk).update(epoch=F("epoch") + 1, start_seq=F("last_seq"))
    session.refresh_from_db(fields=["epoch", "start_seq", "last_seq"])
    audit.record("session.reset", actor=actor, subject=session.ref)


COMMAND = Command(
    name="reset",
    description=gettext_lazy("Start a new conversation"),
    run=run,
    group_role=Role.OPERATOR,
    aliases=("new_chat",),
)
