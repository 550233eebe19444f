"""When a message with files is an offer to the project of its chat, and the rows that wait for an answer."""

from __future__ import annotations

import re

from bots.channels.base import InboundFile, InboundMessage
from bots.commands.base import CommandContext
from clawsite.core.errors import ClawError
from runbooks.models import CurrentProject, Project, Upload
from runbooks.workspaces.access import DEVELOPER, VIEWER, current_project, role_of
from sessions_app.models import Contact, Session

KINDS = ("document", "photo")
MOST = 10
# A caption that is nothing but a path: a folder with its slash, or a file with its ending.
_PATH = re.compile(r"(?:\.?[\w-][\w.-]*/)*(?:\.?[\w-][\w.-]*/|[\w-][\w.-]*\.\w{1,12})")


def is_offer(message: InboundMessage, session: Session | None, contact: Contact | None) -> bool:
    """Tell whether files came without a question, in a chat where their sender works on a project."""
    if message.kind != "message" or session is None or contact is None or not offered_files(message):
        return False
    if message.text.strip() and not path_in(message.text):
        return False
    if not CurrentProject.objects.filter(session=session).exists():
        return False
    try:
        project = current_project(session.pk, contact.actor)
    except ClawError:
        return False
    return role_of(project, actor=contact.actor, session_id=session.pk) != VIEWER


def offered_files(message: InboundMessage) -> tuple[InboundFile, ...]:
    """Return the files that can be put into a project; what is spoken is not."""
    return tuple(file for file in message.files if file.kind in KINDS)[:MOST]


def path_in(caption: str) -> str:
    """Return the path that a caption is, or ""."""
    text = caption.strip()
    return text if _PATH.fullmatch(text) else ""


def offer(context: CommandContext, message: InboundMessage) -> tuple[Project, list[Upload]]:
    """Note the files of a message; nothing of them is fetched or written yet. In the transaction of its row."""
    project = current_project(context.session.pk, context.actor, DEVELOPER)
    rows = [
        Upload.objects.create(
            project=project,
            session=context.session,
            channel=context.channel,
            subject=context.actor.subject[:64],
            name=(file.name or _default_name(file, number))[:255],
            size=file.size,
            ref=file.ref[:300],
        )
        for number, file in enumerate(offered_files(message), start=1)
    ]
    for row in rows:
        row.batch = rows[0].pk
        row.save(update_fields=["batch"])
    return project, rows


def _default_name(file: InboundFile, number: int) -> str:
    ending = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}.get(file.mime, "jpg")
    return f"{file.kind}-{number}.{ending}" if file.kind == "photo" else f"file-{number}"
