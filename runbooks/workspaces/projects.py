"""Making, choosing, archiving and removing projects. Each is one transaction with its audit row.

A project's row is made at once and its files by a job, so a name is taken from the moment somebody asked for it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from clawsite.core import audit
from clawsite.core.errors import BadInput, NotAllowed
from clawsite.core.queue import enqueue
from guardrails.types import Actor, Role
from runbooks.books.asking import names_of
from runbooks.jobs import create_job
from runbooks.models import CurrentProject, Deploy, Job, Pipeline, Project, ProjectMember
from runbooks.models.project import NAME
from runbooks.workspaces.access import MAINTAINER, group_of, maintainers_of
from runbooks.workspaces.cloning import check_remote
from runbooks.workspaces.git.trees import remove_files
from runbooks.workspaces.pipelines.values import State as PipelineState
from runbooks.workspaces.quotas import check_room
from runbooks.workspaces.roots import project_root, workspaces
from runbooks.workspaces.templates import get_template
from runbooks.workspaces.watchers import watch

NEW, CLONE = "project_new", "project_clone"
CLONED = "clone"
DISCARD = "runbooks.workspaces.projects.discard_left"
# What the folder of a removed project is called until all of it is gone.
AWAY = "removed-"
# The part of a project's key that comes from its name, so that buttons can carry it.
KEY_CHARS = 30
_NAME = re.compile(NAME)


def create_project(
    type: str,
    name: str,
    *,
    actor: Actor,
    session_id: int | None = None,
    url: str = "",
    origin: str = "",
) -> tuple[Project, Job]:
    """Make a project from a template, or with `url` from a repository elsewhere, and choose it in the chat.

    In a group it is the group's, and whoever asked is its maintainer. BadInput for a name that is no name, or is
    taken, or when there are too many. The files are made by the job that is returned.
    """
    if not actor.is_at_least(Role.OPERATOR):
        raise NotAllowed(_("Only operators may make projects."))
    kind = CLONED if url else get_template(type).type
    url = check_remote(url).url if url else ""
    with transaction.atomic():
        project = _insert(kind, check_name(name), actor=actor, session_id=session_id)
        if session_id is not None:
            watch(project, session_id, actor=actor)
            choose(project, session_id=session_id, actor=actor)
        params = {"project": project.key} | ({"url": url} if url else {})
        job = create_job(
            CLONE if url else NEW,
            params=params,
            actor=actor,
            owner=actor.subject,
            session_id=session_id,
            start=True,
            origin=origin,
        )
        audit.record("project.create", actor=actor.subject, subject=project.ref, origin=origin, type=kind, name=name)
    return project, job


def check_name(name: str) -> str:
    """Return a project's name; BadInput when it cannot be one."""
    if not _NAME.fullmatch(name):
        raise BadInput(_("A project's name is made of small letters, digits and dashes, 63 at most."))
    return name


def suggest_names(type: str, *, actor: Actor, count: int = 3) -> list[str]:
    """Return names for a new project of a type that its owner has not used yet."""
    taken = set(Project.objects.filter(owner__in=names_of(actor.subject)).values_list("name", flat=True))
    base = get_template(type).about.suggestion
    others = [f"{base}-{number}" for number in range(2, len(taken) + count + 2)]
    return [name for name in (base, *others) if name not in taken][:count]


def choose(project: Project, *, session_id: int, actor: Actor) -> None:
    """Make a project the one that this person's commands in this chat are about."""
    others = names_of(actor.subject) - {actor.subject}
    CurrentProject.objects.filter(session_id=session_id, subject__in=others).delete()
    CurrentProject.objects.update_or_create(
        session_id=session_id, subject=actor.subject, defaults={"project": project, "chosen_at": timezone.now()}
    )


def archive(project: Project, *, archived: bool = True, actor: Actor, origin: str = "") -> bool:
    """Put a project aside, or take it up again; False when it is as wanted already."""
    with transaction.atomic():
        if not Project.objects.filter(pk=project.pk).exclude(archived=archived).update(archived=archived):
            return False
        if archived:
            CurrentProject.objects.filter(project=project).delete()
        action = "project.archive" if archived else "project.restore"
        audit.record(action, actor=actor.subject, subject=project.ref, origin=origin)
    return True


def set_network(project: Project, *, allowed: bool, actor: Actor, origin: str = "") -> None:
    """Let the commands of a project use the network, or not. Only admins may."""
    if not actor.is_at_least(Role.ADMIN):
        raise NotAllowed(_("Only admins may do this."))
    with transaction.atomic():
        Project.objects.filter(pk=project.pk).update(network=allowed)
        audit.record("project.network", actor=actor.subject, subject=project.ref, origin=origin, allowed=allowed)


def remove_project(project: Project, *, actor: Actor, origin: str = "") -> None:
    """Remove a project for good, with all its files. BadInput while a job works on it."""
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        if _is_worked_on(project):
            raise BadInput(_("A job is working on {name}. Stop it first.").format(name=project.name))
        audit.record("project.remove", actor=actor.subject, subject=project.ref, origin=origin, name=project.name)
        enqueue(DISCARD, project.owner, project.name)  # the files go too when this process dies before they have
        project.delete()
        transaction.on_commit(partial(discard_left, project.owner, project.name), robust=True)


def _is_worked_on(project: Project) -> bool:
    """Tell whether a job has the project's turn, or is in the midst of a deploy or a pipeline, which take none."""
    open_jobs = Job.objects.filter(ended_at=None)
    held = project.turns.filter(held=True, job__in=open_jobs)
    runs = Q(job__state=Job.State.RUNNING)
    deploys = Deploy.objects.filter(runs | Q(state=Deploy.State.RUNNING), project=project, job__in=open_jobs)
    begun = Q(state__in=[PipelineState.RUNNING, PipelineState.WAITING])
    pipelines = Pipeline.objects.filter(runs | begun, project=project, job__in=open_jobs)
    return held.exists() or deploys.exists() or pipelines.exists()


def purge_projects(subjects: Iterable[str], *, actor: Actor, origin: str = "") -> int:
    """Remove all projects of people who are forgotten, and their part in others'; return how many there were."""
    people = list(subjects)
    owned = list(Project.objects.filter(owner__in=people))
    for project in owned:
        remove_project(project, actor=actor, origin=origin)
    ProjectMember.objects.filter(subject__in=people).delete()
    CurrentProject.objects.filter(subject__in=people).delete()
    return len(owned)


def fail_project(job: Job) -> Project | None:
    """Note that a project could not be made, and return it. Called when its job has ended, on whichever way."""
    if job.state == Job.State.SUCCEEDED:
        return None
    making = Project.objects.filter(key=job.params.get("project", ""), state=Project.State.MAKING)
    project = making.select_for_update().first()
    if project is None or job.requested_by not in maintainers_of(project):
        return None
    project.state = Project.State.FAILED
    project.save(update_fields=["state"])
    return project


def discard_left(owner: str, name: str) -> None:
    """Remove what is left of a project that was removed; a task of the queue. Who has its name now keeps their own."""
    with suppress(IntegrityError), transaction.atomic():
        # The name is ours until the files are out of the way, so that nobody's new ones go with them.
        left = Project.objects.create(owner=owner, name=name, key=f"{AWAY}{secrets.token_hex(8)}", archived=True)
        _put_away(project_root(left))
        transaction.set_rollback(True)
    for away in workspaces().glob(f"{AWAY}*"):
        remove_files(away)


def _put_away(root: Path) -> None:
    """Get a project's directory out of the way at once."""
    with suppress(FileNotFoundError):
        root.rename(workspaces() / f"{AWAY}{secrets.token_hex(8)}")


def _insert(kind: str, name: str, *, actor: Actor, session_id: int | None) -> Project:
    """Make the row; one of this name that could not be made before gives way."""
    group = group_of(session_id)
    owner = f"group:{group.pk}" if group is not None else actor.subject
    same = Project.objects.filter(owner__in=[owner] if group is not None else names_of(owner), name=name).first()
    if same is not None and same.state == Project.State.FAILED and same.owner == owner:
        same.delete()  # the job that makes the next one clears its files away
    elif same is not None:
        raise BadInput(_("There is a project “{name}” already.").format(name=name))
    check_room(owner)
    key = f"{name[:KEY_CHARS]}-{secrets.token_hex(3)}"
    values = {"key": key, "owner_name": str(group) if group is not None else actor.name, "type": kind}
    try:
        with transaction.atomic():
            project = Project.objects.create(owner=owner, name=name, **values)
    except IntegrityError:
        raise BadInput(_("There is a project “{name}” already.").format(name=name)) from None
    if group is not None:
        ProjectMember.objects.create(
            project=project, subject=actor.subject, name=actor.name, role=MAINTAINER, added_by=actor.subject
        )
    return project
