"""/get and /tree show the files of the chat's project; /put says where files that were sent go in it."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bots.channels.base import Button, InboundMessage
from bots.commands.base import Answer, Command, CommandContext, command_button, say, turn_page
from bots.commands.phrases import add_phrases
from bots.uploads.offering import offer, offered_files, path_in
from clawsite.core.errors import BadInput
from guardrails.types import Role
from runbooks.jobs import create_job
from runbooks.models import Upload
from runbooks.workspaces.access import DEVELOPER, access_project, current_project
from runbooks.workspaces.files import check_path
from runbooks.workspaces.uploads import FOLDER, get_uploads, place

PUT = "put"
ROOT, UPLOADS, NO, OVER, OVER_EXTRACT, EXTRACT = "=root", "=uploads", "=no", "=over", "=overextract", "=extract"
NAMES = 5


def run_get(context: CommandContext) -> Answer:
    """Have a file, or a folder as a zip, brought to the chat."""
    if not context.args.strip():
        raise BadInput(_("Write for example: /get README.md, or /get docs for the whole folder."))
    _ask(context, "file_get", context.args)
    return ()


def run_tree(context: CommandContext) -> Answer:
    """Have the files of the project listed."""
    _ask(context, "file_tree", context.args)
    return ()


def _ask(context: CommandContext, kind: str, words: str) -> None:
    project = current_project(context.session.pk, context.actor)
    path = check_path(words, reading=True) if words.strip(" ./") else ""
    params = {"project": project.key, "path": path}
    owner = context.actor.subject
    create_job(kind, params=params, actor=context.actor, owner=owner, session_id=context.session.pk, start=True)


def run_put(context: CommandContext) -> Answer:
    """Offer the files of a message, or do with them what a button or the words say."""
    message = context.message
    if message is not None and message.kind == "message" and offered_files(message):
        return _offer(context, message)
    number, _space, where = context.args.strip().partition(" ")
    if not number.isdecimal() or not where.strip():
        raise BadInput(_("Send a file to this chat, with the path in its caption if you like: docs/plan.pdf"))
    rows = get_uploads(int(number), context.session.pk)
    return turn_page(context, _decide(context, rows, where.strip()))


def _offer(context: CommandContext, message: InboundMessage) -> Answer:
    project, rows = offer(context, message)
    where = context.args.strip() or path_in(message.text)
    if where and (len(rows) == 1 or where.endswith("/")):
        return _decide(context, rows, where)
    names = ", ".join(row.name for row in rows[:NAMES]) + (", …" if len(rows) > NAMES else "")
    batch = rows[0].pk
    text = _("Put {names} into {project}?").format(names=names, project=project.name)
    hint = _("Or write another place: {example}").format(example=f"/put {batch} docs/")
    buttons = [_button(f"{FOLDER}/", batch, UPLOADS), _button(_("Top folder"), batch, ROOT)]
    return say(f"{text}\n{hint}", buttons, [_button(_("No"), batch, NO)])


def _button(label: str, batch: int, word: str) -> Button | None:
    return command_button(label, PUT, f"{batch} {word}")


def _decide(context: CommandContext, rows: list[Upload], where: str) -> Answer:
    """Start a job for each file; who presses must be able to change the project."""
    for key in {row.project.key for row in rows}:
        access_project(key, actor=context.actor, session_id=context.session.pk, role=DEVELOPER)
    if where == NO:
        Upload.objects.filter(pk__in=[row.pk for row in rows]).update(state=Upload.State.CANCELLED)
        return say(_("Not stored."))
    open_states = _states(where)
    waiting = [row for row in rows if row.state in open_states]
    if not waiting:
        raise BadInput(_("This was decided already."))
    for row in waiting:
        _start(context, row, where)
    return say(ngettext("Storing {n} file…", "Storing {n} files…", len(waiting)).format(n=len(waiting)))


def _states(where: str) -> set[str]:
    """Return which files a word is for."""
    if where in (OVER, OVER_EXTRACT):
        return {Upload.State.EXISTS}
    return {Upload.State.STORED} if where == EXTRACT else {Upload.State.WAITING, Upload.State.EXISTS}


def _start(context: CommandContext, row: Upload, where: str) -> None:
    params = {
        "upload": row.pk,
        "where": "" if where in (EXTRACT, OVER_EXTRACT) else _place(row, where),
        "overwrite": where in (OVER, OVER_EXTRACT),
        "extract": where in (EXTRACT, OVER_EXTRACT),
        "name": context.actor.name[:200],
    }
    row.state = Upload.State.STORING
    row.save(update_fields=["state"])
    owner = context.actor.subject
    create_job("file_put", params=params, actor=context.actor, owner=owner, session_id=row.session_id, start=True)


def _place(row: Upload, where: str) -> str:
    if where == OVER:
        return check_path(row.path)
    folder = {ROOT: "", UPLOADS: f"{FOLDER}/"}.get(where)
    return place(row, where if folder is None else folder)


GET = Command(
    name="get", description=gettext_lazy("A file or folder of the project"), run=run_get, control=True, looks=True,
    aliases=("download",),
)  # fmt: skip
TREE = Command(
    name="tree", description=gettext_lazy("The files of the project"), run=run_tree, control=True, looks=True
)
PUT_COMMAND = Command(
    name=PUT, description=gettext_lazy("Where a sent file goes"), run=run_put, role=Role.OPERATOR, hidden=True
)

add_phrases("tree", "[show] [the] file tree", "list [the] files", "arvore de arquivos", "listar arquivos")
add_phrases("tree", "дерево файлов", "список файлов")
add_phrases("get", "get file {args}", "baixar arquivo {args}", "скачать файл {args}")
