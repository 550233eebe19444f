"""Which files of a project decide what runs, here and at the forges that it is pushed to."""

from __future__ import annotations

import pytest

from runbooks.workspaces.guarded import touches_guarded


@pytest.mark.parametrize(
    "path",
    [
        "claw.yaml", ".claw/commands/scale.yaml", ".github/workflows/ci.yml", ".gitlab-ci.yml", ".ci/run",
        ".forgejo/workflows/ci.yml", ".gitea/workflows/ci.yaml", ".woodpecker.yml", ".woodpecker/test.yaml",
        ".drone.yml", ".travis.yml", "bitbucket-pipelines.yml", "azure-pipelines.yml", ".buildkite/pipeline.yml",
        ".circleci/config.yml", "Jenkinsfile",
    ],
)  # fmt: skip
def test_what_a_forge_runs_by_itself_is_guarded(path: str) -> None:
    assert touches_guarded(["README.md", path])


@pytest.mark.parametrize(
    "path", ["README.md", "docs/claw.yaml", "github/a.py", "src/.gitlab-ci.yml", "pipelines.yml", "Jenkinsfile.md"]
)
def test_other_files_are_not(path: str) -> None:
    assert not touches_guarded([path])
