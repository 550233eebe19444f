"""Where a project lies on the disk: CLAW_HOME/workspaces/<owner>/<name>, which nobody else may enter.

`repo.git` is the repository, `tree` the files of its branch, `jobs/<key>` the files of a job's own branch. No tree
holds a `.git`: git is told each time where both are, so nothing written in a tree changes what git does.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from django.conf import settings

from clawsite.core.errors import BadInput
from runbooks.models import Project

_PLAIN = re.compile(r"[a-z]{1,16}:[0-9]{1,18}")
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def workspaces() -> Path:
    """Return the directory that all projects lie in."""
    folder: Path = settings.CLAW_HOME / "workspaces"
    return folder


def owner_folder(owner: str) -> str:
    """Return the name of an owner's directory; no two owners have the same one."""
    if _PLAIN.fullmatch(owner):
        return owner.replace(":", "-")
    return "other-" + hashlib.sha256(owner.encode()).hexdigest()[:32]


def project_root(project: Project) -> Path:
    """Return the directory of a project; it need not be there yet."""
    return workspaces() / owner_folder(project.owner) / _part(project.name)


def repository_of(project: Project) -> Path:
    """Return the repository."""
    return project_root(project) / "repo.git"


def tree_of(project: Project) -> Path:
    """Return the files of the project's branch."""
    return project_root(project) / "tree"


def job_tree(project: Project, job_key: str) -> Path:
    """Return the files a job works on."""
    return project_root(project) / "jobs" / _part(job_key)


def environment_root(project: Project, environment: str) -> Path:
    """Return the directory of an environment, with what was deployed to it."""
    return project_root(project) / "environments" / _part(environment)


def make_directory(path: Path) -> Path:
    """Make a directory below the workspaces; those that are made on the way are for the service alone."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
    return path


def _part(name: str) -> str:
    if not _PART.fullmatch(name):
        raise BadInput("A name of a project, a job or an environment is made of letters, digits, _ and -.")
    return name
