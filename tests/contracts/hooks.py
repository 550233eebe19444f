"""Deliveries of forges as they publish them, cut to the fields that tell something; names are made up."""

from __future__ import annotations

from typing import Any

SHA = "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d"


def github(**event: Any) -> dict[str, Any]:
    """Return the frame that all events of GitHub have."""
    return {"repository": {"id": 1, "full_name": "octo/shop"}, "sender": {"login": "octocat", "id": 1}} | event


def github_run(status: str = "completed", conclusion: str | None = "failure", **run: Any) -> dict[str, Any]:
    """Return a workflow_run event."""
    fields = {
        "id": 30433642,
        "name": "ci",
        "node_id": "x",
        "head_branch": "main",
        "head_sha": SHA,
        "run_number": 562,
        "event": "push",
        "status": status,
        "conclusion": conclusion,
        "workflow_id": 159038,
        "html_url": "https://github.com/octo/shop/actions/runs/30433642",
        "pull_requests": [],
        "created_at": "2020-01-22T19:33:08Z",
        "updated_at": "2020-01-22T19:43:08Z",
        "run_attempt": 1,
        "run_started_at": "2020-01-22T19:33:08Z",
        "actor": {"login": "octocat", "id": 1},
        "previous_attempt_url": None,
    }
    action = "completed" if status == "completed" else "in_progress"
    return github(action=action, workflow={"id": 159038, "name": "ci"}, workflow_run=fields | run)


def github_job(status: str = "completed", conclusion: str | None = "failure", **job: Any) -> dict[str, Any]:
    """Return a workflow_job event."""
    fields = {
        "id": 399444496,
        "run_id": 30433642,
        "run_attempt": 1,
        "head_sha": SHA,
        "name": "test",
        "status": status,
        "conclusion": conclusion,
        "html_url": "https://github.com/octo/shop/actions/runs/30433642/job/399444496",
        "started_at": "2020-01-22T19:33:10Z",
        "completed_at": "2020-01-22T19:34:10Z" if status == "completed" else None,
        "steps": [],
        "labels": ["ubuntu-latest"],
        "runner_id": None,
    }
    return github(action=status, workflow_job=fields | job)


def github_change(action: str = "opened", **request: Any) -> dict[str, Any]:
    """Return a pull_request event."""
    fields = {
        "number": 2,
        "state": "open",
        "title": "Update the README with new information.",
        "html_url": "https://github.com/octo/shop/pull/2",
        "user": {"login": "mona", "id": 2},
        "head": {"ref": "changes", "sha": SHA},
        "base": {"ref": "main", "sha": SHA},
        "draft": False,
        "merged": False,
    }
    return github(action=action, number=2, pull_request=fields | request)


def github_deploy(state: str = "success") -> dict[str, Any]:
    """Return a deployment_status event."""
    return github(
        action="created",
        deployment_status={
            "id": 209916254,
            "state": state,
            "creator": {"login": "octocat", "id": 1},
            "description": "",
            "environment": "production",
            "target_url": "",
            "log_url": "",
        },
        deployment={"id": 145988746, "sha": SHA, "ref": "main", "environment": "production", "description": None},
    )


def gitlab(kind: str, **event: Any) -> dict[str, Any]:
    """Return the frame that all events of GitLab have."""
    return {
        "object_kind": kind,
        "user": {"id": 1, "name": "Administrator", "username": "root"},
        "project": {"id": 21, "name": "web", "path_with_namespace": "shop/web"},
    } | event


def gitlab_pipeline(status: str = "failed", **attributes: Any) -> dict[str, Any]:
    """Return a Pipeline Hook; its builds come in no order, as GitLab sends them."""
    fields = {
        "id": 31,
        "iid": 3,
        "ref": "main",
        "tag": False,
        "sha": SHA,
        "status": status,
        "source": "push",
        "stages": ["build", "test", "deploy"],
        "created_at": "2016-08-12 15:23:28 UTC",
        "finished_at": "2016-08-12 15:26:29 UTC",
        "duration": 63,
        "url": "https://gitlab.example.com/shop/web/-/pipelines/31",
    }
    builds = [
        gitlab_build(380, "deploy", "production", "skipped"),
        gitlab_build(377, "test", "test-image", status if status != "success" else "success"),
        gitlab_build(378, "test", "test-build", "success"),
        gitlab_build(376, "build", "build-image", "success"),
    ]
    return gitlab("pipeline", object_attributes=fields | attributes, builds=builds)


def gitlab_build(number: int, stage: str, name: str, status: str) -> dict[str, Any]:
    """Return a job of a Pipeline Hook."""
    environment = {"name": name, "action": "start"} if stage == "deploy" else None
    return {
        "id": number,
        "stage": stage,
        "name": name,
        "status": status,
        "created_at": "2016-08-12 15:23:28 UTC",
        "started_at": None,
        "finished_at": None,
        "duration": 17.1,
        "when": "manual" if stage == "deploy" else "on_success",
        "manual": stage == "deploy",
        "allow_failure": False,
        "environment": environment,
    }


def gitlab_change(action: str = "open") -> dict[str, Any]:
    """Return a Merge Request Hook."""
    return gitlab(
        "merge_request",
        object_attributes={
            "id": 93,
            "iid": 16,
            "title": "MS-Viewport",
            "source_branch": "ms-viewport",
            "target_branch": "main",
            "state": "opened",
            "action": action,
            "url": "https://gitlab.example.com/shop/web/-/merge_requests/16",
        },
    )


def gitlab_deploy(status: str = "success") -> dict[str, Any]:
    """Return a Deployment Hook."""
    return gitlab(
        "deployment",
        status=status,
        status_changed_at="2021-04-28 21:50:00 +0200",
        deployment_id=15,
        deployable_id=796,
        deployable_url="https://gitlab.example.com/shop/web/-/jobs/796",
        environment="staging",
        short_sha="279484c0",
        ref="main",
        commit_title="Add new file",
    )
