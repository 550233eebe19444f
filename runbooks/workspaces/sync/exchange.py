"""One exchange with a project's remote: push, fetch, or a look at the host's keys.

What fails over there is returned, not raised. Nothing here forces: a push is a fast-forward there or it fails.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

from clawsite.core.crypto import check_secret
from clawsite.core.errors import ClawError
from guardrails import processes
from runbooks.models import Project, Remote
from runbooks.workspaces import git
from runbooks.workspaces.git.calling import PATIENCE_SECONDS
from runbooks.workspaces.git.packs import hold_packs
from runbooks.workspaces.sync.addresses import Address, check_allowed, read_address
from runbooks.workspaces.sync.door import CONNECT_SECONDS, Login, open_door, private_folder
from runbooks.workspaces.sync.failures import Failure
from runbooks.workspaces.sync.keys import read_host_keys
from runbooks.workspaces.sync.speaking import Check, Speaker

SECONDS = 300.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """By how many commits the project's branch is ahead of the remote's, and behind it."""

    ahead: int
    behind: int


def tracking(project: Project) -> str:
    """Return the reference that holds the remote's branch as it was last seen."""
    return f"refs/remotes/origin/{project.branch}"


def push(remote: Remote, sha: str, *, branch: str = "", check: Check | None = None) -> Failure | None:
    """Push a commit to the remote's branch, or to another one; None when it is there now."""
    project = remote.project
    refspec = f"{sha}:refs/heads/{branch or project.branch}"
    failure = _exchange(remote, Speaker.push, refspec, check)
    if failure is None and not branch:
        git.run_git(project, "update-ref", tracking(project), sha)
    return failure


def fetch(remote: Remote, *, check: Check | None = None) -> Failure | None:
    """Bring the remote's branch into `tracking`; None when that went well.

    Unavailable when another fetch of the project takes too long, which is nothing about the remote.
    """
    project = remote.project
    refspec = f"+refs/heads/{project.branch}:{tracking(project)}"
    with hold_packs(project, seconds=PATIENCE_SECONDS, check=check):
        return _exchange(remote, Speaker.fetch, refspec, check)


def compare(project: Project) -> Standing:
    """Return how the project's branch stands to the remote's, as that was last seen."""
    if not git.run_git(project, "rev-parse", "-q", "--verify", tracking(project), may_fail=True).ok:
        count = git.run_git(project, "rev-list", "--count", "HEAD").stdout
        return Standing(ahead=int(count), behind=0)
    both = git.run_git(project, "rev-list", "--left-right", "--count", f"HEAD...{tracking(project)}").stdout.split()
    return Standing(ahead=int(both[0]), behind=int(both[1]))


def scan(address: Address, *, check: Check | None = None) -> tuple[str, ...]:
    """Return the keys that a host of ssh shows; none when it does not answer."""
    argv = ["ssh-keyscan", "-T", str(CONNECT_SECONDS), "-p", str(address.port), "--", address.host]
    with private_folder() as folder:
        done = processes.run(argv, cwd=folder, limits=processes.Limits(seconds=CONNECT_SECONDS * 2), check=check)
    return read_host_keys(done.stdout.decode("utf-8", "replace"))


def _exchange(
    remote: Remote, speak: Callable[[Speaker, str, str], Failure | None], refspec: str, check: Check | None
) -> Failure | None:
    try:
        address = read_address(remote.url)
        check_allowed(address, settings.CLAW_GIT_REMOTES)
        login = Login(
            key=check_secret(remote.private_key),
            host_keys=remote.host_keys,
            user=remote.user,
            token=check_secret(remote.token),
        )
    except ClawError as error:
        return Failure(problem="failed", text=error.message)
    if address.kind == "ssh" and not remote.host_keys:
        return _meet(remote, address, check)
    with open_door(address, login) as door:
        secrets = (login.token, login.key)
        speaker = Speaker(project=remote.project, door=door, seconds=SECONDS, check=check, secrets=secrets)
        return speak(speaker, address.url, refspec)


def _meet(remote: Remote, address: Address, check: Check | None) -> Failure:
    """Ask an unknown host for its keys, for a person to look at; it is told nothing yet."""
    keys = scan(address, check=check)
    if not keys:
        return Failure(problem="away", text=f"{address.host} does not answer on port {address.port}.")
    Remote.objects.filter(pk=remote.pk).update(offered_keys=list(keys))
    remote.offered_keys = list(keys)
    return Failure(problem="new_host", text=f"{address.host} is not known yet.")
