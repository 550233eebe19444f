"""/logs [environment] [lines] [follow]: what an environment of the project writes. Its card is the answer."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bots.commands.base import Answer, Command, CommandContext, say
from bots.commands.deploy import project_and_words
from bots.commands.phrases import add_phrases
from bots.commands.spelling import plain
from clawsite.core.errors import BadInput
from guardrails.types import Actor, Role
from runbooks import jobs
from runbooks.models import Job
from runbooks.workspaces import deploys
from runbooks.workspaces.access import access_project

STOP, WHOLE = "stop", "whole"
_FOLLOW = frozenset(map(plain, ("follow", "seguir", "acompanhar", "следи", "следить")))


def run(context: CommandContext) -> Answer:
    """Show the last lines, follow them, or stop following."""
    words = context.args.split()
    if words and words[0] == STOP:
        return _stop(context, words[1:])
    project, words = project_and_words(context)
    lower = [word.lower() for word in words]
    follow = any(plain(word) in _FOLLOW for word in lower)
    names = [word for word in lower if plain(word) not in _FOLLOW | {WHOLE} and not word.isdecimal()]
    numbers = [int(word) for word in lower if word.isdecimal() and len(word) < 6]
    if len(names) > 1 or len(numbers) > 1:
        raise BadInput(_("Write: /logs [ENVIRONMENT] [LINES] [follow]"))
    deploys.show_logs(
        project,
        names[0] if names else "",
        actor=context.actor,
        session_id=context.session.pk,
        lines=max(1, min(numbers[0], deploys.MAX_LINES)) if numbers else deploys.FOLLOWED_LINES,
        follow=follow,
        whole=WHOLE in lower,
        origin="chat",
    )
    return ()


def _stop(context: CommandContext, words: list[str]) -> Answer:
    """Stop following, for whoever may look."""
    known = len(words) == 1 and len(words[0]) >= 8 and words[0].isalnum()
    job = Job.objects.filter(kind="log_follow", key__startswith=words[0]).first() if known else None
    if job is None or job.session_id != context.session.pk:
        raise BadInput(_("Nothing is being followed here."))
    access_project(job.params["project"], actor=context.actor, session_id=context.session.pk)
    reader = Actor(subject=context.actor.subject, role=Role.VIEWER, name=context.actor.name)
    if not job.is_over:
        jobs.cancel_job(job.key, actor=reader, origin="chat")
    return () if context.message is not None and context.message.kind == "callback" else say(_("Stopped."))


COMMAND = Command(name="logs", description=gettext_lazy("Show the log of an environment: /logs staging"), run=run)
add_phrases("logs", "show [the] logs of {args}", "mostra os logs de {args}", "покажи логи {args}")
