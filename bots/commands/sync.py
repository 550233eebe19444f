"""/sync: how a project stands to its remote, pushing now, and pulling what is new there.

Looking needs a viewer of the project, the rest a developer. The remote itself is set up in the admin pages, because
keys and tokens have no place in a chat.
"""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bots.cards.sync import state_line
from bots.commands.base import Answer, Command, CommandContext, command_button, say, turn_page
from bots.commands.phrases import add_phrases
from bots.commands.spelling import plain
from clawsite.core import audit
from clawsite.core.errors import BadInput
from runbooks.jobs import create_job
from runbooks.models import Project, Remote
from runbooks.workspaces.access import DEVELOPER, VIEWER, access_project, current_project
from runbooks.workspaces.sync import pulling
from runbooks.workspaces.sync.queue import want_push
from runbooks.workspaces.sync.results import describe

STATUS, PUSH, PULL = "status", "push", "pull"
_VERBS = {
    plain(word): verb
    for verb, words in {
        STATUS: "status estado статус",
        PUSH: "push enviar envia отправь отправить",
        PULL: "pull puxar puxa baixar забери забрать",
    }.items()
    for word in words.split()
}
_CHOICES = ("ours", "theirs", "branch")


def run(context: CommandContext) -> Answer:
    """Do what the words say; without words, tell how it stands."""
    words = context.args.split()
    verb = _VERBS.get(plain(words.pop(0)), "") if words else STATUS
    choice = words.pop(0).lower() if verb == PULL and words and words[0].lower() in _CHOICES else ""
    if not verb or len(words) > 1:
        raise BadInput(_("Use /sync, /sync push or /sync pull."))
    project = _project(context, words[0] if words else "", VIEWER if verb == STATUS else DEVELOPER)
    remote = Remote.objects.filter(project=project).first()
    if remote is None:
        return say(_("{project} has no remote. An admin sets one up in the admin pages, under Remotes.").format(
            project=project.name
        ))  # fmt: skip
    if verb == STATUS:
        return turn_page(context, _status(project, remote))
    if not remote.enabled:
        raise BadInput(_("The remote of {project} is switched off.").format(project=project.name))
    audit.record(f"remote.{verb}", actor=context.actor.subject, subject=remote.ref, origin="chat", choice=choice)
    return _push(context, project) if verb == PUSH else _pull(context, project, choice)


def _project(context: CommandContext, key: str, role: str) -> Project:
    """Return the project that a button names, or the chat's current one."""
    if key:
        return access_project(key, actor=context.actor, session_id=context.session.pk, role=role)
    return current_project(context.session.pk, context.actor, role)


def _status(project: Project, remote: Remote) -> Answer:
    data = describe(project, remote)
    lines = [f"{project.name} → {remote.url}", state_line(data) if remote.enabled else _("The remote is switched off.")]
    lines += [f"> {line}" for line in remote.error.splitlines()]
    if remote.ahead or remote.behind:
        lines.append(_("Here only: {ahead} commits. There only: {behind}.").format(**data))
    if remote.pushed_sha:
        lines.append(_("Pushed last: {commit}").format(commit=data["pushed"]))
    return say(
        "\n".join(lines),
        [
            command_button("⬆️ " + _("Push"), "sync", f"push {project.key}"),
            command_button("⬇️ " + _("Pull"), "sync", f"pull {project.key}"),
        ],
    )


def _push(context: CommandContext, project: Project) -> Answer:
    want_push(project.pk, actor=context.actor)
    return say(_("{project} is being pushed. You will hear if something is in the way.").format(project=project.name))


def _pull(context: CommandContext, project: Project, choice: str) -> Answer:
    """Have it pulled; the card says what came of it."""
    create_job(
        pulling.KIND,
        params={"project": project.key, "choice": choice},
        actor=context.actor,
        session_id=context.session.pk,
        start=True,
    )
    return ()


COMMAND = Command(name="sync", description=gettext_lazy("Push a project to its remote, or pull from it"), run=run)
add_phrases(
    "sync", "sync {words}", "sync the project", "sincronizar {words}", "sincronizar projeto", "sincronizar o projeto",
    "синхронизируй проект", "синхронизировать проект",
)  # fmt: skip
