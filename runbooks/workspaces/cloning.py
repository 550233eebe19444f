"""Taking a repository over from elsewhere: only from where the setting allows it, and never more than a project holds.

What comes is looked at before any of it becomes a file: how many files it has, and how large they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from clawsite.core.errors import BadInput, ClawError
from runbooks.models import Project
from runbooks.workspaces.git import init_repository, refresh_tree, run_git
from runbooks.workspaces.git.calling import PATIENCE_SECONDS
from runbooks.workspaces.git.packs import hold_packs
from runbooks.workspaces.git.tidying import check_commit
from runbooks.workspaces.sync.addresses import Address, check_allowed, read_address
from runbooks.workspaces.sync.door import Login, open_door
from runbooks.workspaces.sync.failures import Failure
from runbooks.workspaces.sync.speaking import Speaker

SECONDS = 600.0
FETCHED = "refs/clawsite/clone"
# What the names of the branches of jobs begin with: none may be, or be in the way of, the project's own.
OURS = frozenset({"code", "jobs", "sync", "undo"})
_BRANCH = re.compile(rb"^ref: refs/heads/([A-Za-z0-9][A-Za-z0-9._/-]{0,99})\tHEAD$", re.MULTILINE)
_NOT_A_NAME = re.compile(r"[^a-z0-9]+")


class CloneFailed(ClawError):
    """The other side does not give it; the message says why."""

    code = "clone_failed"


def check_remote(url: str) -> Address:
    """Return the address that a project is to be cloned from; NotAllowed for what the setting does not name."""
    address = read_address(url)
    check_allowed(address, settings.CLAW_GIT_REMOTES)
    if address.kind == "ssh":
        raise BadInput(_("A clone is made over https. What needs a key is pulled once the project has a remote."))
    return address


def name_from(url: str) -> str:
    """Return a name for a project from its address: the last part of the path."""
    last = url.rstrip("/").rsplit("/", 1)[-1].removesuffix(".git").lower()
    return _NOT_A_NAME.sub("-", last).strip("-")[:63] or "clone"


def clone(project: Project, url: str, *, check: Callable[[], None]) -> None:
    """Fill a project's repository from an address, with its history, and bring its files to the tree."""
    address = check_remote(url)
    with hold_packs(project, seconds=PATIENCE_SECONDS, check=check), open_door(address, Login()) as door:
        init_repository(project)
        speaker = Speaker(project=project, door=door, seconds=SECONDS, check=check)
        branch = _ask_branch(speaker, address)
        failure = speaker.fetch(address.url, f"+HEAD:{FETCHED}")
    if failure is not None:
        raise _failed(failure)
    check_commit(project, FETCHED)
    with transaction.atomic():
        Project.objects.filter(pk=project.pk).update(branch=branch)
        project.branch = branch
    run_git(project, "symbolic-ref", "HEAD", f"refs/heads/{branch}")
    run_git(project, "update-ref", f"refs/heads/{branch}", FETCHED)
    run_git(project, "update-ref", "-d", FETCHED)
    refresh_tree(project)


def _ask_branch(speaker: Speaker, address: Address) -> str:
    """Return the name of the branch that the other side has as its own."""
    told = speaker.ask(address.url, "HEAD")
    if isinstance(told, Failure):
        raise _failed(told)
    if not told.strip():
        raise CloneFailed(_("The repository is empty."))
    found = _BRANCH.search(told)
    name = found[1].decode() if found else "main"
    if name.partition("/")[0] in OURS:
        raise CloneFailed(_("Its branch {name} has a name that is used here for work on projects.").format(name=name))
    return name if run_git(speaker.project, "check-ref-format", "--branch", name, may_fail=True).ok else "main"


def _failed(failure: Failure) -> CloneFailed:
    return CloneFailed(_("It could not be cloned: {told}").format(told=failure.text))
