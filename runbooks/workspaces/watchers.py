"""The chats that get a project's news."""

from __future__ import annotations

from collections.abc import Collection

from guardrails.types import Actor
from runbooks.models import Project, ProjectWatch
from sessions_app.models import GroupAccess


def watch(project: Project, session_id: int, *, actor: Actor) -> bool:
    """Have a chat get the news; False when it does already."""
    values = {"created_by": actor.subject[:64]}
    return ProjectWatch.objects.get_or_create(project=project, session_id=session_id, defaults=values)[1]


def unwatch(project: Project, session_id: int) -> bool:
    """Have a chat get no more news; False when it gets none."""
    return bool(ProjectWatch.objects.filter(project=project, session_id=session_id).delete()[0])


def unwatch_person(project: Project, names: Collection[str]) -> None:
    """Take away the news that somebody asked for, wherever it was, but not those of the group that owns the project."""
    rows = ProjectWatch.objects.filter(project=project, created_by__in=names)
    kind, _colon, number = project.owner.partition(":")
    group = GroupAccess.objects.filter(pk=int(number)).first() if kind == "group" else None
    if group is not None:
        rows = rows.exclude(session__channel_id=group.channel_id, session__chat_id=group.chat_id)
    rows.delete()


def sessions_of(project: Project, *besides: int | None) -> list[int]:
    """Return where news of a project are shown: in the chats that watch it, and in those that are named."""
    rows = ProjectWatch.objects.filter(project=project).order_by("pk").values_list("session_id", flat=True)
    return list(dict.fromkeys([*(each for each in besides if each is not None), *rows]))
