"""/project: what the current project is, who works in it, and which chats hear of it.

Looking needs a member; letting people in and putting it aside need a maintainer. Only rows are read: files and history
are shown by jobs.
"""

from __future__ import annotations

from collections.abc import Callable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bots.channels.base import Button
from bots.commands.base import Answer, Command, CommandContext, command_button, say, turn_page
from bots.commands.people import find_person
from bots.commands.phrases import add_phrases
from bots.commands.projects import SHA_CHARS, describe
from bots.commands.spelling import as_typed, plain
from runbooks.models import Project, ProjectMember
from runbooks.workspaces import projects
from runbooks.workspaces.access import DEVELOPER, MAINTAINER, VIEWER, access_project, current_project, role_of
from runbooks.workspaces.members import list_members, remove_member, set_member
from runbooks.workspaces.operations import last_operations
from runbooks.workspaces.watchers import sessions_of, unwatch, watch

ORIGIN = "chat"
SHOWN = 10


def run(context: CommandContext) -> Answer:
    """Do what the first word says; any other word is the name of a project to show."""
    words = as_typed(context.args, context.message.text if context.message else "").split()
    verb = _verb(words[0]) if words else "show"
    if verb == "members" and len(words) > 1 and _verb(words[1]) in ("add", "remove"):
        verb, words = _verb(words[1]), words[1:]
    if verb:
        return _VERBS[verb](context, " ".join(words[1:]))
    return _show(context, " ".join(words))


def _verb(word: str) -> str:
    """Return what a word says to do, in three languages; empty for any other word."""
    return _BY_WORD.get(plain(word), "")


# --- looking -------------------------------------------------------------------------------------------------------
def _show(context: CommandContext, name: str) -> Answer:
    project = _find(context, name, VIEWER)
    role = role_of(project, actor=context.actor, session_id=context.session.pk)
    people = project.members.count()
    lines = [
        describe(project),
        _("Owner: {name}; your role: {role}").format(name=project.owner_name or project.owner, role=role),
        _("Other members: {count}").format(count=people) if people else _("Nobody else is a member."),
    ]
    lines += [_("Its commands may use the network.")] if project.network else []
    lines += [_("It is archived.")] if project.archived else []
    return turn_page(context, say("\n".join(lines), *_buttons(context, project, role)))


def _buttons(context: CommandContext, project: Project, role: str) -> list[list[Button | None]]:
    here = context.session.pk in sessions_of(project)
    looks = [
        command_button(_("Members"), "project", f"members {project.key}"),
        command_button(_("Changes"), "project", f"log {project.key}"),
    ]
    watching = (
        command_button(_("No news here"), "project", f"unwatch {project.key}")
        if here
        else command_button(_("News here"), "project", f"watch {project.key}")
    )
    verb, label = ("restore", _("Restore")) if project.archived else ("archive", _("Archive"))
    aside = command_button(label, "project", f"{verb} {project.key}") if role == MAINTAINER else None
    return [looks, [watching, aside], [command_button(_("All projects"), "projects")]]


def _members(context: CommandContext, name: str) -> Answer:
    project = _find(context, name, VIEWER)
    owner = f"• {project.owner_name or project.owner} — " + (
        _("the group") if project.owner.startswith("group:") else _("owner")
    )
    lines = [owner, *(f"• {each.name or each.subject} — {each.role}" for each in list_members(project))]
    hint = _("To let somebody in: /project add NAME developer")
    return turn_page(context, say("\n".join([_("Members of {name}:").format(name=project.name), "", *lines, "", hint])))


def _log(context: CommandContext, name: str) -> Answer:
    project = _find(context, name, VIEWER)
    lines = [
        f"{each.sha[:SHA_CHARS]} {each.summary} ({each.actor_name or each.actor})"
        for each in last_operations(project, limit=SHOWN)
    ]
    head = _("Last changes of {name}:").format(name=project.name)
    return turn_page(context, say("\n".join([head, "", *(lines or [_("Nothing has been changed yet.")])])))


# --- people --------------------------------------------------------------------------------------------------------
def _add(context: CommandContext, text: str) -> Answer:
    """Let somebody in, or change their role; it is the last word, developer unless given."""
    *name, last = text.split() or [""]
    role = last.lower() if last.lower() in ProjectMember.Role.values else DEVELOPER
    words = name if last.lower() in ProjectMember.Role.values else [*name, last]
    if not "".join(words):
        return say(_("Write: /project add NAME developer"))
    project = _find(context, "", MAINTAINER)
    person = find_person(" ".join(words), channel_id=context.channel.pk)
    member = set_member(project, person, role, actor=context.actor, origin=ORIGIN)
    return say(_("{person} is {role} in {name} now.").format(person=member.name, role=role, name=project.name))


def _remove(context: CommandContext, text: str) -> Answer:
    if not text:
        return say(_("Write: /project remove NAME"))
    project = _find(context, "", MAINTAINER)
    person = find_person(text, channel_id=context.channel.pk)
    if not remove_member(project, person, actor=context.actor, origin=ORIGIN):
        return say(_("{person} is no member of {name}.").format(person=person.name, name=project.name))
    return say(_("{person} is not a member of {name} any more.").format(person=person.name, name=project.name))


# --- news, and putting it aside ------------------------------------------------------------------------------------
def _watch(context: CommandContext, name: str) -> Answer:
    project = _find(context, name, DEVELOPER if context.is_group else VIEWER)
    watch(project, context.session.pk, actor=context.actor)
    return say(_("This chat gets the news of {name}.").format(name=project.name))


def _unwatch(context: CommandContext, name: str) -> Answer:
    project = _find(context, name, DEVELOPER if context.is_group else VIEWER)
    unwatch(project, context.session.pk)
    return say(_("This chat gets no more news of {name}.").format(name=project.name))


def _archive(context: CommandContext, name: str) -> Answer:
    project = _find(context, name, MAINTAINER)
    projects.archive(project, actor=context.actor, origin=ORIGIN)
    button = command_button(_("Restore"), "project", f"restore {project.key}")
    return turn_page(context, say(_("{name} is archived; nothing is lost.").format(name=project.name), [button]))


def _restore(context: CommandContext, name: str) -> Answer:
    project = _find(context, name, MAINTAINER)
    projects.archive(project, archived=False, actor=context.actor, origin=ORIGIN)
    return turn_page(context, say(_("{name} can be worked on again.").format(name=project.name)))


def _find(context: CommandContext, name: str, role: str) -> Project:
    """Return the project that is named, or the current one; archived ones too."""
    session = context.session.pk
    if not name:
        return current_project(session, context.actor, role=role)
    return access_project(name.lower(), actor=context.actor, session_id=session, role=role, archived=True)


_VERBS: dict[str, Callable[[CommandContext, str], Answer]] = {
    "show": _show,
    "members": _members,
    "log": _log,
    "add": _add,
    "remove": _remove,
    "watch": _watch,
    "unwatch": _unwatch,
    "archive": _archive,
    "restore": _restore,
}
_WORDS = {
    "show": "show mostra mostrar покажи",
    "members": "members membros участники",
    "log": "log changes mudancas изменения",
    "add": "add role adicionar adiciona добавь добавить",
    "remove": "remove remover retirar убери убрать",
    "watch": "watch acompanhar следи следить",
    "unwatch": "unwatch silenciar",
    "archive": "archive arquivar arquiva архив",
    "restore": "restore restaurar restaura верни вернуть",
}
_BY_WORD = {plain(word): verb for verb, words in _WORDS.items() for word in words.split()}

COMMAND = Command(
    name="project",
    description=gettext_lazy("The project of this chat: members, news, archive"),
    run=run,
    control=True,
)
add_phrases("project", "[show] [the] project", "[which] project is this?", "mostra o projeto", "que projeto e este?")
add_phrases("project", "покажи проект", "какой это проект?")
