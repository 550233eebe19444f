"""Commands that the chat's current project defines in its repository. To everybody else they are unknown.

Built-in commands were looked for before, so none of these is ever run in the place of one.
"""

from __future__ import annotations

from bots.channels.base import InboundMessage
from bots.commands.base import Match
from bots.commands.changes import RUN
from bots.commands.registry import find_command, find_command_line, split_slash
from clawsite.core.errors import ClawError
from runbooks.workspaces.access import current_project
from runbooks.workspaces.gitops import finding
from sessions_app.models import Contact, Session


def match_project(
    message: InboundMessage, session: Session | None, contact: Contact | None, *, bot_username: str
) -> Match | None:
    """Return the command that runs a document, for a slash command that the chat's project defines, or None."""
    if session is None or contact is None or message.forwarded or message.kind not in ("message", "edit"):
        return None
    typed = split_slash(message.text, bot_username) if message.text.startswith(("/", "@")) else None
    if typed is None or find_command(typed[0]) is not None:
        return None
    try:
        project = current_project(session.pk, contact.actor)
    except ClawError:
        return None
    found = finding.find_command(finding.list_commands(project), typed[0], typed[1].split())
    return find_command_line(f"{RUN} {typed[0]} {typed[1]}") if found is not None else None
