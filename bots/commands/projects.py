"""/projects and /switch: what somebody works on, and which of it the commands of this chat are about."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bots.channels.base import Button
from bots.commands.base import Answer, Command, CommandContext, command_button, say, turn_page
from bots.commands.phrases import add_phrases
from bots.commands.spelling import as_typed
from clawsite.core.errors import BadInput, NotAllowed
from guardrails.types import Role
from runbooks.models import Job, Project
from runbooks.workspaces.access import access_project, current_project, list_projects
from runbooks.workspaces.operations import last_operations
from runbooks.workspaces.projects import choose
from runbooks.workspaces.turns import holder_of

SHOWN = 20
PER_ROW = 2
SHA_CHARS = 8


def run_list(context: CommandContext) -> Answer:
    """List the projects, with a button for each."""
    rows = list_projects(context.actor, context.session.pk)
    if not rows:
        if not _may_begin(context):
            return turn_page(context, say(_("You have no project yet. A maintainer of one can let you in.")))
        text = _("You have no project yet. /new begins one.")
        return turn_page(context, say(text, [command_button(_("New project"), "new")]))
    now = find_current(context)
    lines = [_line(each, current=now == each) for each in rows[:SHOWN]]
    more = [_("… and {count} more").format(count=len(rows) - SHOWN)] if len(rows) > SHOWN else []
    buttons = [command_button(each.name, "switch", each.key) for each in rows[:SHOWN] if each != now]
    last = [command_button(_("New project"), "new")] if _may_begin(context) else []
    return turn_page(context, say("\n".join([_("Projects:"), "", *lines, *more]), *_in_rows(buttons), last))


def _may_begin(context: CommandContext) -> bool:
    """Tell whether /new is for this person; what is offered to others would be a command that does not exist."""
    return context.actor.is_at_least(Role.OPERATOR)


def run_switch(context: CommandContext) -> Answer:
    """Choose a project; without a name, list them."""
    name = as_typed(context.args, context.message.text if context.message else "").strip()
    if not name:
        return run_list(context)
    project = access_project(name.lower(), actor=context.actor, session_id=context.session.pk)
    choose(project, session_id=context.session.pk, actor=context.actor)
    text = _("This chat is about {name} now.").format(name=project.name)
    return turn_page(context, say(text, [command_button(_("Project"), "project", "show")]))


def find_current(context: CommandContext) -> Project | None:
    """Return the project that this chat is about for this person, or None."""
    try:
        return current_project(context.session.pk, context.actor)
    except (BadInput, NotAllowed):
        return None


def read_project(context: CommandContext) -> Sequence[str]:
    """Say for the status which project it is, where it stands, and what works on it."""
    project = find_current(context)
    if project is None:
        return []
    lines = [_("Project: {line}").format(line=describe(project))]
    job = holder_of(project)
    if job is not None:
        lines.append(_("A job works on it: {kind}, {state}").format(kind=job.kind, state=_state_of(job)))
    return lines


def _state_of(job: Job) -> str:
    words = {"created": _("queued"), "queued": _("queued"), "waiting_approval": _("waits for a person")}
    return words.get(job.state, _("at work"))


def describe(project: Project) -> str:
    """Return a project in one line: its type and its last change."""
    last = last_operations(project, limit=1)
    if not last:
        words = {"making": _("being made"), "ready": _("ready"), "failed": _("could not be made")}
        return f"{project.name} ({project.type}, {words[project.state]})"
    return f"{project.name} ({project.type}), {project.branch} {last[0].sha[:SHA_CHARS]}: {last[0].summary}"


def _line(project: Project, *, current: bool) -> str:
    mark = "▶" if current else "👥" if project.owner.startswith("group:") else "•"
    return f"{mark} {describe(project)}"


def _in_rows(buttons: list[Button | None]) -> list[list[Button | None]]:
    return [buttons[at : at + PER_ROW] for at in range(0, len(buttons), PER_ROW)]


LIST = Command(
    name="projects",
    description=gettext_lazy("Your projects"),
    run=run_list,
    control=True,
    looks=True,
)
SWITCH = Command(
    name="switch",
    description=gettext_lazy("Choose the project of this chat: /switch NAME"),
    run=run_switch,
    control=True,
)
add_phrases("projects", "[show] [my] projects", "list [my] projects", "which projects are there?")
add_phrases("projects", "[meus] projetos", "mostra [os] [meus] projetos", "listar [os] projetos")
add_phrases("projects", "[мои] проекты", "покажи [мои] проекты", "список проектов")
add_phrases("switch", "switch to [the] project {words}", "work on [the] project {words}")
add_phrases("switch", "mudar para o projeto {words}", "muda para o projeto {words}", "trabalhar no projeto {words}")
add_phrases("switch", "перейди к проекту {words}", "переключись на проект {words}", "выбери проект {words}")
