"""The job that makes a project: its repository, the files of its template, the first commit."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from django.db import transaction
from msgspec import Meta

from guardrails.types import Actor, Role
from runbooks.books.asking import name_of
from runbooks.jobs import JobContext, JobKind
from runbooks.models import Job, Project
from runbooks.workspaces import git
from runbooks.workspaces.access import MAINTAINER, check_role, get_project
from runbooks.workspaces.git.trees import remove_files
from runbooks.workspaces.operations import record_operation
from runbooks.workspaces.projects import NEW, fail_project
from runbooks.workspaces.roots import project_root, tree_of
from runbooks.workspaces.showing import show_project
from runbooks.workspaces.templates import get_template, write_template


class Params(msgspec.Struct, forbid_unknown_fields=True):
    """The key of the project, whose row is there already."""

    project: Annotated[str, Meta(min_length=1, max_length=48)]


def run(ctx: JobContext) -> dict[str, Any]:
    """Make the files, unless a run before this one did. What was half made is made anew."""
    project, actor = begin(ctx)
    if not git.is_begun(project):
        remove_files(project_root(project))
        git.init_repository(project)
        template = get_template(project.type)
        write_template(template, project.name, tree_of(project))
        ctx.check()
        message = f"Begin {project.name} as a {template.about.title}."
        op = f"/new {project.type} {project.name}"
        git.commit_all(project, tree_of(project), message, actor=actor, op=op, job=ctx.key)
    return finish(project, ctx.job, actor=actor, kind="new", summary=f"Begin {project.name}")


def begin(ctx: JobContext) -> tuple[Project, Actor]:
    """Return the project and who asked for it. NotFound for a job that somebody made about a project not theirs."""
    project = get_project(ctx.params["project"])
    actor = Actor(subject=ctx.job.requested_by, role=Role.OPERATOR, name=name_of(ctx.job.requested_by))
    check_role(project, actor=actor, role=MAINTAINER)
    return project, actor


def finish(project: Project, job: Job, *, actor: Actor, kind: str, summary: str) -> dict[str, Any]:
    """Say that a project is ready, once."""
    sha = git.head(project)
    with transaction.atomic():
        record_operation(project, kind=kind, sha=sha, job=job, actor=actor, summary=summary)
        Project.objects.filter(pk=project.pk).update(state=Project.State.READY)
        show_project(project, job)
    return {"project": project.key, "sha": sha}


def end(job: Job) -> None:
    """Note and show that a project could not be made."""
    project = fail_project(job)
    if project is not None:
        show_project(project, job, error=job.error or str(job.state))


PROJECT_NEW = JobKind(
    name=NEW,
    run=run,
    description="Makes the files and the first commit of a project that somebody asked for.",
    seconds=120,
    params=Params,
    repeatable=True,
    ended=end,
)
