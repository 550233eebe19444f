"""Pipelines on somebody's behalf. One answer for what does not exist and what is another project's."""

from __future__ import annotations

from django.utils.translation import gettext as _

from clawsite.core.errors import NotFound
from guardrails.types import Actor
from runbooks.models import Pipeline, Project
from runbooks.workspaces.access import VIEWER, check_role

MOST_LISTED = 50


def access_pipeline(
    number: int, *, actor: Actor, session_id: int | None = None, role: str = VIEWER, everything: bool = False
) -> Pipeline:
    """Return a pipeline for who has at least this role in its project (`everything`: for whom all are shown)."""
    row = Pipeline.objects.select_related("project", "job").filter(pk=number).first()
    if row is None:
        raise _unknown(number)
    if not everything:
        try:
            check_role(row.project, actor=actor, session_id=session_id, role=role)
        except NotFound:
            raise _unknown(number) from None
    return row


def list_pipelines(project: Project, *, limit: int = 10) -> list[Pipeline]:
    """Return the newest pipelines of a project."""
    rows = Pipeline.objects.select_related("project", "job").filter(project=project).order_by("-id")
    return list(rows[: max(1, min(limit, MOST_LISTED))])


def _unknown(number: int) -> NotFound:
    return NotFound(_("There is no pipeline {number}.").format(number=number))
