"""A project and a change of it, with text that would do harm if a page took it for markup."""

from __future__ import annotations

from guardrails.types import Actor
from runbooks.models import Project
from runbooks.workspaces.operations import record_operation


def make_project_rows(evil: str) -> dict[str, int]:
    """Create both; return the primary keys by the models' names in the admin's addresses."""
    project = Project.objects.create(
        key="evil-1", name="evil", owner="user:1", owner_name=evil, type="static-site", state="ready"
    )
    actor = Actor(subject="user:1", name=evil)
    operation = record_operation(project, kind="new", sha="abcdef", actor=actor, summary=evil)
    return {"runbooks_project": project.pk, "runbooks_operation": operation.pk}
