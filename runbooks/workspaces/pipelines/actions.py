"""What people do with pipelines at a forge: start, cancel, retry, approve. Each is a job, because each asks outside."""

from __future__ import annotations

from typing import Literal

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from clawsite.core import audit
from clawsite.core.errors import BadInput
from guardrails.types import Actor
from runbooks import jobs
from runbooks.models import Job, Pipeline, Project
from runbooks.workspaces.pipelines.connections import get_connection
from runbooks.workspaces.pipelines.forge import check_ref
from runbooks.workspaces.pipelines.taking import has_answers
from runbooks.workspaces.pipelines.values import State, from_rows, is_changing

KIND = "pipeline_ask"
Verb = Literal["start", "cancel", "retry", "approve"]
MOST_NAME = 200


def start_pipeline(
    project: Project, *, actor: Actor, ref: str = "", session_id: int | None = None, origin: str = ""
) -> Job:
    """Have the forge run a pipeline for the newest commit of a branch, the project's own unless named."""
    get_connection(project)
    return _ask("start", project, actor, ref=check_ref(ref or project.branch), session_id=session_id, origin=origin)


def cancel_pipeline(row: Pipeline, *, actor: Actor, session_id: int | None = None, origin: str = "") -> Job:
    """Have a pipeline end."""
    if row.is_over:
        raise BadInput(_("Pipeline {number} is over already.").format(number=row.pk))
    return _ask("cancel", row.project, actor, row=row, session_id=session_id, origin=origin)


def retry_pipeline(row: Pipeline, *, actor: Actor, session_id: int | None = None, origin: str = "") -> Job:
    """Have what failed run again, or everything when nothing did."""
    if not row.is_over:
        raise BadInput(_("Pipeline {number} is not over yet.").format(number=row.pk))
    return _ask("retry", row.project, actor, row=row, session_id=session_id, origin=origin)


def approve_pipeline(
    row: Pipeline, *, actor: Actor, name: str = "", session_id: int | None = None, origin: str = ""
) -> Job:
    """Let go on what waits for a person: one job by its name or number, or all that wait."""
    if row.is_over:
        raise BadInput(_("Pipeline {number} is over already.").format(number=row.pk))
    return _ask("approve", row.project, actor, row=row, name=name[:MOST_NAME], session_id=session_id, origin=origin)


def changes_now(row: Pipeline) -> bool:
    """Tell whether a stage that changes something outside is at work, so that cancelling may leave it half done.

    While it is not known which stages there are, it may be.
    """
    stages = from_rows(row.stages)
    return is_changing(stages) if stages else row.state == State.RUNNING


def look_again(row: Pipeline) -> None:
    """Have a pipeline that is not over asked for soon."""
    if not row.is_over and has_answers(row.project_id, row.provider):
        Pipeline.objects.filter(pk=row.pk).update(due_at=timezone.now())


def _ask(
    verb: Verb,
    project: Project,
    actor: Actor,
    *,
    session_id: int | None,
    origin: str,
    row: Pipeline | None = None,
    ref: str = "",
    name: str = "",
) -> Job:
    if row is not None and not has_answers(row.project_id, row.provider):
        raise BadInput(_("Nothing can be asked about this pipeline: it was only told of."))
    params = {"project": project.key, "verb": verb, "pipeline": row.pk if row else None, "ref": ref, "name": name}
    with transaction.atomic():
        job = jobs.create_job(KIND, params=params, actor=actor, session_id=session_id, start=True, origin=origin)
        subject = row.ref_string if row else project.ref
        audit.record(
            f"pipeline.{verb}", actor=actor.subject, subject=subject, origin=origin, project=project.key, job=job.key
        )
    return job
