"""projects.*: the caller's projects, making one, its history and differences, and who works in it.

A token sees the projects of its owner, and those that its owner is a member of; one with operator.admin sees all. Git
is asked in a thread of its own, never on the database's.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from msgspec import Meta

from clawsite.core.db import run_db, run_tx
from clawsite.core.errors import BadInput, NotFound
from clawsite.gateway.access import access_session
from clawsite.gateway.principal import Principal, Scope
from clawsite.gateway.registry import Call, Params, method
from guardrails.redact import redact_secrets
from guardrails.types import Actor
from runbooks import jobs
from runbooks.books.asking import name_of
from runbooks.models import Project
from runbooks.workspaces import git, projects
from runbooks.workspaces.access import MAINTAINER, VIEWER, access_project, get_project, list_projects
from runbooks.workspaces.members import list_members, remove_member, set_member
from runbooks.workspaces.operations import last_operations
from runbooks.workspaces.templates import list_templates
from runbooks.workspaces.watchers import sessions_of

ORIGIN = "gateway"
DIFF_CHARS = 256 * 1024
MAX_LOG = 200

Named = Annotated[str, Meta(min_length=1, max_length=63)]
Revision = Annotated[str, Meta(max_length=200)]


class ListParams(Params):
    """archived: those that were put aside, too."""

    archived: bool = False


class One(Params):
    """A project by its key or name."""

    project: Named


class Create(Params):
    """A project of a type (projects.types), or of a repository elsewhere. sessionKey: where news of it are shown."""

    name: Named
    type: Annotated[str, Meta(max_length=32)] = ""
    url: Annotated[str, Meta(max_length=500)] = ""
    session_key: Annotated[str, Meta(max_length=512)] = ""


class Log(One):
    """How many commits, newest first, and of which branch or commit; of the project's own unless given."""

    limit: Annotated[int, Meta(ge=1, le=MAX_LOG)] = 20
    revision: Revision = ""


class Diff(One):
    """From which commit or branch to which; a commit alone is compared with the one before it."""

    base: Revision = ""
    revision: Revision = "HEAD"


class Member(One):
    """Whom (user:3, contact:5), and as what; an empty role takes somebody out."""

    subject: Annotated[str, Meta(pattern=r"^(user|contact):[0-9]{1,18}$")]
    role: Annotated[str, Meta(max_length=10)] = ""


class Archive(One):
    """archived: false takes the project up again."""

    archived: bool = True


@method("projects.types", scope=Scope.READ, summary="Lists the types that projects may be made of.")
async def types(call: Call, params: Params) -> dict[str, Any]:
    """Return name, title and description of each."""
    rows = await asyncio.to_thread(list_templates)
    return {
        "types": [
            {"type": each.type, "title": each.about.title, "description": each.about.description} for each in rows
        ]
    }


@method("projects.list", scope=Scope.READ, params=ListParams, summary="Lists the caller's projects.")
async def list_(call: Call, params: ListParams) -> dict[str, Any]:
    """Return a row for each."""
    return {"projects": await run_db(_list, call.principal, params.archived)}


def _list(principal: Principal, archived: bool) -> list[dict[str, Any]]:
    if not principal.sees_all:
        return [_row(each) for each in list_projects(principal.actor, archived=archived)]
    rows = Project.objects.all() if archived else Project.objects.filter(archived=False)
    return [_row(each) for each in rows]


@method("projects.get", scope=Scope.READ, params=One, summary="One project with its last changes.")
async def get(call: Call, params: One) -> dict[str, Any]:
    """Return the row, the last operations on its branch, and how many chats hear of it."""
    return await run_db(_get, call.principal, params.project)


def _get(principal: Principal, name: str) -> dict[str, Any]:
    project = _find(principal, name)
    changes = [
        {
            "kind": each.kind,
            "sha": each.sha,
            "summary": each.summary,
            "by": each.actor_name or each.actor,
            "jobId": each.job.key if each.job is not None else None,
            "atMs": int(each.created_at.timestamp() * 1000),
        }
        for each in last_operations(project)
    ]
    return {"project": _row(project), "operations": changes, "watchers": len(sessions_of(project))}


@method("projects.create", scope=Scope.WRITE, params=Create, summary="Makes a project, as a job.")
async def create(call: Call, params: Create) -> dict[str, Any]:
    """Return the project and the job that makes its files; jobs.subscribe follows it."""
    return await run_tx(_create, call.principal, params)


def _create(principal: Principal, params: Create) -> dict[str, Any]:
    if bool(params.type) == bool(params.url):
        raise BadInput("Say either a type or a url.")
    session = access_session(principal, params.session_key) if params.session_key else None
    project, job = projects.create_project(
        params.type,
        params.name,
        actor=principal.actor,
        session_id=session.pk if session else None,
        url=params.url,
        origin=ORIGIN,
    )
    return {"project": _row(project), "job": jobs.describe(job)}


@method("projects.log", scope=Scope.READ, params=Log, summary="The commits of a project, newest first.")
async def log(call: Call, params: Log) -> dict[str, Any]:
    """Return hash, author, time, subject and operation of each."""
    project = await run_db(_find, call.principal, params.project)
    rows = await asyncio.to_thread(git.log, project, params.limit, revision=params.revision or project.branch)
    return {
        "commits": [
            {"sha": each.sha, "author": each.author, "at": each.at, "subject": each.subject, "op": each.op or None}
            for each in rows
        ]
    }


@method("projects.diff", scope=Scope.READ, params=Diff, summary="The difference of two commits of a project.")
async def diff(call: Call, params: Diff) -> dict[str, Any]:
    """Return the numbers for each file, and the patch as far as it goes into one answer."""
    project = await run_db(_find, call.principal, params.project)
    return await asyncio.to_thread(_diff, project, params.base or f"{params.revision}^", params.revision)


def _diff(project: Project, base: str, revision: str) -> dict[str, Any]:
    a, b = git.branch_head(project, base), git.branch_head(project, revision)
    text = redact_secrets(git.diff(project, a, b))
    files = [{"path": each.path, "added": each.added, "removed": each.removed} for each in git.diff_stat(project, a, b)]
    return {"base": a, "sha": b, "files": files, "patch": text[:DIFF_CHARS], "truncated": len(text) > DIFF_CHARS}


@method("projects.members", scope=Scope.READ, params=One, summary="Who works in a project.")
async def members(call: Call, params: One) -> dict[str, Any]:
    """Return the owner, and subject, name and role of each member."""
    return await run_db(_members, call.principal, params.project)


def _members(principal: Principal, name: str) -> dict[str, Any]:
    project = _find(principal, name)
    rows = [{"subject": each.subject, "name": each.name, "role": each.role} for each in list_members(project)]
    return {"owner": project.owner, "members": rows}


@method("projects.member", scope=Scope.WRITE, params=Member, summary="Lets somebody into a project, or out.")
async def member(call: Call, params: Member) -> dict[str, Any]:
    """Return the members as they are then."""
    return await run_tx(_member, call.principal, params)


def _member(principal: Principal, params: Member) -> dict[str, Any]:
    project = _find(principal, params.project, MAINTAINER)
    name = name_of(params.subject)
    if name == params.subject:
        raise BadInput(f"There is nobody called {params.subject}.")
    person = Actor(subject=params.subject, name=name)
    if params.role:
        set_member(project, person, params.role, actor=principal.actor, origin=ORIGIN)
    else:
        remove_member(project, person, actor=principal.actor, origin=ORIGIN)
    return _members(principal, project.key)


@method("projects.archive", scope=Scope.WRITE, params=Archive, summary="Puts a project aside, or takes it up again.")
async def archive(call: Call, params: Archive) -> dict[str, Any]:
    """Return the project as it is then."""
    return await run_tx(_archive, call.principal, params)


def _archive(principal: Principal, params: Archive) -> dict[str, Any]:
    project = _find(principal, params.project, MAINTAINER)
    projects.archive(project, archived=params.archived, actor=principal.actor, origin=ORIGIN)
    project.refresh_from_db()
    return {"project": _row(project)}


def _find(principal: Principal, name: str, role: str = VIEWER) -> Project:
    """Return a project that the caller has this role in; an admin's token has every role in all, by their keys."""
    try:
        return access_project(name, actor=principal.actor, role=role, archived=True)
    except NotFound:
        if not principal.sees_all:
            raise
        return get_project(name)


def _row(project: Project) -> dict[str, Any]:
    return {
        "key": project.key,
        "name": project.name,
        "owner": project.owner,
        "type": project.type,
        "branch": project.branch,
        "state": str(project.state),
        "archived": project.archived,
        "network": project.network,
        "createdAtMs": int(project.created_at.timestamp() * 1000),
    }
