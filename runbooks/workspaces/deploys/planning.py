"""What a deploy will do, as the plan of a run: the machinery of runbooks does it, with its tries, records and undoing.

Whatever fails after the switch is undone by one step, which goes back to the release before. Titles are English; who
shows them knows them all (`TITLES`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from runbooks.books.plan import plan_step
from runbooks.books.steps.approval import Approval
from runbooks.models import Deploy
from runbooks.workspaces.access import maintainers_of
from runbooks.workspaces.deploys import gates, steps
from runbooks.workspaces.deploys.checking import Check
from runbooks.workspaces.deploys.health import Probe
from runbooks.workspaces.manifest import Command, EnvironmentSpec, Manifest

TESTS, LINT, APPROVAL, AGAIN = "Tests", "Lint", "Approval", "Checks before the change"
RELEASE, SWITCH, DEPLOY, RESTART, HEALTH = "Release", "Switching", "Deploy command", "Restart", "Health check"
RESTORE = "Back to the previous release"
TITLES = (TESTS, LINT, APPROVAL, AGAIN, RELEASE, SWITCH, DEPLOY, RESTART, HEALTH, RESTORE)

APPROVAL_MINUTES = 60.0
SECONDS = 300.0
Plan = list[dict[str, Any]]


def plan_deploy(
    deploy: Deploy, manifest: Manifest, spec: EnvironmentSpec, *, before: EnvironmentSpec, alone: bool
) -> Plan:
    """Return the plan of a deploy. before: what the release to go back to says; alone: only who asked can approve."""
    again = gates.Gates(deploy=deploy.pk, spec=gates.digest_of_spec(spec))
    order = [plan_step("deploy_gates", again, title=AGAIN, timeout=60, on_failure="stop")]
    approval = [*_approval(deploy, alone=alone), *order] if spec.approval else []
    return [*_checks(deploy, manifest), *order, *approval, *_changes(deploy, manifest, spec, before)]


def plan_rollback(deploy: Deploy, manifest: Manifest, spec: EnvironmentSpec, *, before: EnvironmentSpec) -> Plan:
    """Return the plan of going back: what was live before was tested and approved then."""
    return _changes(deploy, manifest, spec, before)


def _checks(deploy: Deploy, manifest: Manifest) -> Plan:
    found: list[tuple[Literal["test", "lint"], str, Command | None]] = [
        ("test", TESTS, manifest.test),
        ("lint", LINT, manifest.lint),
    ]
    setup = manifest.setup.argv if manifest.setup else []
    more = manifest.setup.seconds if manifest.setup else 0.0
    return [
        plan_step(
            "project_check",
            Check(project=deploy.project.key, commit=deploy.commit, name=name, argv=command.argv, setup=setup),
            title=title,
            timeout=command.seconds + more,
            on_failure="stop",
        )
        for name, title, command in found
        if command is not None
    ]


def _approval(deploy: Deploy, *, alone: bool) -> Plan:
    given = Approval(
        text=f"{deploy.project.name} → {deploy.environment.name}: {deploy.commit[:12]}",
        people=people_of(maintainers_of(deploy.project)),
        minutes=APPROVAL_MINUTES,
        no_self=not alone,
    )
    return [plan_step("approval", given, title=APPROVAL, timeout=60, on_failure="stop")]


def people_of(subjects: Sequence[str]) -> list[str]:
    """Return those of the subjects that are people."""
    return [each for each in subjects if each.partition(":")[0] in ("user", "contact")]


def _changes(deploy: Deploy, manifest: Manifest, spec: EnvironmentSpec, before: EnvironmentSpec) -> Plan:
    commit, host = deploy.commit, deploy.environment.host
    release = steps.Release(deploy=deploy.pk, commit=commit, setup=manifest.setup, build=manifest.build)
    built = sum(each.seconds for each in (manifest.setup, manifest.build) if each is not None)
    made = [plan_step("deploy_release", release, title=RELEASE, timeout=SECONDS + built, on_failure="stop")]
    made.append(
        plan_step(
            "deploy_switch",
            steps.Switch(deploy=deploy.pk, commit=commit),
            title=SWITCH,
            timeout=SECONDS,
            rollback=_restore(deploy, before),
        )
    )
    for title, command in ((DEPLOY, spec.deploy), (RESTART, spec.restart)):
        if command is not None:
            made.append(_program(deploy, command, title, host))
    if spec.health is not None:
        made.append(plan_step("deploy_health", _probe(deploy, spec), title=HEALTH, timeout=60.0))
    return made


def _program(deploy: Deploy, command: Command, title: str, host: Sequence[str]) -> dict[str, Any]:
    given = steps.Program(deploy=deploy.pk, commit=deploy.commit, command=command)
    again = True if title == RESTART else None
    granted = [each for each in host if each == command.argv[0]]
    return plan_step("deploy_program", given, title=title, timeout=command.seconds + 10, repeatable=again, host=granted)


def _probe(deploy: Deploy, spec: EnvironmentSpec) -> Probe:
    if spec.health is None:
        raise ValueError("There is no health to ask for.")
    return Probe(environment=deploy.environment_id, url=spec.health.url, seconds=spec.health.seconds)


def _restore(deploy: Deploy, spec: EnvironmentSpec) -> dict[str, Any]:
    given = steps.Restore(
        deploy=deploy.pk,
        commit=deploy.before,
        failed=deploy.commit,
        rollback=spec.rollback,
        deploy_again=spec.deploy,
        restart=spec.restart,
        health=_probe(deploy, spec) if spec.health else None,
    )
    commands = (spec.rollback or spec.deploy, spec.restart)
    seconds = sum(each.seconds for each in commands if each is not None) + (spec.health.seconds if spec.health else 0)
    undo = plan_step("deploy_restore", given, title=RESTORE, timeout=SECONDS + seconds)
    return {key: value for key, value in undo.items() if key not in ("on_failure", "rollback")}
