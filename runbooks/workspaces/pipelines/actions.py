"""What people do with pipelines: start, cancel, retry, approve, at a forge or here. What asks outside is a job.

A project whose forge can be asked has its pipelines there; any other has those of its claw.yaml, which run here.
"""

from __future__ import annotations

from typing import Any, Literal

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from clawsite.core import audit
from clawsite.core.errors import BadInput
from guardrails.types import Actor
from runbooks import jobs
from runbooks.models import Job, Pipeline, Project
from runbooks.workspaces.pipelines.connections import find_connection
from runbooks.workspaces.pipelines.forge import check_ref
from runbooks.workspaces.pipelines.local_asking import decide_waiting
from runbooks.workspaces.pipelines.local_rows import begin_again
from runbooks.workspaces.pipelines.orders import sealed
from runbooks.workspaces.pipelines.showing import seal_of
from runbooks.workspaces.pipelines.taking import has_answers
from runbooks.workspaces.pipelines.values import State, from_rows, is_changing

KIND, LOCAL_KIND = "pipeline_ask", "pipeline"
Verb = Literal["start", "cancel", "retry", "approve"]
MOST_NAME = 200


def start_pipeline(
    project: Project, *, actor: Actor, ref: str = "", session_id: int | None = None, origin: str = ""
) -> Job:
    """Have a pipeline run for the newest commit of a branch, the project's own unless named."""
    branch = check_ref(ref or project.branch)
    connection = find_connection(project)
    if connection is not None and has_answers(project.pk, connection.kind):
        return _ask("start", project, actor, ref=branch, session_id=session_id, origin=origin)
    params = {"project": project.key, "ref": branch, "pipeline": None}
    return _order(LOCAL_KIND, params, "start", project, actor, None, session_id, origin)


def cancel_pipeline(row: Pipeline, *, actor: Actor, session_id: int | None = None, origin: str = "") -> Job:
    """Have a pipeline end."""
    if row.is_over:
        raise BadInput(_("Pipeline {number} is over already.").format(number=row.pk))
    if row.job is None:
        return _ask("cancel", row.project, actor, row=row, session_id=session_id, origin=origin)
    with transaction.atomic():
        _audit("cancel", row.project, actor, row, origin, row.job)
        return jobs.cancel_job(row.job.key, actor=actor, origin=origin)


def retry_pipeline(row: Pipeline, *, actor: Actor, session_id: int | None = None, origin: str = "") -> Job:
    """Have what failed run again, or everything when nothing did."""
    _check_over(row)
    if row.provider != Pipeline.Provider.LOCAL:
        return _ask("retry", row.project, actor, row=row, session_id=session_id, origin=origin)
    params = {"project": row.project.key, "ref": row.ref, "pipeline": row.pk}
    with transaction.atomic():
        row.refresh_from_db(from_queryset=Pipeline.objects.select_for_update())
        _check_over(row)  # of two presses one is first
        job = _order(LOCAL_KIND, params, "retry", row.project, actor, row, session_id, origin)
        begin_again(row, job)
    return job


def _check_over(row: Pipeline) -> None:
    if not row.is_over:
        raise BadInput(_("Pipeline {number} is not over yet.").format(number=row.pk))


def approve_pipeline(
    row: Pipeline, *, actor: Actor, name: str = "", shown: str = "", session_id: int | None = None, origin: str = ""
) -> Job:
    """Let go on what waits for a person: one job by its name or number, or all that wait.

    `shown` is the seal of what somebody saw waiting (`showing.seal_of`): BadInput when something else waits by now.
    """
    if row.is_over:
        raise BadInput(_("Pipeline {number} is over already.").format(number=row.pk))
    check_shown(row, shown)
    if row.job is None:
        name = name[:MOST_NAME]
        return _ask(
            "approve", row.project, actor, row=row, name=name, shown=shown, session_id=session_id, origin=origin
        )
    with transaction.atomic():
        check_shown(Pipeline.objects.select_for_update().get(pk=row.pk), shown)  # of two presses one is first
        _audit("approve", row.project, actor, row, origin, row.job)
        decide_waiting(row, actor=actor, name=name)
    return row.job


def check_shown(row: Pipeline, shown: str) -> None:
    """Raise BadInput when what waits is not what somebody saw; "" stands for whatever waits."""
    if shown not in ("", seal_of(row)):
        raise BadInput(_("What waits in pipeline {number} has changed. Look at it once more.").format(number=row.pk))


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
    shown: str = "",
) -> Job:
    if row is not None and not has_answers(row.project_id, row.provider):
        raise BadInput(_("Nothing can be done with this pipeline: we are only told about it."))
    params = {"project": project.key, "verb": verb, "pipeline": row.pk if row else None, "ref": ref, "name": name}
    params |= {"shown": shown} if shown else {}
    return _order(KIND, params, verb, project, actor, row, session_id, origin)


def _order(
    kind: str,
    params: dict[str, Any],
    verb: Verb,
    project: Project,
    actor: Actor,
    row: Pipeline | None,
    session_id: int | None,
    origin: str,
) -> Job:
    with transaction.atomic():
        given = sealed(params, project, actor=actor, session_id=session_id)
        job = jobs.create_job(kind, params=given, actor=actor, session_id=session_id, start=True, origin=origin)
        _audit(verb, project, actor, row, origin, job)
    return job


def _audit(verb: Verb, project: Project, actor: Actor, row: Pipeline | None, origin: str, job: Job) -> None:
    subject = row.ref_string if row else project.ref
    told = {"project": project.key, "job": job.key}
    audit.record(f"pipeline.{verb}", actor=actor.subject, subject=subject, origin=origin, **told)
