"""The jobs that show the files of a project in a chat: a listing, and a file or folder to keep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from django.db import transaction
from msgspec import Meta

from clawsite.core.errors import ClawError
from guardrails.types import Actor, Role
from runbooks.jobs import JobContext, JobKind
from runbooks.jobs.working import patiently
from runbooks.models import Project
from runbooks.workspaces import git
from runbooks.workspaces.access import check_role, get_project
from runbooks.workspaces.files import list_tree
from runbooks.workspaces.gitops.ending import say_error
from runbooks.workspaces.handing import hand_out
from runbooks.workspaces.roots import tree_of
from sessions_app.cards import put_card

SHOWN = 120
# What a card holds has an end, too, and names may be long.
NAMES_BYTES = 32 * 1024


class Params(msgspec.Struct, forbid_unknown_fields=True):
    """The key of the project, and a path in it; "" is the whole."""

    project: Annotated[str, Meta(max_length=48)]
    path: Annotated[str, Meta(max_length=500)] = ""


def show_tree(ctx: JobContext) -> Any:
    """List a folder."""
    return _tell(ctx, "project-tree", _list)


def get_file(ctx: JobContext) -> Any:
    """Bring a file, or a folder as a zip, to the chat."""
    return _tell(ctx, "project-file", _hand)


def _tell(ctx: JobContext, card: str, work: Callable[[JobContext, Project, str], dict[str, Any]]) -> dict[str, Any]:
    """Do it for who asked, and show it on a card; what cannot be done is told there."""
    given = msgspec.convert(ctx.params, Params)
    project = get_project(given.project)
    actor = Actor(subject=ctx.job.owner, role=Role.VIEWER)
    check_role(project, actor=actor, session_id=ctx.job.session_id)
    told: dict[str, Any] = {"project": project.name, "path": given.path, "error": ""}
    try:
        git.refresh_tree(project)
        told |= work(ctx, project, given.path)
    except ClawError as error:
        told["error"] = error.message
    session_id = ctx.job.session_id
    if session_id is not None:
        patiently(lambda: _show(f"{card}:{ctx.key}", card, told, session_id))
    return told


def _show(key: str, kind: str, told: dict[str, Any], session_id: int) -> None:
    with transaction.atomic():
        put_card(key, kind=kind, data=told, session_id=session_id)


def _list(ctx: JobContext, project: Project, path: str) -> dict[str, Any]:
    found = list_tree(tree_of(project), path, depth=3, limit=SHOWN)
    entries: list[dict[str, Any]] = []
    left = NAMES_BYTES
    for each in found.entries:
        left -= len(each.shown.encode())
        if left < 0:
            break
        entries.append({"path": each.shown, "kind": each.kind, "size": each.size})
    return {"entries": entries, "more": found.more or left < 0}


def _hand(ctx: JobContext, project: Project, path: str) -> dict[str, Any]:
    handed = hand_out(tree_of(project), path, key=ctx.key)
    return {"file": handed.path, "name": handed.name, "size": handed.size}


FILE_TREE = JobKind(
    name="file_tree",
    run=show_tree,
    description="Lists the files of a project in a chat.",
    seconds=60,
    role=Role.VIEWER,
    params=Params,
    ended=say_error,
)
FILE_GET = JobKind(
    name="file_get",
    run=get_file,
    description="Brings a file of a project, or a folder as a zip, to a chat.",
    seconds=120,
    role=Role.VIEWER,
    params=Params,
    ended=say_error,
)
