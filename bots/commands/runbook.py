"""/runbook: which there are, what one does, running one, and stopping a run.

Looking needs a viewer, running an operator (or what the runbook says). The run's card is the answer: it changes in
place while the run goes on. What is started for an alert is shown first (`runbook_plan`).
"""

from __future__ import annotations

import difflib

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bots.cards.run import MARKS, OVER
from bots.channels.base import Button
from bots.commands import runbook_words as words
from bots.commands.base import Answer, Command, CommandContext, command_button, say, turn_page
from bots.commands.phrases import add_phrases
from bots.commands.runbook_plan import ORIGIN, show_plan, start_shown
from bots.commands.runbook_words import Order, name_words, read_order
from bots.commands.spelling import as_typed
from clawsite.core.errors import BadInput, NotAllowed
from guardrails.types import Role
from runbooks import books, jobs
from runbooks.books.spec import Book, Parameter
from runbooks.books.starting import book_of
from runbooks.models import Runbook

SHOWN = 20
SHOWN_RUNS = 10
PER_ROW = 2
SUGGESTED = 3


def run(context: CommandContext) -> Answer:
    """Do what the words say; without words, list what there is."""
    order = read_order(as_typed(context.args, context.message.text if context.message else ""))
    if order.verb == words.LIST:
        return _list(context)
    if order.verb == words.RUNS:
        return _runs(context)
    if order.verb == words.CANCEL:
        return _cancel(context, order)
    if order.verb == words.UNDO:
        return _undo(context, order)
    if order.verb == words.GO:
        return start_shown(context, order)
    row = books.find_runbook(order.name)
    if row is None:
        return _suggest(order.name)
    if order.verb == words.SHOW:
        return turn_page(context, _show(row))
    return _start(context, row, order)


# --- looking -------------------------------------------------------------------------------------------------------
def _list(context: CommandContext) -> Answer:
    """List the runbooks that can be run, with a button for each."""
    rows = books.list_runbooks(only_enabled=True)
    if not rows:
        return turn_page(context, say(_("There are no runbooks yet. An admin writes them in the admin pages.")))
    lines = [f"• {row.name} — {row.title}" for row in rows[:SHOWN]]
    more = [_("… and {count} more").format(count=len(rows) - SHOWN)] if len(rows) > SHOWN else []
    hint = _("To run one: /runbook {name}").format(name=rows[0].name)
    buttons = [command_button(row.title, "runbook", f"show {row.name}") for row in rows[:SHOWN]]
    return turn_page(context, say("\n".join([_("Runbooks:"), "", *lines, *more, "", hint]), *_rows(buttons)))


def _show(row: Runbook) -> Answer:
    """Describe one: what it is given and what it does."""
    book = book_of(row)
    about = [book.description, ""] if book.description else []
    given = [_parameter(each) for each in book.parameters]
    given = [_("Parameters:"), *given, ""] if given else []
    steps = [f"{number}. {step.title}" for number, step in enumerate(book.steps, start=1)]
    text = "\n".join([f"{book.title} ({book.name}, v{row.version})", "", *about, *given, *steps])
    return say(text, _run_buttons(book))


def _parameter(parameter: Parameter) -> str:
    kind = ", ".join(parameter.choices) or parameter.type
    default = (
        _("must be given") if parameter.default is None else _("{value} unless given").format(value=parameter.default)
    )
    title = f" — {parameter.title}" if parameter.title else ""
    return f"• {parameter.name} ({kind}; {default}){title}"


def _run_buttons(book: Book) -> list[Button | None]:
    """Return buttons for what runs without being given anything."""
    if any(each.default is None for each in book.parameters):
        return [command_button(_("All runbooks"), "runbook", "list")]
    return [
        command_button("▶ " + _("Run"), "runbook", f"run {book.name}"),
        command_button("🔍 " + _("Dry run"), "runbook", f"dry {book.name}"),
        command_button(_("All runbooks"), "runbook", "list"),
    ]


def _runs(context: CommandContext) -> Answer:
    """List the last runs."""
    found = books.latest_runs(limit=SHOWN_RUNS)
    if not found:
        return say(_("Nothing has been run yet."))
    lines = [
        f"{OVER.get(run.job.state, MARKS['started'])} {run.pk} · {run.name} · {run.target} · {run.requested_name}"
        for run in found
    ]
    return turn_page(context, say("\n".join([_("Last runs:"), "", *lines])))


def _suggest(name: str) -> Answer:
    """Say that there is none of this name, and which are close."""
    names = [row.name for row in books.list_runbooks(only_enabled=True)]
    close = difflib.get_close_matches(name.lower(), names, n=SUGGESTED, cutoff=0.5)
    text = _("There is no runbook named “{name}”.").format(name=name[:40])
    if not close:
        return say(" ".join([text, _("/runbook lists them.")]))
    buttons = [command_button(each, "runbook", f"show {each}") for each in close]
    return say(" ".join([text, _("Did you mean {names}?").format(names=", ".join(close))]), *_rows(buttons))


def _rows(buttons: list[Button | None]) -> list[list[Button | None]]:
    return [buttons[start : start + PER_ROW] for start in range(0, len(buttons), PER_ROW)]


# --- doing ---------------------------------------------------------------------------------------------------------
def _start(context: CommandContext, row: Runbook, order: Order) -> Answer:
    """Start it; its card is the answer. What is missing is answered with how to give it."""
    given = name_words(order, [each.name for each in book_of(row).parameters])
    try:
        if order.group_id is not None and order.verb == words.RUN:
            return show_plan(context, row, given, order.group_id)
        books.start_run(
            row.name,
            given,
            actor=context.actor,
            session_id=context.session.pk,
            group_id=order.group_id,
            dry_run=order.verb == words.DRY,
            origin=ORIGIN,
        )
    except BadInput as error:
        missing = [
            f"{each.name}=…" for each in books.parameters_of(row) if each.name not in given and each.default is None
        ]
        if not missing:
            raise
        group = [f"{words.GROUP}={order.group_id}"] if order.group_id is not None else []
        usage = _("Write: /runbook {line}").format(line=" ".join([row.name, *missing, *group]))
        return say(f"{error.message}\n{usage}")
    return ()


def _cancel(context: CommandContext, order: Order) -> Answer:
    """Have a run stop; its card tells the rest."""
    if not context.actor.is_at_least(Role.OPERATOR):
        raise NotAllowed(_("Only operators may stop a run."))
    found = books.access_run(order.name, owner=None)
    if found.job.is_over:
        return say(_("Run {run} is over already.").format(run=found.pk))
    jobs.cancel_job(found.job.key, actor=context.actor, origin=ORIGIN)
    return say(_("Run {run} is being stopped.").format(run=found.pk))


def _undo(context: CommandContext, order: Order) -> Answer:
    """Roll a run back that was cancelled or failed; the card of that is the answer."""
    if not context.actor.is_at_least(Role.OPERATOR):
        raise NotAllowed(_("Only operators may roll a run back."))
    found = books.access_run(order.name, owner=None)
    books.roll_back(found, actor=context.actor, session_id=context.session.pk, origin=ORIGIN)
    return ()


COMMAND = Command(
    name="runbook",
    description=gettext_lazy("Run a runbook: /runbook NAME"),
    run=run,
    control=True,
    aliases=("runbooks", "rb"),
)
add_phrases("runbook", "runbook {args}", "run [the] runbook {args}", "execute [the] runbook {args}")
add_phrases("runbook", "start [the] runbook {args}", "run {name}", "execute {name}")
add_phrases("runbook", "executar [o] runbook {args}", "executa [o] runbook {args}", "rodar [o] runbook {args}")
add_phrases("runbook", "iniciar [o] runbook {args}", "executar {name}", "executa {name}", "rodar {name}")
add_phrases("runbook", "запусти ранбук {args}", "выполни ранбук {args}", "ранбук {args}", "запустить ранбук {args}")
add_phrases("runbook", "запусти {name}", "выполни {name}")
add_phrases("runbook", "runbooks", "[show] [the] runbooks", "list [the] runbooks", "which runbooks are there?")
add_phrases("runbook", "mostra [os] runbooks", "listar [os] runbooks", "quais runbooks existem?")
add_phrases("runbook", "ранбуки", "покажи ранбуки", "список ранбуков", "какие есть ранбуки?")
