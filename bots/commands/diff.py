"""/diff and /undo: what changed last in the current project, and taking it back."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from bots.code.deciding import UNDO
from bots.code.diffing import NAME as DIFF
from bots.code.starting import ROLE, access_run
from bots.commands.base import Answer, Command, CommandContext
from bots.commands.phrases import add_phrases
from runbooks.jobs import create_job
from runbooks.workspaces.access import current_project

# Numbers of work are shorter than what names a commit; one of digits alone that is longer is a commit.
NUMBER_CHARS = 6
ORIGIN = "chat"


def run_diff(context: CommandContext) -> Answer:
    """Show what some work, an operation or a commit has changed; without words, the last operation."""
    _create(context, DIFF, role="viewer")
    return ()


def run_undo(context: CommandContext) -> Answer:
    """Have it taken back, after a question that lists the files."""
    _create(context, UNDO, role=ROLE)
    return ()


def _create(context: CommandContext, kind: str, *, role: str) -> None:
    create_job(
        kind,
        params=_read(context, role) | {"language": context.language},
        actor=context.actor,
        session_id=context.session.pk,
        start=True,
        origin=ORIGIN,
    )


def _read(context: CommandContext, role: str) -> dict[str, object]:
    word = context.args.strip().lstrip("#").lower()
    if word.isascii() and word.isdecimal() and len(word) <= NUMBER_CHARS:
        found = access_run(word, actor=context.actor, session_id=context.session.pk, role=role)
        return {"run": found.pk}
    project = current_project(context.session.pk, context.actor, role=role)
    return {"project": project.key, "sha": word[:64]}


DIFF_COMMAND = Command(
    name="diff",
    description=gettext_lazy("What was changed in the project: /diff [number or commit]"),
    run=run_diff,
    control=True,
)
UNDO_COMMAND = Command(
    name="undo",
    description=gettext_lazy("Undo the last change of the project"),
    run=run_undo,
    control=True,
)
add_phrases("diff", "[show] [the] diff", "mostra [o] diff", "[покажи] дифф")
add_phrases("undo", "undo [the] last change", "desfazer [a] ultima mudanca", "отмени последнее изменение")
