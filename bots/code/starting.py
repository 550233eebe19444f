"""How a /code begins: its job and its row, made in one transaction, or in the job when a program made that."""

from __future__ import annotations

from typing import Annotated

import msgspec
from django.db import transaction
from django.utils.translation import gettext as _
from msgspec import Meta

from clawsite.core import flags
from clawsite.core.errors import BadInput, NotAllowed
from clawsite.core.features import CODE
from guardrails.types import Actor, Role
from runbooks.books.asking import name_of
from runbooks.jobs import create_job
from runbooks.models import CodeRun, Job, Project
from runbooks.workspaces.access import access_project
from sessions_app.models import Session

KIND = "agent_code"
REQUEST_CHARS = 8000
ROLE = "developer"


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The project's key, what is to be done, and the earlier /code (its number) from which this one goes on."""

    project: Annotated[str, Meta(min_length=1, max_length=64)]
    request: Annotated[str, Meta(min_length=1, max_length=REQUEST_CHARS)]
    earlier: Annotated[int, Meta(ge=1)] | None = None


def start_code(
    request: str,
    *,
    project: Project,
    actor: Actor,
    session: Session | None,
    language: str,
    earlier: CodeRun | None = None,
    origin: str = "",
) -> CodeRun:
    """Create the job and its row; the caller has found the project with the role it takes. BadInput for no words."""
    request = request.strip()
    if not request:
        raise BadInput(_("Say what is to be done: /code Make the start page say hello"))
    params = {"project": project.key, "request": request[:REQUEST_CHARS], "earlier": earlier.pk if earlier else None}
    with transaction.atomic():
        job = create_job(
            KIND, params=params, actor=actor, session_id=session.pk if session else None, start=True, origin=origin
        )
        return make_run(job, project, name=actor.name, language=language)


def run_of(job: Job) -> CodeRun:
    """Return the row of a job, made now where a program created it. NotAllowed when its project is out of reach."""
    with transaction.atomic():
        project = access_project(job.params["project"], actor=owner_of(job), session_id=job.session_id, role=ROLE)
        found = CodeRun.objects.select_related("project", "job", "session", "earlier").filter(job_id=job.pk).first()
        if found is None:
            found = make_run(job, project, name=name_of(job.owner), language="")
        found.job = job
    return found


def make_run(job: Job, project: Project, *, name: str, language: str) -> CodeRun:
    """Make the row of a job. NotAllowed where the feature is switched off for whoever ordered it."""
    channel = job.session.channel.name if job.session else ""
    if not flags.is_on(CODE.name, person=job.owner, channel=channel):
        raise NotAllowed(_("/code is switched off here. An admin can switch it on under Features."))
    number = job.params.get("earlier")
    earlier = CodeRun.objects.filter(pk=number, project=project).first() if number else None
    return CodeRun.objects.create(
        project=project,
        job=job,
        session_id=job.session_id,
        earlier=earlier,
        request=job.params["request"],
        requested_by=job.owner,
        requested_name=name[:200],
        language=language,
    )


def owner_of(job: Job) -> Actor:
    """Return whose job it is, as somebody who acts: an operator, since others cannot start one."""
    return Actor(subject=job.owner, role=Role.OPERATOR, name=name_of(job.owner))


def access_run(number: int | str, *, actor: Actor, session_id: int | None = None, role: str = "viewer") -> CodeRun:
    """Return a /code by its number for somebody who may see its project. One answer for absent and not theirs."""
    text = str(number)
    pk = int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else 0
    found = CodeRun.objects.select_related("project", "job").filter(pk=pk).first()
    if found is None:
        raise NotAllowed(_("There is no such work."))
    try:
        access_project(found.project.key, actor=actor, session_id=session_id)
    except NotAllowed:
        raise NotAllowed(_("There is no such work.")) from None
    if role != "viewer":
        access_project(found.project.key, actor=actor, session_id=session_id, role=role)
    return found
