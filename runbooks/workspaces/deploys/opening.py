"""The beginning of a deploy: who may, where to, which commit, what was there, and the plan. Refusals are audited."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from clawsite.core import audit
from clawsite.core.errors import BadInput, ClawError
from guardrails.redact import redact
from guardrails.types import Actor
from runbooks.books.asking import names_of
from runbooks.books.plan import digest_of
from runbooks.books.starting import take_target
from runbooks.jobs.actions import SYSTEM
from runbooks.models import Deploy, Environment, Job, Project, Run
from runbooks.workspaces import git
from runbooks.workspaces.access import DEVELOPER, MAINTAINER, access_project, check_role, maintainers_of
from runbooks.workspaces.askers import asker_of
from runbooks.workspaces.deploys import gates, planning
from runbooks.workspaces.deploys.environments import keep_environments, live_in
from runbooks.workspaces.deploys.gates import DeployRefused
from runbooks.workspaces.manifest import EnvironmentSpec, Manifest, read_manifest
from runbooks.workspaces.pipelines.values import clean

SHOWN_CHANGES = 20
SUBJECT_CHARS = 100
# With fewer characters of a commit, what is typed could be anything.
LEAST_PREFIX = 4
# The letter behind those that a commit is written with.
_AFTER_DIGITS = "g"
T = TypeVar("T")


def open_deploy(job: Job, project: Project) -> Deploy:
    """Return the row of a job's deploy, made now: after the gates that need no turn."""
    return _audited(job, project, lambda: _open(job, project))


def begin_run(job: Job, deploy: Deploy) -> Run:
    """Return the run of a deploy whose turn it is, made now: after the other gates, with the plan."""
    return _audited(job, deploy.project, lambda: _begin(job, deploy))


def _audited(job: Job, project: Project, work: Callable[[], T]) -> T:
    try:
        return work()
    except ClawError as error:
        audit.record(
            "deploy.refused", actor=asker_of(job).subject, subject=project.ref, job=job.key,
            environment=job.params["environment"], why=error.message,
        )  # fmt: skip
        raise


def _open(job: Job, project: Project) -> Deploy:
    actor, given = asker_of(job), job.params
    if actor.subject != SYSTEM.subject:
        access_project(project.key, actor=actor, session_id=job.session_id, role=DEVELOPER)
    back = given["kind"] == Deploy.Kind.ROLLBACK
    manifest, spec = _read(project, given["environment"], back=back)
    environment = keep_environments(project, manifest)[given["environment"]]
    if back and spec.approval and actor.subject != SYSTEM.subject:
        check_role(project, actor=actor, session_id=job.session_id, role=MAINTAINER)
    _check_gates(environment, actor, back=back)
    with transaction.atomic():
        Environment.objects.select_for_update().get(pk=environment.pk)
        target = _target(environment, given["ref"]) if back else None
        commit = target.commit if target is not None else gates.find_commit(project, given["ref"])
        return Deploy.objects.create(
            project=project,
            environment=environment,
            job=job,
            kind=given["kind"],
            commit=commit,
            ref=given["ref"],
            previous=target.previous if target is not None else None,
            requested_by=actor.subject,
            requested_name=actor.name[:200],
        )


def _check_gates(environment: Environment, actor: Actor, *, back: bool) -> None:
    """Raise where the environment is closed. Going back is possible in a freeze; our own way back always."""
    if actor.subject != SYSTEM.subject:
        gates.check_lock(environment, actor.subject)
    if not back:
        gates.check_frozen(environment)


def _target(environment: Environment, ref: str) -> Deploy:
    """Return the deploy whose commit a rollback brings back: the one before what is live, or one that was live."""
    if not ref:
        live = live_in(environment)
        if live is None or live.previous is None:
            raise DeployRefused(f"Nothing was live in {environment.name} before, so there is nothing to go back to.")
        return live.previous
    if len(ref) < LEAST_PREFIX:
        raise DeployRefused(f"Name the commit by at least {LEAST_PREFIX} of its characters.")
    found = _were_live(environment, ref.lower())
    if len(found) > 1:
        raise DeployRefused(f"Several commits begin with {ref[:12]}. Name more of it.")
    if not found:
        raise DeployRefused(f"The commit {ref[:12]} was never live in {environment.name}.")
    return found[0]


def _were_live(environment: Environment, prefix: str) -> list[Deploy]:
    """Return the newest deploy of a commit that begins so and was live there, of two when several do. One query.

    It reads a range of the index: of what begins with something alone, SQLite looks at every row of the environment.
    """
    good = (Deploy.State.LIVE, Deploy.State.REPLACED, Deploy.State.WITHDRAWN)
    rows = Deploy.objects.filter(
        environment=environment, state__in=good, commit__gte=prefix, commit__lt=prefix + _AFTER_DIGITS
    )
    each = rows.filter(commit__startswith=prefix).values("commit").annotate(newest=Max("pk"))
    return list(Deploy.objects.filter(pk__in=each.values("newest")).select_related("previous")[:2])


def _begin(job: Job, deploy: Deploy) -> Run:
    project, environment = deploy.project, deploy.environment
    environment.refresh_from_db()
    back = deploy.kind == Deploy.Kind.ROLLBACK
    actor = asker_of(job)
    gates.check_requester(deploy)
    _check_gates(environment, actor, back=back)
    manifest, spec = _read(project, environment.name, back=back)
    if not back:
        gates.check_tree(project)
        gates.check_on_branch(project, deploy.commit)
        if manifest.test is None:
            raise DeployRefused("There are no tests: claw.yaml names no command for them.")
    live = live_in(environment)
    deploy.before = live.commit if live is not None else ""
    if not back:
        deploy.previous = live if live is None or live.commit != deploy.commit else live.previous
    deploy.changes = _changes(project, deploy.before, deploy.commit)
    before = _told(project, deploy.before, environment.name, or_else=(manifest, spec))[1]
    if back:
        plan = planning.plan_rollback(
            deploy, *_told(project, deploy.commit, environment.name, or_else=(manifest, spec)), before=before
        )
    else:
        alone = _is_alone(project, deploy, spec)
        plan = planning.plan_deploy(deploy, manifest, spec, before=before, alone=alone)
    return _make_run(job, deploy, plan)


def _read(project: Project, environment: str, *, back: bool) -> tuple[Manifest, EnvironmentSpec]:
    """Return what claw.yaml of the branch says. When that is broken, or names the environment no more, it is what the
    live release says that goes back: a mistake there must not keep anybody from undoing it.
    """
    try:
        return read_manifest(project), gates.find_spec(project, environment)
    except BadInput:
        place = {"project": project, "environment__name": environment}
        live = Deploy.objects.filter(**place, state=Deploy.State.LIVE).first() if back else None
        manifest = read_manifest(project, live.commit) if live is not None else None
        if manifest is None or environment not in manifest.environments:
            raise
        return manifest, gates.with_policy(project, environment, manifest.environments[environment])


def _told(
    project: Project, commit: str, environment: str, *, or_else: tuple[Manifest, EnvironmentSpec]
) -> tuple[Manifest, EnvironmentSpec]:
    """Return what claw.yaml of a release says: its programs are run as they were when it was there.

    Releases are commits of the branch, so this widens nobody's rights. One whose claw.yaml cannot be read now is
    treated as the branch says.
    """
    try:
        manifest = read_manifest(project, commit) if commit else or_else[0]
        return manifest, manifest.environments[environment]
    except (BadInput, KeyError):
        return or_else


def _is_alone(project: Project, deploy: Deploy, spec: EnvironmentSpec) -> bool:
    """Tell whether nobody else could approve; DeployRefused when nobody at all can."""
    people = planning.people_of(maintainers_of(project))
    if spec.approval and not people:
        raise DeployRefused(f"{project.name} has no maintainer who could approve this.")
    return set(people) <= names_of(deploy.requested_by)


def _make_run(job: Job, deploy: Deploy, plan: list[dict[str, Any]]) -> Run:
    run = Run(
        job=job,
        name=str(deploy.kind),
        title=f"{deploy.project.name} → {deploy.environment.name}",
        target=f"deploy:{deploy.project.key}:{deploy.environment.name}",
        parameters={"environment": deploy.environment.name, "commit": deploy.commit},
        plan=plan,
        requested_by=deploy.requested_by,
        requested_name=deploy.requested_name,
        session_id=job.session_id,
    )
    run.digest = digest_of(run)
    with transaction.atomic():
        take_target(run)
        deploy.state, deploy.started_at = Deploy.State.RUNNING, timezone.now()
        deploy.save(update_fields=["before", "previous", "changes", "state", "started_at"])
        audit.record(
            "deploy.start", actor=deploy.requested_by, subject=deploy.environment.ref, job=job.key, run=run.pk,
            commit=deploy.commit, kind=str(deploy.kind), digest=run.digest,
        )  # fmt: skip
    return run


def _changes(project: Project, before: str, after: str) -> list[str]:
    """Return the subjects of the commits that are new, newest first; for a rollback those that go."""
    if not before or before == after:
        return []
    forward = git.is_ancestor(project, before, after)
    old, new = (before, after) if forward else (after, before)
    listed = git.run_git(project, "log", f"-{SHOWN_CHANGES}", "--format=%h %s", f"{old}..{new}", "--", may_fail=True)
    return [clean(line, SUBJECT_CHARS) for line in redact(listed.stdout.decode("utf-8", "replace")).split("\n") if line]
