"""Asking for a deploy or a rollback: a job, which looks at the gates itself, for they are in git and on the disk."""

from __future__ import annotations

from django.db import transaction

from guardrails.types import Actor
from runbooks.jobs import create_job
from runbooks.jobs.actions import SYSTEM
from runbooks.models import Deploy, Job, Project
from runbooks.workspaces.access import DEVELOPER, access_project
from runbooks.workspaces.git.looking import check_revision

KIND, CLEAR = "deploy", "deploy_clear"


def start_deploy(
    project: Project,
    environment: str,
    *,
    ref: str = "",
    kind: str = Deploy.Kind.DEPLOY,
    actor: Actor,
    owner: str = "",
    session_id: int | None = None,
    origin: str = "",
    idempotency_key: str = "",
) -> Job:
    """Start the job that brings a commit (the newest, unless named) to an environment, or takes it back.

    A rollback goes to the release that was live before, or to a commit that was live some time.
    """
    access_project(project.key, actor=actor, session_id=session_id, role=DEVELOPER)
    if ref:
        check_revision(ref)
    return create_job(
        KIND,
        params={"project": project.key, "environment": environment, "ref": ref, "kind": str(kind)},
        actor=actor,
        owner=owner,
        session_id=session_id,
        start=True,
        origin=origin,
        idempotency_key=idempotency_key,
    )


def start_way_back(deploy: Deploy) -> Job | None:
    """Go back by ourselves to what was there before a deploy or a rollback of somebody's that ended in the middle."""
    if deploy.requested_by == SYSTEM.subject:
        return None
    if not deploy.before:
        return create_job(
            CLEAR, params={"deploy": deploy.pk}, actor=SYSTEM, start=True, idempotency_key=f"way-back:{deploy.pk}"
        )
    with transaction.atomic():
        job = create_job(
            KIND,
            params={
                "project": deploy.project.key,
                "environment": deploy.environment.name,
                "ref": deploy.before,
                "kind": str(Deploy.Kind.ROLLBACK),
                "after": deploy.pk,
            },
            actor=SYSTEM,
            session_id=deploy.job.session_id if deploy.job else None,
            start=True,
            idempotency_key=f"way-back:{deploy.pk}",
        )
        _take_place(job, deploy)
    return job


def _take_place(job: Job, deploy: Deploy) -> None:
    """Have it stand in the queue at once, so that nobody who waits there comes before it. Safe to repeat."""
    good = (Deploy.State.LIVE, Deploy.State.REPLACED)
    rows = Deploy.objects.filter(environment=deploy.environment, commit=deploy.before, state__in=good)
    target = rows.order_by("-pk").first()
    Deploy.objects.get_or_create(
        job=job,
        defaults={
            "project": deploy.project,
            "environment": deploy.environment,
            "kind": Deploy.Kind.ROLLBACK,
            "commit": deploy.before,
            "ref": deploy.before,
            "previous": target.previous if target is not None else None,
            "requested_by": SYSTEM.subject,
            "requested_name": SYSTEM.name,
        },
    )
