"""The chats that get a project's news."""

from __future__ import annotations

from guardrails.types import Actor
from runbooks.models import Project, ProjectWatch


def watch(project: Project, session_id: int, *, actor: Actor) -> bool:
    """Have a chat get the news; False when it does already."""
    values = {"created_by": actor.subject[:64]}
    return ProjectWatch.objects.get_or_create(project=project, session_id=session_id, defaults=values)[1]


def unwatch(project: Project, session_id: int) -> bool:
    """Have a chat get no more news; False when it gets none."""
    return bool(ProjectWatch.objects.filter(project=project, session_id=session_id).delete()[0])


def sessions_of(project: Project, *besides: int | None) -> list[int]:
    """Return where news of a project are shown: in the chats that watch it, and in those that are named."""
    rows = ProjectWatch.objects.filter(project=project).order_by("pk").values_list("session_id", flat=True)
    return list(dict.fromkeys([*(each for each in besides if each is not None), *rows]))
