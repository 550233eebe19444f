"""Which chats see a pipeline: those that watch its project, and those that asked for it and may still look."""

from __future__ import annotations

from clawsite.core.sql import begins_with
from runbooks.models import Pipeline, Project
from runbooks.workspaces.access import group_of, role_of
from runbooks.workspaces.watchers import sessions_of
from sessions_app.models import Card, Contact, Session


def audience_of(row: Pipeline) -> list[int]:
    """Return the chats to keep up to date: who was let out of a project since is told nothing more."""
    watching = sessions_of(row.project)
    keys = Card.objects.filter(begins_with("key", f"pipeline:{row.pk}:")).exclude(session_id__in=watching)
    asked = Session.objects.filter(pk__in=keys.values("session_id")).order_by("pk")
    return [*watching, *(session.pk for session in asked if _may_look(row.project, session))]


def _may_look(project: Project, session: Session) -> bool:
    """Tell whether a chat is somebody's who has a role in the project, or the group's that owns it."""
    if session.kind == Session.Kind.GROUP:
        group = group_of(session.pk)
        return group is not None and project.owner == f"group:{group.pk}"
    contact = Contact.objects.filter(channel_id=session.channel_id, external_id=session.chat_id).first()
    if contact is None or contact.state != Contact.State.APPROVED:
        return False
    return bool(role_of(project, actor=contact.actor, session_id=session.pk))
