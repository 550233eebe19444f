"""The job that shows a difference in a chat: in the message when it is short, else as a file.

Invariant: no secret that can be told by its form leaves in it.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from msgspec import Meta

from bots.code import tree
from bots.code.ending import say_error
from bots.code.starting import access_run, owner_of
from clawsite.core.errors import BadInput
from guardrails.redact import redact_secrets
from guardrails.types import Role
from runbooks.charts.files import save_file
from runbooks.jobs import JobContext, JobKind
from runbooks.models import Operation
from runbooks.workspaces.access import access_project
from runbooks.workspaces.git import branch_head
from sessions_app.cards import put_card

NAME = "code_diff"
INLINE_LINES, INLINE_CHARS = 60, 2500
FILES = 60
_SHA = re.compile(r"[0-9a-f]{4,64}")


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The number of a /code; or a project and a commit of it ("" is its last operation)."""

    run: Annotated[int, Meta(ge=1)] | None = None
    project: Annotated[str, Meta(max_length=64)] = ""
    sha: Annotated[str, Meta(max_length=64)] = ""
    language: Annotated[str, Meta(max_length=16)] = ""


def run(ctx: JobContext) -> Any:
    """Find out what differs and show it."""
    given = msgspec.convert(ctx.params, Params)
    with translation.override(given.language or settings.LANGUAGE_CODE):
        told = _read(ctx, given)
    if ctx.job.session_id is not None:
        put_card(f"diff:{ctx.key}", session_id=ctx.job.session_id, kind="code-diff", data=told)
    return {"title": told["title"], "files": told["files"]}


def _read(ctx: JobContext, given: Params) -> dict[str, Any]:
    actor, session_id = owner_of(ctx.job), ctx.job.session_id
    if given.run is not None:
        work = access_run(given.run, actor=actor, session_id=session_id)
        title, project, before, sha = f"{work.project.name} · /code {work.pk}", work.project, work.base, work.head
    else:
        project = access_project(given.project, actor=actor, session_id=session_id)
        before, sha, title = _commits(project, given.sha)
        title = f"{project.name} · {title}"
    if not sha or before == sha:
        return {"title": title, "text": "", "file": "", "name": "", "files": []}
    patch = redact_secrets(tree.diff(project, before, sha))
    short = len(patch) <= INLINE_CHARS and patch.count("\n") <= INLINE_LINES
    return {
        "title": title,
        "text": patch.strip() if short else "",
        "file": "" if short else save_file(f"{ctx.key}.patch", patch.encode()),
        "name": f"{project.name}-{sha[:10]}.patch",
        "files": tree.stat(project, before, sha)[:FILES],
    }


def _commits(project: Any, sha: str) -> tuple[str, str, str]:
    """Return before, after and title of an operation, or of any commit."""
    rows = Operation.objects.filter(project=project).order_by("-pk")
    found = (rows.filter(sha__startswith=sha) if sha else rows).first()
    if found is not None:
        return found.before or tree.NOTHING, found.sha, f"{found.sha[:10]} {found.summary}"
    if not _SHA.fullmatch(sha):
        raise BadInput(_("Nothing was changed here yet.") if not sha else _("Name a commit by its number."))
    full = branch_head(project, sha)
    return tree.parent_of(project, full), full, full[:10]


KIND = JobKind(
    name=NAME,
    run=run,
    description="Shows what a /code, an operation or a commit has changed.",
    seconds=120.0,
    role=Role.VIEWER,
    params=Params,
    ended=say_error,
)
