"""What deliveries tell: as the forges publish them, as anybody may send them, and as nobody should."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clawsite.core.errors import BadInput
from runbooks.workspaces.pipelines import generic_news, github_news, gitlab_news
from runbooks.workspaces.pipelines.news import ChangeNews, DeployNews, JobNews, News, NoNews, PipelineNews
from runbooks.workspaces.pipelines.signatures import delivery_of, is_signed
from runbooks.workspaces.pipelines.values import State
from tests.contracts import hooks


def hub(event: str, payload: dict[str, Any]) -> News:
    return github_news.read(event, json.dumps(payload).encode(), "octo/Shop")


def lab(payload: dict[str, Any]) -> News:
    return gitlab_news.read("", json.dumps(payload).encode(), "shop/web")


def test_a_run_of_github_that_failed() -> None:
    told = hub("workflow_run", hooks.github_run())
    assert isinstance(told, PipelineNews)
    assert (told.info.id, told.info.state, told.info.commit, told.info.stages) == (
        "30433642",
        State.FAILED,
        hooks.SHA,
        None,
    )
    assert told.info.ended_at is not None


def test_a_job_of_github_is_a_stage() -> None:
    told = hub("workflow_job", hooks.github_job())
    assert isinstance(told, JobNews)
    assert (told.pipeline, told.stage.name, told.stage.state) == ("30433642", "test", State.FAILED)
    assert told.stage.jobs[0].seconds == 60


def test_new_pull_requests_are_told_and_others_are_not() -> None:
    told = hub("pull_request", hooks.github_change())
    assert isinstance(told, ChangeNews)
    assert (told.id, told.by, told.source, told.target) == ("#2", "mona", "changes", "main")
    assert isinstance(hub("pull_request", hooks.github_change("labeled")), NoNews)


def test_deploys_of_both() -> None:
    told = hub("deployment_status", hooks.github_deploy("failure"))
    assert isinstance(told, DeployNews)
    assert (told.environment, told.state) == ("production", State.FAILED)
    other = lab(hooks.gitlab_deploy())
    assert isinstance(other, DeployNews)
    assert (other.id, other.environment, other.state) == ("15", "staging", State.SUCCEEDED)


def test_a_pipeline_of_gitlab_with_its_stages_in_order() -> None:
    told = lab(hooks.gitlab_pipeline())
    assert isinstance(told, PipelineNews)
    assert [(stage.name, stage.state) for stage in told.info.stages or ()] == [
        ("build", State.SUCCEEDED),
        ("test", State.FAILED),
        ("deploy", State.SKIPPED),
    ]
    assert told.info.ended_at is not None
    again = lab(hooks.gitlab_pipeline("running"))
    assert isinstance(again, PipelineNews)
    assert again.info.ended_before is not None


def test_a_merge_request_of_gitlab() -> None:
    assert isinstance(lab(hooks.gitlab_change()), ChangeNews)
    assert isinstance(lab(hooks.gitlab_change("update")), NoNews)


def test_another_repository_and_unknown_events_are_no_news() -> None:
    other = {"repository": {"full_name": "octo/other"}}
    assert hub("workflow_run", hooks.github_run() | other) == NoNews(why="another repository")
    assert hub("ping", hooks.github(zen="Design for failure.", hook_id=1)) == NoNews(why="event ping")
    assert lab(hooks.gitlab("push")) == NoNews(why="event push")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 5000, b'{"repository": 5}', b'{"object_kind": []}'])
def test_what_is_no_delivery_is_bad_input(body: bytes) -> None:
    for read in (github_news.read, gitlab_news.read, generic_news.read):
        with pytest.raises(BadInput):
            read("workflow_run", body, "octo/shop")


def test_hostile_texts_become_one_bounded_line_and_no_link() -> None:
    run = hooks.github_run(name="a\nb\u202ec" + "x" * 500, html_url="javascript:alert(1)")
    told = hub("workflow_run", run)
    assert isinstance(told, PipelineNews)
    assert told.info.name.startswith("a b\ufffdc")
    assert len(told.info.name) == 120
    assert told.info.url == ""


def test_the_small_form_for_everything_else() -> None:
    stages = [{"name": "deploy", "state": "running"}]
    body = {"kind": "pipeline", "id": "build-17", "state": "running", "ref": "main", "stages": stages}
    told = generic_news.read("", json.dumps(body).encode(), "")
    assert isinstance(told, PipelineNews)
    assert told.info.stages is not None
    assert told.info.stages[0].changes
    for wrong in ({"state": "great"}, {"id": "a b"}, {"more": 1}, {"kind": "party"}):
        with pytest.raises(BadInput):
            generic_news.read("", json.dumps(body | wrong).encode(), "")


# --- signatures ----------------------------------------------------------------------------------------------------
def test_a_signature_of_github_is_that_of_its_documentation() -> None:
    """The example with which GitHub tells people to test their own code."""
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    headers = {"x-hub-signature-256": signature}
    assert is_signed("github", "It's a Secret to Everybody", b"Hello, World!", lambda name: headers.get(name, ""))
    assert not is_signed("github", "It's a Secret to Everybody", b"Hello, World?", lambda name: headers.get(name, ""))
    assert not is_signed("github", "", b"Hello, World!", lambda name: headers.get(name, ""))


@pytest.mark.parametrize(
    ("kind", "headers", "fine"),
    [
        ("gitlab", {"x-gitlab-token": "s3cret"}, True),
        ("gitlab", {"x-gitlab-token": "other"}, False),
        ("gitlab", {"authorization": "Bearer s3cret"}, False),
        ("generic", {"authorization": "Bearer s3cret"}, True),
        ("generic", {"authorization": "Basic s3cret"}, False),
        ("generic", {}, False),
    ],
)
def test_others_send_the_secret_itself(kind: str, headers: dict[str, str], fine: bool) -> None:
    assert is_signed(kind, "s3cret", b"{}", lambda name: headers.get(name, "")) == fine


def test_a_delivery_has_an_id_that_stays_the_same() -> None:
    sent = {"x-github-delivery": "72d3162e", "x-github-event": "workflow_run", "x-gitlab-event-uuid": "13792a34"}
    assert delivery_of("github", b"{}", lambda name: sent.get(name, "")) == ("72d3162e", "workflow_run")
    assert delivery_of("gitlab", b"{}", lambda name: sent.get(name, ""))[0] == "13792a34"
    assert delivery_of("generic", b"{}", lambda name: "")[0] == delivery_of("generic", b"{}", lambda name: "")[0]
    assert delivery_of("generic", b"{}", lambda name: "a\x00b")[0].startswith("sha256:")
