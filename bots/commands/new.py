"""/new: a project from a template, or from a repository elsewhere. What is missing is asked for with buttons.

In a group the project is the group's. The card of the project is the answer; it comes as soon as the job has made it.
"""

from __future__ import annotations

import re

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from bots.commands.base import Answer, Command, CommandContext, command_button, say, turn_page
from bots.commands.phrases import add_phrases
from bots.commands.spelling import as_typed
from guardrails.types import Role
from runbooks.workspaces.cloning import name_from
from runbooks.workspaces.projects import CLONED, check_name, create_project, suggest_names
from runbooks.workspaces.templates import Template, find_template, list_templates

ORIGIN = "chat"
PER_ROW = 2
# Titles and descriptions of the types that come with this server; those of other types are shown as they are.
TYPES = (
    gettext_noop("Django app"),
    gettext_noop("A site with a page, a model and a health check."),
    gettext_noop("FastAPI service"),
    gettext_noop("An HTTP service with a health check."),
    gettext_noop("Node service"),
    gettext_noop("An HTTP service of Node.js without dependencies."),
    gettext_noop("Python package"),
    gettext_noop("A library with a command, tested with the standard library."),
    gettext_noop("Static site"),
    gettext_noop("Pages without a server program; tests look for broken links."),
    gettext_noop("Telegram bot"),
    gettext_noop("A bot that answers, with its answers tested without Telegram."),
)
_ADDRESS = re.compile(r"[a-z]+://|[\w.-]+@[\w.-]+:")


def run(context: CommandContext) -> Answer:
    """Make what the words name, or ask for what they leave out."""
    words = as_typed(context.args, context.message.text if context.message else "").split()
    if words and _ADDRESS.match(words[0]):
        return _clone(context, *words[:3])
    template, names = _take_template(words)
    if len(names) > 1:
        return say(_("Write: /new TYPE NAME, such as /new python-package my-shop"))
    name = check_name(names[0].lower()) if names else ""
    if template is None:
        return turn_page(context, _ask_type(name))
    if not name:
        return turn_page(context, _ask_name(context, template))
    create_project(template.type, name, actor=context.actor, session_id=context.session.pk, origin=ORIGIN)
    return ()


def _clone(context: CommandContext, url: str, name: str = "", *more: str) -> Answer:
    """Make a project from a repository elsewhere, under its name there unless another is given."""
    if more:
        return say(_("Write: /new ADDRESS NAME"))
    name = check_name(name.lower()) if name else name_from(url)
    session = context.session.pk
    create_project(CLONED, name, actor=context.actor, session_id=session, url=url, origin=ORIGIN)
    return say(_("{name} is being cloned.").format(name=name))


def _take_template(words: list[str]) -> tuple[Template | None, list[str]]:
    """Return the type among the words, wherever it stands, and the others; of two types the second is a name."""
    for place, word in enumerate(words[:2]):
        found = find_template(word)
        if found is not None:
            return found, [*words[:place], *words[place + 1 :]]
    return None, words


def _ask_type(name: str) -> Answer:
    lines = [f"{each.about.mark} {each.type} — {_say(each.about.description)}" for each in list_templates()]
    buttons = [
        command_button(f"{each.about.mark} {_say(each.about.title)}", "new", f"{each.type} {name}")
        for each in list_templates()
    ]
    head = _("Which type of project?") if not name else _("Which type of project is {name}?").format(name=name)
    return say("\n".join([head, "", *lines]), *(buttons[at : at + PER_ROW] for at in range(0, len(buttons), PER_ROW)))


def _say(text: str) -> str:
    return _(text) if text in TYPES else text


def _ask_name(context: CommandContext, template: Template) -> Answer:
    names = suggest_names(template.type, actor=context.actor)
    buttons = [command_button(name, "new", f"{template.type} {name}") for name in names]
    text = _("What is it called? Choose a name, or write /new {type} NAME").format(type=template.type)
    return say(text, *([button] for button in buttons))


COMMAND = Command(
    name="new",
    description=gettext_lazy("Begin a project: /new TYPE NAME"),
    run=run,
    role=Role.OPERATOR,
    control=True,
)
add_phrases("new", "new project", "[make] [create] [start] a new project", "create [a] project", "new project {args}")
add_phrases("new", "novo projeto", "criar [um] [novo] projeto", "cria um projeto", "novo projeto {args}")
add_phrases("new", "новый проект", "создай [новый] проект", "создать [новый] проект", "новый проект {args}")
