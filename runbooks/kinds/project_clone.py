"""The job that makes a project from a repository elsewhere."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from runbooks.jobs import JobContext, JobKind
from runbooks.kinds.project_new import begin, end, finish
from runbooks.workspaces import git
from runbooks.workspaces.cloning import clone
from runbooks.workspaces.git.trees import remove_files
from runbooks.workspaces.projects import CLONE
from runbooks.workspaces.roots import project_root


class Params(msgspec.Struct, forbid_unknown_fields=True):
    """The key of the project, whose row is there already, and where its files come from."""

    project: Annotated[str, Meta(min_length=1, max_length=48)]
    url: Annotated[str, Meta(min_length=1, max_length=500)]


def run(ctx: JobContext) -> dict[str, Any]:
    """Clone it, unless a run before this one did. What was half fetched is fetched anew."""
    project, actor = begin(ctx)
    url = ctx.params["url"]
    if not git.is_begun(project):
        remove_files(project_root(project))
        clone(project, url, check=ctx.check)
    git.refresh_tree(project)
    return finish(project, ctx.job, actor=actor, kind="clone", summary=f"Clone {url}")


PROJECT_CLONE = JobKind(
    name=CLONE,
    run=run,
    description="Makes a project from a repository elsewhere, from where the settings allow it.",
    seconds=1500,
    params=Params,
    repeatable=True,
    ended=end,
)
