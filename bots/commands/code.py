"""/code: have the model change the current project, and decide about what it did.

The job's card is the answer. What passes the tests is merged when the work ends; Keep merges what did not, Undo takes
back what was merged by a new commit, or throws away what was not.
"""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bots.code.deciding import KEEP, UNDO
from bots.code.starting import ROLE, access_run, start_code
from bots.commands import code_words as words
from bots.commands.base import Answer, Command, CommandContext, say
from bots.commands.code_words import Order, read_order, whole_words
from bots.commands.phrases import add_phrases
from bots.commands.spelling import as_typed
from clawsite.core.errors import BadInput
from runbooks import jobs
from runbooks.feedback import give_feedback
from runbooks.models import CodeRun
from runbooks.workspaces.access import current_project
from sessions_app.models import Card

ORIGIN = "chat"
LATEST_CARDS = 200


def run(context: CommandContext) -> Answer:
    """Do what the words say."""
    order = read_order(_words(context))
    doing = {
        words.START: _start,
        words.KEEP: _keep,
        words.UNDO: _undo,
        words.AGAIN: _again,
        words.UP: _judge,
        words.DOWN: _judge,
        words.STOP: _stop,
    }[order.verb]
    return doing(context, order)


def _words(context: CommandContext) -> str:
    message = context.message
    if message is None or message.kind == "callback":
        return context.args
    typed = whole_words(context.args, message.text)
    return as_typed(context.args, message.text) if typed == context.args else typed


def _start(context: CommandContext, order: Order) -> Answer:
    """Have it begun; a reply to the card of earlier work goes on from that."""
    earlier = _replied(context)
    project = earlier.project if earlier else current_project(context.session.pk, context.actor, role=ROLE)
    start_code(
        order.text,
        project=project,
        actor=context.actor,
        session=context.session,
        language=context.language,
        earlier=earlier,
        origin=ORIGIN,
    )
    return ()


def _replied(context: CommandContext) -> CodeRun | None:
    """Return the work whose card was replied to, or None."""
    wanted = context.message.reply_to_id if context.message else ""
    if not wanted:
        return None
    cards = Card.objects.filter(session=context.session, kind__in=["code", "code-end"]).order_by("-pk")
    number = next((card.data["run"] for card in cards[:LATEST_CARDS] if wanted in card.remote_ids), None)
    return _access(context, number, role=ROLE) if number else None


def _access(context: CommandContext, number: int, *, role: str = "viewer") -> CodeRun:
    return access_run(number, actor=context.actor, session_id=context.session.pk, role=role)


def _again(context: CommandContext, order: Order) -> Answer:
    """Ask for the same once more, or for something else that goes on from there."""
    earlier = _access(context, order.number, role=ROLE)
    start_code(
        order.text or earlier.request,
        project=earlier.project,
        actor=context.actor,
        session=context.session,
        language=context.language,
        earlier=earlier,
        origin=ORIGIN,
    )
    return ()


def _keep(context: CommandContext, order: Order) -> Answer:
    found = _access(context, order.number, role=ROLE)
    if found.outcome != CodeRun.Outcome.KEPT:
        raise BadInput(_("There is nothing to keep: no changes of it wait on a branch."))
    _create(context, KEEP, run=found.pk, sha=order.text)
    return ()


def _undo(context: CommandContext, order: Order) -> Answer:
    found = _access(context, order.number, role=ROLE)
    if found.outcome not in (CodeRun.Outcome.KEPT, CodeRun.Outcome.MERGED):
        raise BadInput(_("There is nothing to undo: it changed nothing, or that was undone already."))
    _create(context, UNDO, run=found.pk)
    return ()


def _create(context: CommandContext, kind: str, **params: object) -> None:
    jobs.create_job(
        kind,
        params={**params, "language": context.language},
        actor=context.actor,
        session_id=context.session.pk,
        start=True,
        origin=ORIGIN,
    )


def _judge(context: CommandContext, order: Order) -> Answer:
    """Keep a thumb, and ask for the reason of a bad one."""
    found = _access(context, order.number)
    good = order.verb == words.UP
    give_feedback(found.job, actor=context.actor, good=good, reason=order.text, origin=ORIGIN)
    if order.text or good:
        return say(_("Thank you, noted."))
    return say(_("Noted. What was wrong? Write: /code down {run} REASON").format(run=found.pk))


def _stop(context: CommandContext, order: Order) -> Answer:
    found = _access(context, order.number, role=ROLE)
    if found.job.is_over:
        return say(_("/code {run} is over already.").format(run=found.pk))
    jobs.cancel_job(found.job.key, actor=context.actor, origin=ORIGIN)
    return say(_("/code {run} is being stopped.").format(run=found.pk))


COMMAND = Command(
    name="code",
    description=gettext_lazy("Change the project: /code WHAT"),
    run=run,
    control=True,
)
add_phrases("code", "change the code {args}", "muda o codigo {args}", "mudar o codigo {args}", "измени код {args}")
