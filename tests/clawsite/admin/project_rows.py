"""A project and a change of it, with text that would do harm if a page took it for markup."""

from __future__ import annotations

from guardrails.types import Actor
from runbooks.models import ChangeRequest, Deploy, Environment, EnvironmentLock, Project
from runbooks.workspaces.operations import record_operation


def make_project_rows(evil: str) -> dict[str, int]:
    """Create both; return the primary keys by the models' names in the admin's addresses."""
    project = Project.objects.create(
        key="evil-1", name="evil", owner="user:1", owner_name=evil, type="static-site", state="ready"
    )
    actor = Actor(subject="user:1", name=evil)
    operation = record_operation(project, kind="new", sha="abcdef", actor=actor, summary=evil)
    environment = Environment.objects.create(project=project, name="staging", host=[evil], url="http://127.0.0.1:9/")
    EnvironmentLock.objects.create(environment=environment, owner="user:1", owner_name=evil, reason=evil)
    deploy = Deploy.objects.create(
        project=project, environment=environment, commit="abcdef", ref=evil, changes=[evil], requested_by="user:1",
        requested_name=evil,
    )  # fmt: skip
    texts = dict.fromkeys(("line", "file", "title", "branch", "requested_name"), evil)
    change = ChangeRequest.objects.create(
        project=project, role="developer", policy={"title": evil}, base="0" * 40, commit="1" * 40,
        files=[[evil, 1, 2]], conflicts=[evil], requested_by="user:1", **texts,
    )  # fmt: skip
    return {
        "runbooks_changerequest": change.pk,
        "runbooks_project": project.pk,
        "runbooks_operation": operation.pk,
        "runbooks_environment": environment.pk,
        "runbooks_deploy": deploy.pk,
    }
