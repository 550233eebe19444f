"""The files of a project that decide what runs: where, with which rights, and after whose approval.

Invariant: on whichever way one of them gets to the branch, by the model, by a file from a chat, by an undo or from the
remote, a maintainer has agreed.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from guardrails.types import Actor
from runbooks.models import Project
from runbooks.workspaces.access import MAINTAINER, check_role

# What forges and their pipelines read from where they look by themselves, besides what is read here.
GUARDED = (
    "claw.yaml",
    ".claw/*",
    "gitops/*",
    ".ci/*",
    ".github/*",
    ".gitlab-ci.yml",
    ".gitlab/*",
    ".gitea/*",
    ".forgejo/*",
    ".circleci/*",
    ".woodpecker/*",
    ".woodpecker.y*ml",
    ".buildkite/*",
    ".teamcity/*",
    ".tekton/*",
    ".semaphore/*",
    ".builds/*",
    ".build.yml",
    ".drone.*",
    ".travis.yml",
    ".cirrus.*",
    "appveyor.yml",
    ".appveyor.yml",
    "azure-pipelines.y*ml",
    "bitbucket-pipelines.yml",
    "buildspec.y*ml",
    "cloudbuild.y*ml",
    "Jenkinsfile",
)


def touches_guarded(paths: Iterable[str]) -> bool:
    """Tell whether any of these files decides on commands or pipelines."""
    return any(fnmatchcase(path, pattern) for path in paths for pattern in GUARDED)


def check_guarded(project: Project, paths: Iterable[str], *, actor: Actor, session_id: int | None) -> None:
    """Raise NotAllowed when any of these files is guarded and it is no maintainer who changes it."""
    if touches_guarded(paths):
        check_role(project, actor=actor, session_id=session_id, role=MAINTAINER)
