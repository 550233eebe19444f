"""A project with commands of its own, its people, and jobs run the way a worker runs them."""

from __future__ import annotations

from typing import Any

from guardrails import approvals
from guardrails.models import Approval
from guardrails.types import Actor
from runbooks.models import ChangeRequest, Job, Project
from runbooks.runner import perform
from runbooks.workspaces import git
from runbooks.workspaces.gitops.starting import start_command
from runbooks.workspaces.operations import record_operation
from runbooks.workspaces.roots import tree_of
from sessions_app.models import Card, Channel, Session
from tests.runbooks.people import ALICE, BOB
from tests.runbooks.workspaces.gitops.papers import SCALE
from tests.runbooks.workspaces.making import commit, project, write

SCALE_FILE = ".claw/commands/scale.yaml"
FILES = {"deploy/web.yaml": "image: web\nreplicas: 1\n", "CHANGES": "first\n"}


def shop(document: str = SCALE, *, files: dict[str, str] | None = None, alice: str = "maintainer") -> Project:
    """Return a project of Bob's, where Alice has a role, whose /scale is this document; a chat watches it."""
    made = project(files=FILES | {SCALE_FILE: document} | (files or {}))
    if alice:
        made.members.create(subject=ALICE.subject, name=ALICE.name, role=alice)
    channel = Channel.objects.create(kind="telegram", name="t")
    made.watches.create(session=Session.objects.create(channel=channel, chat_id="7", kind=Session.Kind.DIRECT))
    operate(made)
    return made


def operate(made: Project, files: dict[str, str] | None = None, message: str = "Change.") -> str:
    """Commit files, if any, and record it as whoever moves the branch does."""
    before = git.head(made)
    if files:
        write(tree_of(made), files)
        commit(made, message)
    sha = git.head(made)
    record_operation(made, kind="file", sha=sha, before=before, actor=BOB, summary=message)
    return sha


def start(made: Project, *words: str, command: str = "scale", actor: Actor = BOB, session_id: int | None = None) -> Job:
    """Run a command and return its job as it is then."""
    return go(start_command(made, command, words or ("web", "3"), actor=actor, session_id=session_id))


def go(job: Job) -> Job:
    """Run a job once."""
    assert perform(job.pk)
    return Job.objects.get(pk=job.pk)


def merge_job() -> Job:
    """Run the newest merge."""
    return go(Job.objects.filter(kind="gitops_merge").latest("pk"))


def change() -> ChangeRequest:
    """Return the newest change."""
    return ChangeRequest.objects.select_related("project").latest("pk")


def waiting() -> Approval:
    """Return the one request that waits."""
    return Approval.objects.get(kind="gitops", state="waiting")


def decide(actor: Actor = ALICE, *, approve: bool = True) -> str:
    """Decide the request that waits."""
    return approvals.decide(waiting().key, actor=actor, approve=approve).outcome


def card() -> dict[str, Any]:
    """Return the data of the newest change's card."""
    return dict(Card.objects.filter(key__startswith=f"change:{change().pk}:").latest("pk").data)


def text_of(made: Project, path: str, revision: str = "main") -> str:
    """Return a file of a commit."""
    return git.run_git(made, "show", f"{revision}:{path}").stdout.decode()
