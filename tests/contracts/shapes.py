"""Names and types of fields as the forges publish them, written down as shapes: which must be there, and of what type.

GitHub: the schemas of workflow runs and jobs that its webhooks and REST API share (octokit/webhooks, MIT). GitLab: the
schemas its own specs check its API with (gitlab-org/gitlab, MIT). Only names and types are taken, no text.
"""

from __future__ import annotations

from typing import Any

NONE = type(None)
Shape = dict[str, tuple[type, ...]]
TEXT: tuple[type, ...] = (str,)
MAYBE: tuple[type, ...] = (str, NONE)
NUMBER: tuple[type, ...] = (int,)
MAYBE_NUMBER: tuple[type, ...] = (int, float, NONE)
LIST: tuple[type, ...] = (list,)
OBJECT: tuple[type, ...] = (dict,)
MAYBE_OBJECT: tuple[type, ...] = (dict, NONE)


def shape(**types: tuple[tuple[type, ...], str]) -> Shape:
    """Return a shape from groups of names that have the same types."""
    return {name: kinds for kinds, names in types.values() for name in names.split()}


GITHUB_RUN = shape(
    text=(
        TEXT,
        "artifacts_url cancel_url check_suite_url check_suite_node_id created_at event head_branch head_sha html_url"
        " jobs_url logs_url node_id name rerun_url status updated_at url workflow_url run_started_at",
    ),
    maybe=(MAYBE, "conclusion previous_attempt_url"),
    number=(NUMBER, "check_suite_id id run_number workflow_id run_attempt"),
    items=(LIST, "pull_requests"),
    rows=(OBJECT, "head_commit head_repository repository actor triggering_actor"),
)
GITHUB_RUN_STATUSES = {"requested", "in_progress", "completed", "queued", "waiting"}
GITHUB_CONCLUSIONS = {
    "success", "failure", "neutral", "cancelled", "timed_out", "action_required", "stale", "skipped", None,
}  # fmt: skip
GITHUB_JOB = shape(
    text=(TEXT, "run_url node_id head_sha url html_url status started_at name check_run_url"),
    maybe=(MAYBE, "conclusion completed_at runner_name runner_group_name"),
    number=(NUMBER, "id run_id run_attempt"),
    maybe_number=((int, NONE), "runner_id runner_group_id"),
    items=(LIST, "steps labels"),
)
GITLAB_PIPELINE = shape(
    text=(TEXT, "sha ref status created_at updated_at web_url source"),
    maybe=(MAYBE, "before_sha yaml_errors started_at finished_at committed_at coverage"),
    number=(NUMBER, "id iid project_id"),
    maybe_number=(MAYBE_NUMBER, "duration queued_duration"),
    flag=((bool,), "tag"),
    rows=(MAYBE_OBJECT, "user detailed_status"),
)
GITLAB_STATUSES = {
    "created", "waiting_for_resource", "preparing", "pending", "running", "success", "failed", "canceled", "skipped",
    "manual", "scheduled",
}  # fmt: skip
GITLAB_JOB = shape(
    text=(TEXT, "status stage name ref created_at web_url"),
    maybe=(MAYBE, "started_at finished_at erased_at artifacts_expire_at"),
    number=(NUMBER, "id"),
    maybe_number=(MAYBE_NUMBER, "coverage duration queued_duration"),
    flag=((bool,), "tag archived"),
    items=(LIST, "artifacts tag_list"),
    rows=(OBJECT, "user pipeline project"),
    maybe_rows=(MAYBE_OBJECT, "commit runner"),
)


def find_differences(row: dict[str, Any], wanted: Shape) -> list[str]:
    """Return what is missing from a row or has another type."""
    missing = [f"{name} is missing" for name in wanted if name not in row]
    wrong = [
        f"{name} is {type(row[name]).__name__}"
        for name, kinds in wanted.items()
        if name in row and type(row[name]) not in kinds
    ]
    return missing + wrong
