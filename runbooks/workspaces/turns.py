"""One job at a time changes a project. Whose turn it is stands in rows, so it outlives every process.

Invariant: `held` is given to one ticket of a project, under a lock of the project's row, and stays with its job, also
while that waits for an approval, until it ends or gives it back. Then the oldest waiting job is woken.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from runbooks.jobs import JobContext, Park
from runbooks.jobs.actions import hasten_job
from runbooks.models import Job, Project, ProjectTurn
from runbooks.models.job import ENDS
from runbooks.workspaces.git import refresh_tree
from runbooks.workspaces.roots import repository_of

# A job that waits is woken when it is its turn; should that get lost, it looks by itself.
LOOK_SECONDS = 60.0


def take_turn(ctx: JobContext, project: Project) -> Park | None:
    """Return None when it is this job's turn, else the pause to return from the job. Safe to call again.

    Whoever has the turn finds the files of the branch as its commit has them, whatever was killed before.
    """
    if _take(ctx.job, project):
        if repository_of(project).is_dir():
            refresh_tree(project)
        return None
    until = timezone.now() + timedelta(seconds=LOOK_SECONDS)
    return Park(until=until, then=lambda: _look_again(ctx.job, project))


def leave_turn(job: Job) -> None:
    """Give the turn back, or stop waiting for it; the next one is woken. Called at the end of every job."""
    project_id = ProjectTurn.objects.filter(job=job).values_list("project_id", flat=True).first()
    if project_id is None:
        return
    with transaction.atomic():
        Project.objects.select_for_update().filter(pk=project_id).first()
        ProjectTurn.objects.filter(job=job).delete()
        following = _next(project_id)
    if following is not None:
        # After the commit: whoever parks meanwhile has seen by then that it is their turn, or is found parked.
        transaction.on_commit(lambda: hasten_job(following), robust=True)


def holder_of(project: Project) -> Job | None:
    """Return the job whose turn it is, or None."""
    row = ProjectTurn.objects.select_related("job").filter(project=project, held=True).first()
    return row.job if row is not None and not row.job.is_over else None


def _take(job: Job, project: Project) -> bool:
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        ProjectTurn.objects.get_or_create(job=job, defaults={"project": project})
        following = _next(project.pk)
        if following == job.pk:
            ProjectTurn.objects.filter(job=job).update(held=True)
            return True
    if following is not None:
        hasten_job(following)
    return False


def _next(project_id: int) -> int | None:
    """Return the job whose turn it is: the one that holds it, else the oldest that has not ended."""
    rows = ProjectTurn.objects.filter(project_id=project_id)
    rows.filter(job__state__in=ENDS).delete()
    return rows.order_by("-held", "job_id").values_list("job_id", flat=True).first()


def _look_again(job: Job, project: Project) -> None:
    """Within the transaction that parks a job: go on at once if the turn has become its own meanwhile."""
    Project.objects.select_for_update().get(pk=project.pk)
    if _next(project.pk) == job.pk:
        hasten_job(job.pk)
