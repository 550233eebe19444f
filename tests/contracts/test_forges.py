"""The emulated forges tell all that the published shapes ask for, and our clients read the published deliveries."""

from __future__ import annotations

from typing import Any

import pytest

from guardrails.http import call
from runbooks.workspaces.pipelines import github as hub
from runbooks.workspaces.pipelines import gitlab as lab
from runbooks.workspaces.pipelines.values import State
from tests.contracts.shapes import (
    GITHUB_CONCLUSIONS,
    GITHUB_JOB,
    GITHUB_RUN,
    GITHUB_RUN_STATUSES,
    GITLAB_JOB,
    GITLAB_PIPELINE,
    GITLAB_STATUSES,
    find_differences,
)
from tests.servers.forges import GitHubServer, GitLabServer
from tests.servers.forges.base import TOKEN


def get(url: str, **headers: str) -> Any:
    return call(url, headers={name.replace("_", "-"): value for name, value in headers.items()}).json()


def test_the_emulated_github_keeps_to_the_published_shapes() -> None:
    with GitHubServer().running() as forge:
        number = forge.add_run()["id"]
        base = f"{forge.api_url}/repos/octo/shop/actions/runs"
        auth = {"Authorization": f"Bearer {TOKEN}"}
        run, jobs = get(f"{base}/{number}", **auth), get(f"{base}/{number}/jobs", **auth)
        listed = get(base, **auth)
        assert get(f"{base}/{number}", Authorization="Bearer wrong") == {"message": "Bad credentials"}
    assert find_differences(run, GITHUB_RUN) == []
    assert run["status"] in GITHUB_RUN_STATUSES
    assert [find_differences(job, GITHUB_JOB) for job in jobs["jobs"]] == [[], []]
    assert set(listed) == {"total_count", "workflow_runs"}


def test_the_emulated_gitlab_keeps_to_the_published_shapes() -> None:
    with GitLabServer().running() as forge:
        number = forge.add_pipeline()["id"]
        base = f"{forge.api_url}/projects/shop%2Fweb/pipelines"
        row, jobs = get(f"{base}/{number}", PRIVATE_TOKEN=TOKEN), get(f"{base}/{number}/jobs", PRIVATE_TOKEN=TOKEN)
    assert find_differences(row, GITLAB_PIPELINE) == []
    assert row["status"] in GITLAB_STATUSES
    assert [find_differences(job, GITLAB_JOB) for job in jobs] == [[], [], []]
    assert {job["status"] for job in jobs} <= GITLAB_STATUSES


@pytest.mark.parametrize("status", sorted(GITHUB_RUN_STATUSES))
def test_every_published_status_of_github_is_a_state(status: str) -> None:
    over = {State.SUCCEEDED, State.FAILED, State.CANCELLED, State.SKIPPED, State.WAITING}
    for conclusion in GITHUB_CONCLUSIONS if status == "completed" else {None}:
        assert (hub.state_of(status, conclusion) in over) == (status in ("completed", "waiting"))


def test_every_published_status_of_gitlab_is_known() -> None:
    assert set(lab.STATES) >= GITLAB_STATUSES
