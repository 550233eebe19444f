"""The steps that change an environment: making the release, switching to it, its programs, and the way back.

They are kinds of step for plans that are made here; no runbook can name them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from runbooks.books.steps import StepContext, StepFailed, StepKind
from runbooks.models import Deploy
from runbooks.workspaces import git
from runbooks.workspaces.deploys.health import Probe, wait_healthy
from runbooks.workspaces.deploys.programs import check_done, run_program
from runbooks.workspaces.deploys.releases import current_commit, make_release, release_path, switch
from runbooks.workspaces.manifest import Command


class Release(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The release of a commit, and the programs that prepare and build it."""

    deploy: int
    commit: str
    setup: Command | None = None
    build: Command | None = None


class Switch(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The release that is to be current."""

    deploy: int
    commit: str


class Program(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A program that is run in the release of a commit."""

    deploy: int
    commit: str
    command: Command


class Restore(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The commit to go back to ("" for none), and all that is done for it, in this order."""

    deploy: int
    commit: str
    failed: str
    rollback: Command | None = None
    deploy_again: Command | None = None
    restart: Command | None = None
    health: Probe | None = None


def make(ctx: StepContext, given: Release) -> str:
    """Make the release, unless it is there."""
    deploy = _get(given.deploy)

    def build(folder: Path) -> None:
        for command in (given.setup, given.build):
            if command is not None:
                check_done(run_program(ctx, deploy.project, command.argv, tree=folder, seconds=command.seconds))

    make_release(deploy.project, deploy.environment.name, given.commit, build=build, check=ctx.check)
    return given.commit[:8]


def change(ctx: StepContext, given: Switch) -> str:
    """Switch to the release."""
    deploy = _get(given.deploy)
    if not release_path(deploy.project, deploy.environment.name, given.commit).is_dir():
        raise StepFailed(f"The release {given.commit[:8]} is not there.")
    with git.alone(deploy.project):
        switch(deploy.project, deploy.environment.name, given.commit)
    return given.commit[:8]


def execute(ctx: StepContext, given: Program) -> str:
    """Run the program of the environment."""
    _execute(ctx, _get(given.deploy), given.command, given.commit)
    return ""


def restore(ctx: StepContext, given: Restore) -> str:
    """Go back to the release before. What claw.yaml names for it is run there; of a first release nothing is left."""
    deploy = _get(given.deploy)
    switch(deploy.project, deploy.environment.name, given.commit)
    back = given.rollback or given.deploy_again
    if back is not None and (given.commit or given.rollback is not None):
        _execute(ctx, deploy, back, given.commit or given.failed)
    if not given.commit:
        return ""
    if given.restart is not None:
        _execute(ctx, deploy, given.restart, given.commit)
    if given.health is not None:
        wait_healthy(ctx, given.health)
    return given.commit[:8]


def _execute(ctx: StepContext, deploy: Deploy, command: Command, commit: str) -> None:
    project, environment = deploy.project, deploy.environment
    tree = release_path(project, environment.name, commit)
    if not tree.is_dir():
        raise StepFailed(f"The release {commit[:8]} is not there.")
    done = run_program(
        ctx,
        project,
        command.argv,
        tree=tree,
        seconds=command.seconds,
        env=_variables(deploy, commit),
        host=environment.host,
    )
    check_done(done)


def _variables(deploy: Deploy, commit: str) -> Mapping[str, str]:
    project, environment = deploy.project, deploy.environment.name
    return {
        "CLAW_RELEASE": str(release_path(project, environment, commit)),
        "CLAW_ENVIRONMENT": environment,
        "CLAW_COMMIT": commit,
        "CLAW_CURRENT": current_commit(project, environment),
    }


def _get(pk: int) -> Deploy:
    return Deploy.objects.select_related("project", "environment").get(pk=pk)


def _words(*commands: Command | None) -> str:
    return "; ".join(" ".join(each.argv) for each in commands if each is not None)


def _describe_restore(given: Restore) -> str:
    done = _words(given.rollback or given.deploy_again, given.restart)
    return f"current → {given.commit[:8] or '-'}{f'; {done}' if done else ''}"


RELEASE = StepKind(
    name="deploy_release",
    params=Release,
    run=make,
    describe=lambda given: f"releases/{given.commit[:8]} {_words(given.setup, given.build)}".strip(),
)
SWITCH = StepKind(
    name="deploy_switch", params=Switch, run=change, describe=lambda given: f"current → {given.commit[:8]}"
)
PROGRAM = StepKind(
    name="deploy_program",
    params=Program,
    run=execute,
    describe=lambda given: _words(given.command),
    repeatable=lambda _: False,
)
RESTORE = StepKind(name="deploy_restore", params=Restore, run=restore, describe=_describe_restore)
