"""What became of a project that was made, as data for the card in its chat."""

from __future__ import annotations

from typing import Any

from clawsite.core.errors import ClawError
from runbooks.models import Job, Project
from runbooks.workspaces import git
from runbooks.workspaces.manifest import read_manifest
from sessions_app.cards import put_card

CARD = "project"
SHOWN_FILES = 24


def show_project(project: Project, job: Job, *, error: str = "") -> None:
    """Put the card of a project that was made, or could not be. Part of the caller's transaction."""
    if job.session_id is None:
        return
    data: dict[str, Any] = {
        "key": project.key,
        "name": project.name,
        "type": project.type,
        "error": error,
        "sha": "",
        "files": [],
        "more": 0,
        "environments": [],
    }
    if not error:
        data |= _contents(project)
    put_card(f"{project.ref}:{job.key}", session_id=job.session_id, kind=CARD, data=data)


def _contents(project: Project) -> dict[str, Any]:
    listed = git.run_git(project, "ls-tree", "-r", "--name-only", "-z", "HEAD").stdout.decode("utf-8", "replace")
    files = [name for name in listed.split("\0") if name]
    try:
        environments = list(read_manifest(project).environments)
    except ClawError:  # a repository from elsewhere need not have one
        environments = []
    return {
        "sha": git.head(project),
        "files": files[:SHOWN_FILES],
        "more": max(0, len(files) - SHOWN_FILES),
        "environments": environments,
    }
