"""What keeps a commit from an environment: each gate raises, with the reason. Asked in the beginning and once more
after the approval, because the world may have changed meanwhile.
"""

from __future__ import annotations

import msgspec
from django.utils import timezone

from clawsite.core.errors import BadInput, ClawError
from guardrails.models import Approval
from guardrails.types import Actor, Role
from runbooks.books.asking import KIND as APPROVAL_KIND
from runbooks.books.asking import name_of, names_of, ref_of
from runbooks.books.plan import digest
from runbooks.books.steps import StepContext, StepKind
from runbooks.jobs.actions import SYSTEM
from runbooks.models import Deploy, Environment, EnvironmentLock, Project
from runbooks.workspaces.access import DEVELOPER, access_project, is_decided_still
from runbooks.workspaces.git import alone, branch_head, is_ancestor, is_clean, refresh_tree
from runbooks.workspaces.gitops.finding import asks_approval
from runbooks.workspaces.manifest import EnvironmentSpec, read_manifest

WAS_LIVE = (Deploy.State.LIVE, Deploy.State.REPLACED)


class DeployRefused(ClawError):
    """A gate was closed; the message says which and why."""

    code = "deploy_refused"


def check_lock(environment: Environment, subject: str) -> None:
    """Raise while somebody else keeps the environment."""
    lock = EnvironmentLock.objects.filter(environment=environment).first()
    if lock is not None and lock.owner not in names_of(subject):
        since = timezone.localtime(lock.since).strftime("%Y-%m-%d %H:%M")
        raise DeployRefused(
            f"{environment.name} is locked by {lock.owner_name or lock.owner} since {since}: {lock.reason}"
        )


def check_requester(deploy: Deploy) -> None:
    """Raise when who asked may not deploy here any more: a deploy may have waited for long. Our own way back may."""
    if deploy.requested_by == SYSTEM.subject:
        return
    actor = Actor(subject=deploy.requested_by, role=Role.OPERATOR, name=deploy.requested_name)
    session_id = deploy.job.session_id if deploy.job is not None else None
    access_project(deploy.project.key, actor=actor, session_id=session_id, role=DEVELOPER)


def check_approver(project: Project, approval: Approval) -> None:
    """Raise when who approved as a maintainer is none any more."""
    if not is_decided_still(project, approval):
        raise DeployRefused(f"{name_of(approval.decided_by)}, who approved it, is no maintainer any more.")


def check_frozen(environment: Environment) -> None:
    """Raise while nothing goes to the environment."""
    if environment.frozen:
        raise DeployRefused(f"{environment.name} is frozen: nothing is deployed there now.")


def check_tree(project: Project) -> None:
    """Raise for changes that are in no commit: what people see is not what would be deployed.

    Between a commit of somebody else and its files there are none: they are waited for, or brought up to it if that
    process died.
    """
    refresh_tree(project)
    with alone(project):
        clean = is_clean(project)
    if not clean:
        raise DeployRefused("There are changes that are not committed.")


def find_commit(project: Project, ref: str) -> str:
    """Return the commit that is meant, the branch's newest unless named; DeployRefused when it is not on the branch."""
    commit = branch_head(project, ref or project.branch)
    check_on_branch(project, commit)
    return commit


def check_on_branch(project: Project, commit: str) -> None:
    """Raise for a commit that is not part of the project's branch."""
    if not is_ancestor(project, commit, project.branch):
        raise DeployRefused(f"The commit {commit[:8]} is not on {project.branch}.")


def check_order(project: Project, spec: EnvironmentSpec, commit: str) -> None:
    """Raise when the commit was not live in an environment that comes before, or was rolled back there."""
    for name in spec.after:
        places = Environment.objects.filter(project=project, name=name)
        rows = Deploy.objects.filter(environment__in=places, commit=commit)
        last = rows.filter(state__in=[*WAS_LIVE, Deploy.State.WITHDRAWN]).order_by("-pk").first()
        if last is None or last.state not in WAS_LIVE:
            raise DeployRefused(f"The commit {commit[:8]} was not live in {name} before.")


def find_spec(project: Project, environment: str) -> EnvironmentSpec:
    """Return what claw.yaml of the branch says of an environment; BadInput lists those there are."""
    specs = read_manifest(project).environments
    if environment not in specs:
        if not specs:
            raise BadInput(f"There is no environment {environment[:32]!r}. claw.yaml names none.")
        raise BadInput(f"There is no environment {environment[:32]!r}. There are: {', '.join(specs)}.")
    return with_policy(project, environment, specs[environment])


def with_policy(project: Project, environment: str, spec: EnvironmentSpec) -> EnvironmentSpec:
    """Return what is said of an environment, with an approval where a document of the project wants one for /deploy."""
    if not spec.approval and asks_approval(project, "deploy", [environment]):
        return msgspec.structs.replace(spec, approval=True)
    return spec


def digest_of_spec(spec: EnvironmentSpec) -> str:
    """Return what stands for all that claw.yaml says of an environment."""
    return digest([msgspec.to_builtins(spec)])


class Gates(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which deploy is looked at, and what claw.yaml said when its plan was made."""

    deploy: int
    spec: str


def run(ctx: StepContext, given: Gates) -> str:
    """Look at every gate again; note who approved."""
    deploy = Deploy.objects.select_related("project", "environment", "job").get(pk=given.deploy)
    project, environment = deploy.project, deploy.environment
    check_requester(deploy)
    check_lock(environment, deploy.requested_by)
    check_frozen(environment)
    check_on_branch(project, deploy.commit)
    spec = find_spec(project, environment.name)
    if digest_of_spec(spec) != given.spec:
        raise DeployRefused(f"claw.yaml says something else of {environment.name} by now. Deploy again.")
    check_order(project, spec, deploy.commit)
    rows = Approval.objects.filter(kind=APPROVAL_KIND, session_ref=ref_of(ctx.run), data__run=ctx.run.pk)
    approval = rows.filter(state=Approval.State.APPROVED).order_by("-pk").first()
    if approval is not None:
        check_approver(project, approval)
        Deploy.objects.filter(pk=deploy.pk).update(approved_by=approval.decided_by)
    return ""


GATES = StepKind(
    name="deploy_gates", params=Gates, run=run, describe=lambda given: "lock, freeze, branch, claw.yaml, order"
)
