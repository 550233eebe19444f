"""/pipeline_status, /cancel_pipeline and /pipeline: how pipelines of the project stand, and what is done with them.

The answer is the pipeline's card, which goes on changing in place. Secrets of a forge are never entered in a chat.
"""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bots.cards.pipeline import headline
from bots.commands.base import Answer, Command, CommandContext, Run, command_button, say
from bots.commands.phrases import add_phrases
from bots.commands.pipeline_words import APPROVE, CANCEL, CONNECT, LIST, RETRY, SEEN, START, STATUS, Order, read_order
from bots.commands.spelling import as_typed
from clawsite.core.errors import BadInput
from guardrails.types import Role
from runbooks.models import Pipeline
from runbooks.workspaces.access import DEVELOPER, MAINTAINER, VIEWER, current_project
from runbooks.workspaces.pipelines import actions
from runbooks.workspaces.pipelines.access import access_pipeline, list_pipelines
from runbooks.workspaces.pipelines.showing import pipeline_facts, show_pipeline

ORIGIN = "chat"
SHOWN = 8
PER_ROW = 4


def run(context: CommandContext) -> Answer:
    """Do what the words after /pipeline say; without words, list what there is."""
    return _carry_out(context, read_order(_words(context)))


def run_status(context: CommandContext) -> Answer:
    """Show one pipeline, the newest unless its number is given."""
    words = _words(context)
    return _carry_out(context, read_order(words) if words.strip() else Order(verb=STATUS))


def run_cancel(context: CommandContext) -> Answer:
    """Have a pipeline end."""
    return _carry_out(context, read_order(f"{CANCEL} {_words(context)}"))


def run_verb(verb: str) -> Run:
    """Return a command of its own for one verb, so that it can be said in plain words."""
    return lambda context: _carry_out(context, read_order(f"{verb} {_words(context)}"))


def _words(context: CommandContext) -> str:
    return as_typed(context.args, context.message.text if context.message else "")


def _carry_out(context: CommandContext, order: Order) -> Answer:
    verbs = {
        LIST: _list,
        STATUS: _status,
        START: _start,
        CANCEL: _cancel,
        RETRY: _retry,
        APPROVE: _approve,
        CONNECT: _connect,
    }
    return verbs[order.verb](context, order)


# --- looking -------------------------------------------------------------------------------------------------------
def _list(context: CommandContext, order: Order) -> Answer:
    project = current_project(context.session.pk, context.actor)
    rows = list_pipelines(project, limit=SHOWN)
    if not rows:
        return say(_nothing_yet(project.name))
    lines = [headline(pipeline_facts(row)) for row in rows]
    buttons = [command_button(str(row.pk), "pipeline_status", str(row.pk)) for row in rows]
    chunks = [buttons[start : start + PER_ROW] for start in range(0, len(buttons), PER_ROW)]
    return say("\n".join([_("Pipelines of {project}:").format(project=project.name), "", *lines]), *chunks)


def _status(context: CommandContext, order: Order) -> Answer:
    """Bring the card of a pipeline to the end of the chat; if it goes on, it is asked for anew."""
    if order.number is None:
        project = current_project(context.session.pk, context.actor)
        rows = list_pipelines(project, limit=1)
        if not rows:
            return say(_nothing_yet(project.name))
        row = rows[0]
    else:
        row = _pipeline(context, order, role=VIEWER)
    show_pipeline(row, ask_session=context.session.pk)
    actions.look_again(row)
    return ()


def _nothing_yet(name: str) -> str:
    return _("No pipeline of {project} is known yet. To start one: /pipeline start").format(project=name)


# --- doing ---------------------------------------------------------------------------------------------------------
def _start(context: CommandContext, order: Order) -> Answer:
    project = current_project(context.session.pk, context.actor, role=DEVELOPER)
    actions.start_pipeline(project, actor=context.actor, ref=order.rest, session_id=context.session.pk, origin=ORIGIN)
    return ()


def _cancel(context: CommandContext, order: Order) -> Answer:
    """Cancel one; while something outside is being changed it is asked whether it should be left half done."""
    row = _pipeline(context, order, role=DEVELOPER)
    if not row.is_over and actions.changes_now(row) and not order.sure:
        question = _("Pipeline {number} may be changing something right now, and would leave it half done. Cancel it?")
        yes = command_button("⏹ " + _("Cancel it"), "cancel_pipeline", f"{row.pk} !")
        hint = _("Without buttons: /cancel_pipeline {number} !").format(number=row.pk)
        look = command_button(_("Leave it"), "pipeline_status", str(row.pk))
        return say(f"{question.format(number=row.pk)}\n{hint}", [yes, look])
    actions.cancel_pipeline(row, actor=context.actor, session_id=context.session.pk, origin=ORIGIN)
    return say(_("Pipeline {number} is being cancelled.").format(number=row.pk))


def _retry(context: CommandContext, order: Order) -> Answer:
    row = _pipeline(context, order, role=DEVELOPER)
    actions.retry_pipeline(row, actor=context.actor, session_id=context.session.pk, origin=ORIGIN)
    return ()


def _approve(context: CommandContext, order: Order) -> Answer:
    """Let go on what waits. It may be a deploy to production, so it takes a maintainer."""
    row = _pipeline(context, order, role=MAINTAINER)
    seen = order.rest.startswith(SEEN)  # a button, which is for what was to be seen beside it
    actions.approve_pipeline(
        row,
        actor=context.actor,
        name="" if seen else order.rest,
        shown=order.rest.removeprefix(SEEN) if seen else "",
        session_id=context.session.pk,
        origin=ORIGIN,
    )
    return ()


def _connect(context: CommandContext, order: Order) -> Answer:
    """Say where it is done: a token that is typed here stays in the chat."""
    text = _("A forge is connected in the admin pages, by an admin: a token does not belong in a chat.")
    return say(text)


def _pipeline(context: CommandContext, order: Order, *, role: str) -> Pipeline:
    if order.number is None:
        raise BadInput(_("Say which pipeline, by its number: /pipeline list shows them."))
    return access_pipeline(order.number, actor=context.actor, session_id=context.session.pk, role=role)


STATUS_COMMAND = Command(
    name="pipeline_status",
    description=gettext_lazy("How a pipeline stands: /pipeline_status NUMBER"),
    run=run_status,
    control=True,
)
CANCEL_COMMAND = Command(
    name="cancel_pipeline",
    description=gettext_lazy("Cancel a pipeline: /cancel_pipeline NUMBER"),
    run=run_cancel,
    role=Role.OPERATOR,
    control=True,
)
COMMAND = Command(
    name="pipeline",
    description=gettext_lazy("Pipelines: list, start, retry, approve"),
    run=run,
    control=True,
    aliases=("pipelines",),
)
START_COMMAND, RETRY_COMMAND, APPROVE_COMMAND = (
    Command(
        name=f"pipeline_{verb}",
        description=gettext_lazy("Pipelines: list, start, retry, approve"),
        run=run_verb(verb),
        role=Role.OPERATOR,
        control=True,
        hidden=True,
    )
    for verb in (START, RETRY, APPROVE)
)
add_phrases("pipeline", "[show] [the] pipelines", "list [the] pipelines")
add_phrases("pipeline", "mostra [os] pipelines", "listar [os] pipelines")
add_phrases("pipeline", "пайплайны", "покажи пайплайны", "список пайплайнов")
add_phrases("pipeline_status", "[show] [the] pipeline status", "status of [the] pipeline", "show [the] pipeline {args}")
add_phrases("pipeline_status", "estado do pipeline", "status do pipeline", "mostra [o] pipeline {args}")
add_phrases("pipeline_status", "статус пайплайна", "состояние пайплайна", "покажи пайплайн {args}")
add_phrases("cancel_pipeline", "cancel [the] pipeline {args}", "stop [the] pipeline {args}")
add_phrases("cancel_pipeline", "cancelar [o] pipeline {args}", "cancela [o] pipeline {args}")
add_phrases("cancel_pipeline", "отмени пайплайн {args}", "останови пайплайн {args}")
add_phrases("pipeline_start", "start [the] pipeline", "run [the] pipeline")
add_phrases("pipeline_start", "iniciar [o] pipeline", "rodar [o] pipeline", "executar [o] pipeline")
add_phrases("pipeline_start", "запусти пайплайн", "запустить пайплайн")
add_phrases("pipeline_retry", "retry [the] pipeline {args}", "rerun [the] pipeline {args}")
add_phrases("pipeline_retry", "repetir [o] pipeline {args}", "repete [o] pipeline {args}")
add_phrases("pipeline_retry", "повтори пайплайн {args}", "перезапусти пайплайн {args}")
add_phrases(
    "pipeline_approve", "approve [the] pipeline {args}", "aprovar [o] pipeline {args}", "aprova [o] pipeline {args}"
)
add_phrases("pipeline_approve", "одобри пайплайн {args}")
