"""/changes: the open change requests of a project, merging and closing them, and the commands that made them.

A command of the project's own comes here as `gitops NAME WORDS`: it only starts a job, whose card is the answer.
"""

from __future__ import annotations

import shlex

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bots.cards.change import state_words
from bots.channels.base import Button
from bots.code.diffing import NAME as DIFF
from bots.commands.base import Answer, Command, CommandContext, command_button, say, turn_page
from bots.commands.phrases import add_phrases
from bots.commands.spelling import spell
from clawsite.core.errors import BadInput
from runbooks.books.parameters import read_values
from runbooks.jobs import create_job
from runbooks.models import ChangeRequest, Project
from runbooks.workspaces.access import DEVELOPER, current_project
from runbooks.workspaces.gitops import actions, finding
from runbooks.workspaces.gitops.showing import State
from runbooks.workspaces.gitops.starting import start_command

RUN = "gitops"
ORIGIN = "chat"
MERGE, CLOSE, SHOW_DIFF = "merge", "close", "diff"
SHOWN = 5


def run_list(context: CommandContext) -> Answer:
    """Do what the words say with a change; without words, list those that are open."""
    words = context.args.lower().split()
    if not words:
        project = current_project(context.session.pk, context.actor)
        return turn_page(context, _list(project))
    if len(words) != 2 or words[0] not in (MERGE, CLOSE, SHOW_DIFF):
        raise BadInput(_("Use /changes, /changes merge NUMBER, /changes close NUMBER or /changes diff NUMBER."))
    change = actions.access_change(words[1], actor=context.actor, session_id=context.session.pk)
    if words[0] == CLOSE:
        actions.close_change(change, actor=context.actor, session_id=context.session.pk)
        return say(_("Change {number} is closed. Its branch stays.").format(number=change.pk))
    if words[0] == MERGE:
        actions.ask_merge(change, actor=context.actor, session_id=context.session.pk, origin=ORIGIN)
    else:
        _show_diff(context, change)
    return ()


def run_document(context: CommandContext) -> Answer:
    """Start a command of the current project's own."""
    name, _space, rest = context.args.partition(" ")
    project = current_project(context.session.pk, context.actor, DEVELOPER)
    words = _words(rest)
    found = finding.find_command(finding.list_commands(project), name, words)
    if found is None:
        raise BadInput(_("{project} has no command /{name}.").format(project=project.name, name=name[:32]))
    read_values(found.document.spec.parameters, finding.read_words(found.document, words))
    start_command(
        project,
        spell(name),
        words,
        actor=context.actor,
        session_id=context.session.pk,
        origin=ORIGIN,
        idempotency_key=_press(context),
    )
    return ()


def _press(context: CommandContext) -> str:
    """Return what makes a button that is pressed twice one order; "" for what was typed."""
    message = context.message
    pressed = message is not None and message.kind == "callback"
    return f"press:{context.session.pk}:{message.message_id}:{RUN}" if message is not None and pressed else ""


def _words(text: str) -> list[str]:
    """Return the words of a line; quotes keep several together."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    if len(words) > 20 or any(len(each) > 500 for each in words):
        raise BadInput(_("That is too much for one command."))
    return words


def _show_diff(context: CommandContext, change: ChangeRequest) -> None:
    create_job(
        DIFF,
        params={"project": change.project.key, "sha": change.commit, "language": context.language},
        actor=context.actor,
        session_id=context.session.pk,
        start=True,
        origin=ORIGIN,
    )


def _list(project: Project) -> Answer:
    """List what is open, with what can be done about it, and the commands that the project has."""
    rows = actions.open_changes(project, limit=SHOWN)
    lines = [_("Open changes of {project}:").format(project=project.name), ""]
    lines += [f"{row.pk} · {row.title} · {row.requested_name} · {state_words(row.state)}" for row in rows]
    if not rows:
        lines = [_("No change of {project} is open.").format(project=project.name)]
    commands = finding.list_commands(project)
    if commands:
        lines += ["", _("Commands of this project:")]
        lines += [
            f"{finding.usage(each.document)} – {each.document.spec.description}".rstrip(" –") for each in commands
        ]
    return say("\n".join(lines), *([*_buttons(row)] for row in rows))


def _buttons(row: ChangeRequest) -> list[Button | None]:
    ready = row.state == State.APPROVED or not row.policy["requireApproval"]
    return [
        command_button(_("Merge {number}").format(number=row.pk), "changes", f"{MERGE} {row.pk}") if ready else None,
        command_button(_("Diff {number}").format(number=row.pk), "changes", f"{SHOW_DIFF} {row.pk}"),
        command_button(_("Close {number}").format(number=row.pk), "changes", f"{CLOSE} {row.pk}"),
    ]


LIST = Command(name="changes", description=gettext_lazy("Open change requests of the project"), run=run_list)
COMMAND = Command(name=RUN, description=gettext_lazy("Run a command of the project"), run=run_document, hidden=True)
add_phrases(
    "changes", "open changes", "list [the] changes", "[as] mudancas abertas", "listar mudancas", "открытые изменения",
    "список изменений",
)  # fmt: skip
