"""What a pipeline that runs here does: the stages of claw.yaml at its commit, or what it says of tests and builds."""

from __future__ import annotations

import hashlib
import json

from clawsite.core.errors import BadInput
from runbooks.models import Pipeline
from runbooks.workspaces.manifest import Command, Manifest, Stage, read_manifest
from runbooks.workspaces.pipelines.values import JobInfo, StageInfo, State, sounds_like_a_change, stage_of


def read_plan(row: Pipeline) -> list[Stage]:
    """Return the stages of a pipeline; BadInput when claw.yaml names nothing that could be run."""
    found = plan_of(read_manifest(row.project, row.commit))
    if not found:
        raise BadInput(f"The claw.yaml of {row.project.name} names no stages, no tests and no build.")
    return found


def plan_of(manifest: Manifest) -> list[Stage]:
    """Return the stages of a manifest: its own, or setup, lint, test and build as far as it has them. Pure."""
    if manifest.stages:
        return list(manifest.stages)
    own: dict[str, Command | None] = {
        "setup": manifest.setup,
        "lint": manifest.lint,
        "test": manifest.test,
        "build": manifest.build,
    }
    found = [(name, command) for name, command in own.items() if command is not None]
    if all(name == "setup" for name, _command in found):
        return []
    return [Stage(name=name, argv=command.argv, seconds=command.seconds) for name, command in found]


def stage_info(stage: Stage, state: State, *, seconds: float | None = None) -> StageInfo:
    """Return a stage as it stands. One that a person has to start changes something: why else should they."""
    job = JobInfo(id=stage.name, name=stage.name, state=state, seconds=seconds)
    return stage_of(stage.name, [job], changes=changes(stage))


def changes(stage: Stage) -> bool:
    """Tell whether a stage changes something outside, so that it must not simply be run a second time."""
    return stage.manual or sounds_like_a_change(stage.name)


def digest_of(row: Pipeline, stage: Stage) -> str:
    """Return the hash of exactly what an approval of a stage lets happen."""
    told = [row.project.key, row.pk, row.attempt, row.commit, stage.name, stage.argv, stage.seconds]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
